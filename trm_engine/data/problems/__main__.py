"""Reads a file for ``data view`` in a process of its own: python -m trm_engine.data.problems TASK

TASK is what ``task_of`` makes. Messages are lines on standard output (``files/jsonl.to_message``):
progress, then "done" or "error". The process ends when its parent does.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from trm_engine.data.problems.task import options_of
from trm_engine.data.problems.view import open_view
from trm_engine.errors import UserError
from trm_engine.files.jsonl import to_message
from trm_engine.worker.parent import end_with

SECONDS = 0.1
"""Time between two messages about progress."""


class _Reporter:
    """Writes progress, seldom enough."""

    def __init__(self) -> None:
        self._last = 0.0
        self._what = ""

    def __call__(self, what: str, share: float) -> None:
        now = time.monotonic()
        if what == self._what and now - self._last < SECONDS:
            return
        self._what, self._last = what, now
        _write({"type": "progress", "what": what, "share": share})


def main(task: str) -> None:
    """Do the task and say how it ended."""
    end_with(os.getppid())
    file, options = options_of(task)
    try:
        open_view(Path(file), options, _Reporter())
    except UserError as error:
        _write({"type": "error", "message": str(error)})
    else:
        _write({"type": "done"})


def _write(message: dict[str, object]) -> None:
    sys.stdout.buffer.write(to_message(message))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main(sys.argv[1])
