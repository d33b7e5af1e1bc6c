"""``python -m trm_engine.worker``: train a run's folder, or answer on standard output."""

from __future__ import annotations

import argparse
import os
import sys

from trm_engine.exports.folder import MODEL_FILES
from trm_engine.files.private import UMASK
from trm_engine.memory import limit_kernel_caches
from trm_engine.printable import guard_output
from trm_engine.worker.options import add_listen_options, add_predict_options
from trm_engine.worker.parent import end_with

EXIT_INTERRUPTED = 130


def main() -> int:
    """Run the command given; returns the exit status."""
    guard_output()
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(arguments: argparse.Namespace) -> int:
    """Import what the task needs, and do it. Files that a worker writes are private."""
    os.umask(UMASK)
    limit_kernel_caches()
    if arguments.parent:
        end_with(arguments.parent)
    if arguments.task == "train":
        from trm_engine.worker.start import train_run

        return train_run(arguments)
    if arguments.task == "serve":
        # Threads that wait by spinning would take the screen's processor from it.
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from trm_engine.worker.serve import serve

        return serve(arguments.device)
    if arguments.task == "errors":
        from trm_engine.worker.label_errors import find_label_errors

        return find_label_errors(arguments)
    if arguments.task == "listen":
        os.environ.setdefault("OMP_WAIT_POLICY", "passive")
        from trm_engine.worker.listen import listen

        return listen(arguments)
    if arguments.task in ("export", "measure"):
        from trm_engine.worker.export import export_model, measure_model

        return (export_model if arguments.task == "export" else measure_model)(arguments)
    if arguments.task == "eval":
        from trm_engine.worker.evaluate import evaluate_file

        return evaluate_file(arguments)
    from trm_engine.worker.infer import predict_lines

    return predict_lines(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trm_engine.worker", description=__doc__)
    tasks = parser.add_subparsers(dest="task", required=True)
    train = tasks.add_parser("train", help="train the run in a folder that has a config.yaml")
    train.add_argument("run")
    train.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    train.add_argument(
        "--tied", action="store_true", help="save and stop when standard input closes"
    )
    train.add_argument(
        "--commands-from", type=int, help="obey commands after the first so many bytes of the file"
    )
    train.add_argument(
        "--torchrun", action="store_true", help="be one of the processes that torchrun starts"
    )
    for name in ("--rank", "--of", "--link", "--lock"):  # set by the process that starts it
        train.add_argument(name, type=int, help=argparse.SUPPRESS)
    evaluation = tasks.add_parser("eval", help="evaluate a checkpoint on a file")
    evaluation.add_argument("checkpoint")
    evaluation.add_argument("data")
    evaluation.add_argument("--batch-size", type=int, default=32)
    evaluation.add_argument("--tools", help="tools of conversations that list none")
    prediction = tasks.add_parser("predict", help="predict JSON lines")
    add_predict_options(prediction)
    errors = tasks.add_parser("errors", help="find label errors in a file of samples")
    errors.add_argument("data")
    errors.add_argument("folder")
    errors.add_argument("--folds", type=int, default=4)
    errors.add_argument("--config")
    errors.add_argument("--set", action="append", default=[])
    exporter = tasks.add_parser("export", help="export a checkpoint to a folder")
    exporter.add_argument("checkpoint")
    exporter.add_argument("out")
    exporter.add_argument("--format", choices=[*MODEL_FILES], default="safetensors")
    exporter.add_argument("--data")
    exporter.add_argument("--force", action="store_true")
    measured = tasks.add_parser("measure", help="answer samples, for the proof of an export")
    for name in ("model", "samples", "out"):
        measured.add_argument(name)
    server = tasks.add_parser("serve", help="answer questions on standard input")
    server.add_argument("--device", default="auto")
    listener = tasks.add_parser("listen", help="serve a checkpoint over HTTP")
    add_listen_options(listener)
    every = (train, evaluation, prediction, errors, exporter, measured, server, listener)
    for task in every:
        task.add_argument("--parent", type=int, help="end when this process ends, its parent")
    for task in (evaluation, prediction, exporter, measured, listener):
        task.add_argument("--raw", action="store_true", help="raw instead of averaged weights")
    evaluation.add_argument("--halt-threshold", type=float)
    for task in (evaluation, prediction, listener):
        task.add_argument("--target-accuracy", type=float)
        task.add_argument("--device", default="auto")
    listener.set_defaults(device="cpu")
    return parser


def _leave(status: int) -> None:
    """Exit with ``status``, also when the last output cannot be written, as to a full disk.

    A process under torchrun skips the interpreter's shutdown, in which gloo's threads sometimes
    abort a process that has done all its work.
    """
    for stream in filter(None, (sys.stdout, sys.stderr)):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # the exit flushes again
    if "--torchrun" not in sys.argv:
        sys.exit(status)
    os._exit(status)


if __name__ == "__main__":
    _leave(main())
