"""events.columns: the numbers of a long events.jsonl as arrays, so that a screen opens at once.

A worker writes it at its end. It holds what the first part of the events says: the columns of all
updates, and the lines of the other events. It may be deleted at any time, and it is not used if the
events are others than those that it was made of.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from io import FileIO
from pathlib import Path
from typing import BinaryIO

import msgspec
import numpy as np

from trm_engine.files.atomic import atomic_file
from trm_engine.files.jsonl import lines_newest_first
from trm_engine.runs.numbers import numbers_of
from trm_engine.runs.schema.events import (
    EvalProgress,
    Evaluated,
    Event,
    Progress,
    Steps,
    StoredSteps,
    decode_event,
)
from trm_engine.runs.schema.fields import MOST, Count

VERSION = 1
LEAST_BYTES = 1 << 24
"""Shorter event files are read as fast without."""

LEFT_UPDATES = 100
"""The newest updates are left to the events: screens need more of them than their columns."""

EVENTS_AT_A_TIME = 2000
SEAL_BYTES = 1 << 16
ALIGNMENT = 8


class _Head(msgspec.Struct):
    """The first line of the file. Lines follow, then columns [names, rows] of float64.

    ``covers`` is the number of bytes of the events that it stands for, ``seal`` a hash of the last
    of them. ``lines`` has for each line the updates before it, the time of the last of them, and
    its length.
    """

    version: int
    covers: Count
    seal: str
    names: list[str]
    rows: Count
    lines: list[tuple[Count, float, Count]]


_decode_head = msgspec.json.Decoder(_Head).decode


def path_of(events: Path) -> Path:
    """The file beside an events.jsonl."""
    return events.with_suffix(".columns")


def write_stored(events: Path, least_bytes: int = LEAST_BYTES) -> None:
    """Write the file for events that nobody writes any more, if there are enough of them.

    Raises:
        OSError: a file cannot be read or written.
    """
    covers = _covered(events)
    if covers < least_bytes:
        return
    with open(events, "rb") as file:
        seal, collected = _seal(file, covers), _Collected()
        file.seek(0)
        while file.tell() < covers:
            collected.add(file.readline())
        columns = collected.columns()
    lines = [(rows, time, len(line)) for rows, time, line in collected.lines]
    head = _Head(VERSION, covers, seal, list(columns), collected.rows, lines)
    texts = (line for _, _, line in collected.lines)
    begin = b"".join([msgspec.json.encode(head), b"\n", *texts])
    with atomic_file(path_of(events)) as out:
        out.write(begin + b"\n" * (-len(begin) % ALIGNMENT))
        for column in columns.values():
            out.write(column.astype("<f8").data)


def read_stored(events: BinaryIO | FileIO, path: Path) -> tuple[int, Iterator[Event]]:
    """How many bytes of the events are stored, and what they say; 0 if nothing is stored of them.

    Updates come as ``StoredSteps``. Reports of progress are left out if the next event ended it.
    """
    nothing: tuple[int, Iterator[Event]] = 0, iter(())
    try:
        with open(path, "rb") as file:
            head = _decode_head(file.readline())
            lines = [(rows, time, file.read(length)) for rows, time, length in head.lines]
            begin = file.tell() + -file.tell() % ALIGNMENT
            size = os.fstat(file.fileno()).st_size
            if head.version != VERSION or size != begin + 8 * len(head.names) * head.rows:
                return nothing
            if not head.rows or not lines or _seal(events, head.covers) != head.seal:
                return nothing
            shape = len(head.names), head.rows
            numbers = np.asarray(np.memmap(file, "<f8", "r", begin, shape))
    except (OSError, ValueError):  # msgspec's errors are ValueErrors
        return nothing
    columns: dict[str, np.ndarray] = dict(zip(head.names, numbers, strict=True))
    if "step" not in columns or not 1 <= columns["step"].min() <= columns["step"].max() <= MOST:
        return nothing
    return head.covers, _replayed([*lines, (head.rows, lines[-1][1], b"")], columns)


def _replayed(
    lines: list[tuple[int, float, bytes]], columns: dict[str, np.ndarray]
) -> Iterator[Event]:
    """All events in order; the updates between two others are one."""
    done = 0
    for rows, time, line in lines:
        if rows > done:
            yield StoredSteps.of(time, {name: each[done:rows] for name, each in columns.items()})
            done = rows
        if event := decode_event(line):
            yield event


def _covered(events: Path) -> int:
    """The bytes before the newest updates."""
    left, covered = LEFT_UPDATES, events.stat().st_size
    for line in lines_newest_first(events):
        covered -= len(line) + 1
        event = decode_event(line)
        left -= len(event.steps) if isinstance(event, Steps) else 0
        if left <= 0:
            return covered + 1
    return 0


def _seal(file: BinaryIO | FileIO, covers: int) -> str:
    """A hash of the end of the first ``covers`` bytes, and of their number."""
    begin = max(0, covers - SEAL_BYTES)
    file.seek(begin)
    content = file.read(covers - begin)
    return hashlib.sha256(b"%d %d " % (covers, len(content)) + content).hexdigest()


class _Collected:
    """The lines that are kept, each with the number of updates before it, and all columns."""

    def __init__(self) -> None:
        self.rows = 0
        self.lines: list[tuple[int, float, bytes]] = []
        self._time = 0.0
        self._progress = b""
        self._events: list[Steps] = []
        self._lengths: list[int] = []
        self._parts: dict[str, list[np.ndarray]] = {}
        self._decoded = 0

    def add(self, line: bytes) -> None:
        """Take in a line."""
        event = decode_event(line)
        if isinstance(event, Steps):
            self._events.append(event)
            self._lengths.append(len(event.steps))
            self.rows += self._lengths[-1]
            self._time, self._progress = event.t, b""
            if len(self._events) == EVENTS_AT_A_TIME:
                self._decode()
        elif isinstance(event, Progress | EvalProgress):
            self._progress = line
        elif event:
            if self._progress and not isinstance(event, Evaluated):
                self.lines.append((self.rows, self._time, self._progress))
            self.lines.append((self.rows, self._time, line))
            self._progress = b""

    def columns(self) -> dict[str, np.ndarray]:
        """The numbers of all updates by name; NaN for an update without one."""
        self._decode()
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}

    def _decode(self) -> None:
        for name in {name: None for event in self._events for name in event.columns}:
            self._parts.setdefault(name, [np.full(self._decoded, np.nan)])
        for name, parts in self._parts.items():
            texts = [event.columns.get(name) for event in self._events]
            parts.append(numbers_of(texts, self._lengths))
        self._decoded = self.rows
        self._events, self._lengths = [], []
