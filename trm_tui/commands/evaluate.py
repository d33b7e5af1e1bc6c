"""`trm-tui eval`: evaluate a checkpoint on a file of samples."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

from trm_engine.files.jsonl import write_json
from trm_engine.runs.folder import find_checkpoint
from trm_engine.wording import counted
from trm_tui.plain.worker_answer import answer_of

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
    stdin = None if files[1] == "-" else subprocess.DEVNULL
    arguments = (*worker_options(options, raw), "--", *files)
    metrics = answer_of("eval", *arguments, doing="evaluating", stdin=stdin) or {}
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
