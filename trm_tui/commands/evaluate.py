"""`trm-tui eval`: evaluate a checkpoint on a file of samples."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from trm_engine.errors import UserError, WorkerError
from trm_engine.files.jsonl import from_message, write_json
from trm_engine.runs import launch
from trm_engine.runs.folder import find_checkpoint
from trm_engine.wording import counted

Metrics = dict[str, Any]


def evaluate(
    checkpoint: Path, data: Path, options: dict[str, Any], raw: bool, as_json: bool
) -> None:
    """Evaluate in a worker, then print the metrics as tables or as JSON.

    Raises:
        UserError: the checkpoint or the data cannot be used.
        WorkerError: the worker ended without a result.
    """
    files = str(find_checkpoint(checkpoint)), str(data)
    metrics = run_worker("eval", "evaluating", *worker_options(options, raw), "--", *files)
    if as_json:
        write_json(metrics)
    else:
        _print(metrics)


def worker_options(options: dict[str, Any], raw: bool) -> list[str]:
    """Command-line options for the worker; None leaves an option out, a list repeats it."""
    given: list[str] = []
    for name, value in options.items():
        if isinstance(value, list):
            given += [f"{name}={each}" for each in value]  # such as a pattern that begins with -
        elif value is not None:
            given += [name, str(value)]
    return given + ["--raw"] * raw


def run_worker(task: str, title: str, *arguments: str) -> Metrics:
    """Run a worker up to its result; ``title`` stands at the progress bar.

    Raises:
        UserError: what the worker reports as the user's.
        WorkerError: it ended without a result.
    """
    from trm_tui.plain.progress import progress_bar

    with tempfile.TemporaryFile() as log:
        stdin = None if arguments[-1] == "-" else subprocess.DEVNULL
        worker = launch.start_inference(task, *arguments, stdin=stdin, stderr=log)
        try:
            with progress_bar(title, 1) as done:
                metrics = _read_metrics(worker.stdout or (), done)
        finally:
            worker.kill()
            worker.wait()
        if metrics is None:
            log.seek(0)
            details = log.read().decode(errors="replace").strip()
            raise WorkerError("The worker ended without a result.", details)
    return metrics


def _read_metrics(lines: Iterable[bytes], done: Callable[[float], None]) -> Metrics | None:
    """Follow the worker's messages up to the result.

    Returns None if there is no result. Raises UserError if the worker reports one.
    """
    for line in lines:
        message: Metrics = from_message(line)
        kind = message.pop("type")
        if kind == "progress":
            done(message["done"] / max(message["total"], 1))
        elif kind == "error":
            raise UserError(message["message"])
        elif kind == "result":
            return message
    return None


def _print(metrics: Metrics) -> None:
    from msgspec import convert

    from trm_engine.runs.schema.evaluation import Evaluation
    from trm_tui.plain.tables import EvaluationTables, steps_table
    from trm_tui.text.console import table_console

    evaluation = convert(metrics, Evaluation)
    console = table_console()
    title = f"Evaluation Results\n{counted(evaluation.samples or 0, 'sample')}"
    console.print(EvaluationTables(evaluation, title))
    console.print()
    console.print(steps_table(evaluation.by_step))
