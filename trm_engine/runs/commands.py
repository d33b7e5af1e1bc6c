"""Commands from viewers to a worker, one JSON line each. ``COMMANDS`` lists them.

The worker obeys a command after the current update or evaluation. An abort also interrupts an
evaluation; an abort or a stop interrupts the preparation. Equal commands that wait together are
obeyed once. A command that changes nothing (a second pause) has no answer.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import msgspec

from trm_engine.files.held import HeldFolder
from trm_engine.files.jsonl import append, to_line
from trm_engine.runs.events import ENDED
from trm_engine.runs.schema.events import CheckpointSaved, Evaluated, Event
from trm_engine.runs.schema.fields import State

LONGEST = 200
"""Longer lines (in bytes) are no commands."""

LIVE: frozenset[str] = frozenset(get_args(State)) - ENDED
OBEDIENT = LIVE - {"stopping"}
"""States in which the worker reads commands: while it stops it only saves."""


@dataclass(frozen=True)
class Confirmation:
    """A question to the user before a command is sent. ``danger``: the command loses work."""

    title: str
    text: str
    yes: str
    danger: bool = False


@dataclass(frozen=True)
class Command:
    """A command from a viewer to a run.

    Attributes:
        name: the name in the command file.
        help: a description for the user.
        waiting: the header's text until the worker answers.
        answer: the state or the type of event that answers it; None if there is no answer.
        states: the states of the run in which the command is allowed.
        confirmation: the question to the user before the command is sent.
        priority: if several commands wait, only those with the highest priority are obeyed.
    """

    name: str
    help: str
    waiting: str = ""
    answer: State | type[Event] | None = None
    states: Collection[str] = OBEDIENT
    confirmation: Confirmation | None = None
    priority: int = 0

    @property
    def is_cumulative(self) -> bool:
        """Whether sending it twice does it twice. An event, not a state, answers such a command."""
        return isinstance(self.answer, type)


STOP = Confirmation(
    "Stop the training?",
    "It saves a checkpoint first. You can resume the run later with --resume.",
    "Stop",
)
ABORT = Confirmation(
    "End the training now?",
    "The training since the last checkpoint is lost.",
    "End now",
    danger=True,
)

_TABLE = (
    Command("pause", "Pause the training", "pausing…", "paused", OBEDIENT - {"paused"}),
    Command("resume", "Resume the training", "resuming…", "running", {"paused"}),
    Command("evaluate", "Evaluate now", "evaluation requested…", Evaluated),
    Command("save", "Save a checkpoint now", "saving…", CheckpointSaved),
    Command(
        "stop", "Save a checkpoint and end the training", "stopping…", "stopping", OBEDIENT, STOP, 1
    ),
    Command(
        "abort", "End the training now, without saving", "ending…", "stopped", OBEDIENT, ABORT, 2
    ),
    Command("detach", "Keep training when the viewer that started it ends", states=LIVE),
)
COMMANDS = {command.name: command for command in _TABLE}


class _Line(msgspec.Struct):
    command: str


_decode = msgspec.json.Decoder(_Line).decode


def send_command(path: Path, name: str) -> None:
    """Append a command to the file that the worker reads.

    Raises:
        KeyError: there is no such command.
        OSError: the file cannot be written.
    """
    append(path, to_line({"command": COMMANDS[name].name, "t": time.time()}))


def try_to_send(folder: HeldFolder, path: Path, name: str) -> bool:
    """Send a command, unless the run's ``folder`` was removed. Returns whether it was written."""
    if folder.is_removed():
        return False
    try:
        send_command(path, name)
    except OSError:
        return False
    return True


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
        """The names of the commands since the last call."""
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
        name = _decode(line).command
    except (ValueError, RecursionError):
        return None
    return name if name in COMMANDS else None


def prioritised(names: list[str]) -> list[str]:
    """Reduce commands that arrived together to those of the highest priority.

    Of equal commands only the last one is kept.
    """
    highest = max((COMMANDS[name].priority for name in names), default=0)
    kept = [name for name in reversed(names) if COMMANDS[name].priority == highest]
    return list(dict.fromkeys(kept))[::-1]
