"""Commands: what viewers ask of a worker, one JSON line each."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal, get_args

from trm_engine.runs.jsonl import JsonlReader, append, to_line

Command = Literal["pause", "resume", "evaluate", "save", "stop", "abort", "detach"]
COMMANDS: tuple[str, ...] = get_args(Command)


def send_command(path: Path, command: Command) -> None:
    """Ask the worker that reads ``path`` for something."""
    append(path, to_line({"command": command, "t": round(time.time(), 3)}))


class CommandReader:
    """The commands given since it was made, in order; unknown ones are passed over."""

    def __init__(self, path: Path) -> None:
        self._reader = JsonlReader(path, from_end=True)

    def read(self) -> list[str]:
        """The commands given since the last look."""
        given = (record.get("command") for record in self._reader.read())
        return [command for command in given if command in COMMANDS]
