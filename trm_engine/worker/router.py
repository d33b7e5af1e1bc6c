"""``trm-router``: serve an exported model, or predict with it, where there is no torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trm_engine.errors import UserError
from trm_engine.printable import guard_output
from trm_engine.worker.options import add_listen_options, add_predict_options

EXIT_INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line asks. Returns the exit status."""
    guard_output()
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _run(asked: argparse.Namespace) -> int:
    from trm_engine.runs.folder import find_checkpoint

    found = find_checkpoint(Path(asked.checkpoint))
    if asked.task == "serve":
        from trm_engine.worker.listen import listen

        return listen(asked)
    from trm_engine.worker.infer import predict_lines

    asked.checkpoint = str(found)
    return predict_lines(asked)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="trm-router", description="Runs exported models.")
    tasks = parser.add_subparsers(dest="task", required=True)
    add_listen_options(tasks.add_parser("serve", help="serve a model over HTTP"))
    add_predict_options(tasks.add_parser("predict", help="answer JSON lines"))
    for task in tasks.choices.values():
        task.set_defaults(device="cpu", raw=False)
    return parser


if __name__ == "__main__":
    sys.exit(main())
