"""Commands: what viewers ask of a worker, one JSON line each."""

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
"""Bytes of a line beyond which it is no command."""


def send_command(path: Path, command: Command) -> None:
    """Ask the worker that reads ``path`` for something."""
    append(path, to_line({"command": command, "t": time.time()}))


def given_so_far(path: Path) -> int:
    """The size of a file of commands: a worker started now obeys what comes after it."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


class CommandReader:
    """The commands given after the first ``begin`` bytes, in order; other lines are passed over.

    No clock decides which commands are new, and a file that is cut off or replaced hides none:
    new are the lines that were not there before. Each has its time, so that no two are equal.
    """

    def __init__(self, path: Path, begin: int = 0) -> None:
        self._path = path
        self._seen: set[bytes] = set()
        self._looked_at: tuple[int, ...] = ()
        if begin:
            self._seen.update(self._lines(begin))

    def read(self) -> list[str]:
        """The commands given since the last look."""
        try:
            status = os.stat(self._path)
            now = status.st_ino, status.st_size, status.st_mtime_ns  # before reading
            if now == self._looked_at:
                return []
            lines = self._lines()
        except OSError:  # there is no file yet, or what is there is none
            return []
        self._looked_at = now
        new = [line for line in dict.fromkeys(lines) if line not in self._seen]
        self._seen.update(new)
        return [command for line in new if (command := _command(line))]

    def _lines(self, size: int = -1) -> list[bytes]:
        """The whole lines that can be commands."""
        with open(self._path, "rb") as file:
            return [line for line in file.read(size).split(b"\n")[:-1] if len(line) <= LONGEST]


def _command(line: bytes) -> str | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    command = record.get("command") if isinstance(record, dict) else None
    return command if isinstance(command, str) and command in COMMANDS else None


def in_order_of_weight(commands: list[str]) -> list[str]:
    """What is left to do of commands given together: an abort or a stop overtakes all others, and
    of equal ones the last counts."""
    for word in ("abort", "stop"):
        if word in commands:
            return [word]
    return list(dict.fromkeys(reversed(commands)))[::-1]
