"""Commands: what viewers ask of a worker, one JSON line each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal, get_args

from trm_engine.runs.jsonl import JsonlReader, append, to_line

Command = Literal["pause", "resume", "evaluate", "save", "stop", "abort", "detach"]
COMMANDS: tuple[str, ...] = get_args(Command)


def send_command(path: Path, command: Command) -> None:
    """Ask the worker that reads ``path`` for something."""
    append(path, to_line({"command": command, "t": time.time()}))


class CommandReader:
    """The commands given since ``since`` (Unix seconds), in order; unknown ones are passed over.

    A worker reads those given since its process began, also while it was still starting, and none
    that were meant for an earlier worker of the same run.
    """

    def __init__(self, path: Path, since: float) -> None:
        self._reader = JsonlReader(path)
        self._since = since

    def read(self) -> list[str]:
        """The commands given since the last look."""
        given = (record for record in self._reader.read() if self._is_new(record))
        return [record["command"] for record in given if record.get("command") in COMMANDS]

    def _is_new(self, record: dict[str, Any]) -> bool:
        given_at = record.get("t")
        return isinstance(given_at, int | float) and given_at >= self._since
