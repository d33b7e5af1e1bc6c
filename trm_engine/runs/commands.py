"""Commands from viewers to a worker, one JSON line each."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Literal, get_args

from trm_engine.files.jsonl import append, to_line

Command = Literal["pause", "resume", "evaluate", "save", "stop", "abort", "detach"]
COMMANDS: tuple[str, ...] = get_args(Command)
LONGEST = 200
"""Longer lines (in bytes) are no commands."""


def send_command(path: Path, command: Command) -> None:
    """Append a command to the file that the worker reads."""
    append(path, to_line({"command": command, "t": time.time()}))


def commands_size(path: Path) -> int:
    """The size of a command file. A worker that starts now ignores the commands up to there."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


class CommandReader:
    """Reads the commands after the first ``begin`` bytes, in order. Other lines are skipped.

    A command is new if its line was not in the file before. Every line has a timestamp, so that no
    two are equal. This needs no clock, and works if the file is truncated or replaced.
    """

    def __init__(self, path: Path, begin: int = 0) -> None:
        self._path = path
        self._seen: set[bytes] = set()
        self._looked_at: tuple[int, ...] = ()
        if begin:
            self._seen.update(self._lines(begin))

    def read(self) -> list[str]:
        """The commands since the last call."""
        try:
            status = os.stat(self._path)
            now = status.st_ino, status.st_size, status.st_mtime_ns  # before reading
            if now == self._looked_at:
                return []
            lines = self._lines()
        except OSError:  # no file yet, or not readable
            return []
        self._looked_at = now
        new = [line for line in dict.fromkeys(lines) if line not in self._seen]
        self._seen.update(new)
        return [command for line in new if (command := _command(line))]

    def _lines(self, size: int = -1) -> list[bytes]:
        """The complete lines that are short enough for a command."""
        with open(self._path, "rb") as file:
            return [line for line in file.read(size).split(b"\n")[:-1] if len(line) <= LONGEST]


def _command(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    command = record.get("command") if isinstance(record, dict) else None
    return command if isinstance(command, str) and command in COMMANDS else None


def prioritised(commands: list[str]) -> list[str]:
    """Reduce commands that arrived together: an abort or a stop replaces all others.

    Of equal commands only the last one is kept.
    """
    for word in ("abort", "stop"):
        if word in commands:
            return [word]
    return list(dict.fromkeys(reversed(commands)))[::-1]
