"""The answer of a worker that is started for one task, with a progress bar until it comes."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable, Iterable
from typing import Any

import typer

from trm_engine.errors import UserError, WorkerError
from trm_engine.files.jsonl import from_message
from trm_engine.runs import launch

Answer = dict[str, Any]


def answer_of(
    task: str,
    *arguments: str,
    doing: str,
    stopping: str = "",
    stdin: int | None = subprocess.DEVNULL,
) -> Answer | None:
    """The result of a worker; None if it was asked to stop before that.

    ``doing`` stands before the progress bar; ``stopping`` is said after Ctrl+C, while it ends.

    Raises:
        UserError: the worker reports one.
        WorkerError: it ended without an answer.
        KeyboardInterrupt: it ended after Ctrl+C.
    """
    from trm_tui.plain.progress import progress_bar

    with tempfile.TemporaryFile() as log:
        worker = launch.start_inference(task, *arguments, stdin=stdin, stderr=log)
        try:
            with progress_bar(doing, 1) as done:
                answer = _follow(worker.stdout or (), done)
        except KeyboardInterrupt:
            if stopping:
                typer.echo(stopping, err=True)
            raise
        finally:
            worker.terminate()
            worker.wait()
        if answer is None:
            log.seek(0)
            details = log.read().decode(errors="replace").strip()
            raise WorkerError("The worker ended without a result.", details)
    return answer if answer.pop("type") == "result" else None


def _follow(lines: Iterable[bytes], done: Callable[[float], None]) -> Answer | None:
    """Follow the worker's messages to its answer. Raises UserError if it reports one."""
    for line in lines:
        message: Answer = from_message(line)
        if message["type"] == "progress":
            done(message["share"])
        elif message["type"] == "error":
            raise UserError(message["message"])
        else:
            return message
    return None
