"""The file of events: written by a worker, read by viewers while it grows. ``schema.events`` has
what they say.

Commands are answered so: ``pause`` and ``resume`` by ``state`` paused and running, ``evaluate`` by
``eval``, ``save`` by ``checkpoint`` of kind step, ``stop`` by ``state`` stopping and stopped,
``abort`` by ``state`` stopped. They are obeyed after the update at work, or after the evaluation;
an abort also ends an evaluation, and it and a stop the preparation. A stop overtakes
what was asked for before, and equal commands that wait together are obeyed once. What changes
nothing (a second ``pause``) has no answer, ``detach`` neither.
"""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.files.held import HeldFolder
from trm_engine.files.jsonl import append, lines_newest_first, to_line
from trm_engine.runs.schema.events import (
    CheckpointSaved,
    Event,
    NewEvent,
    StateChanged,
    Steps,
    decode_event,
    decode_seq,
    decode_whole,
)

VERSION = 1
FLUSH_SECONDS = 0.05
RETRY_SECONDS = 1.0
BLOCK = 1 << 18
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

ENDED: frozenset[str] = frozenset({"finished", "stopped", "failed"})

Record = dict[str, Any]
"""An event as JSON has it."""


class EventWriter:
    """Appends events to a file, at most one write every 50 ms, from a thread of its own.

    A write that fails (a full disk) is kept and tried again with the next, or after a second;
    ``on_error`` is told once for each spell of failures. Nothing is written into another folder
    that has taken the place of the file's.
    """

    def __init__(self, path: Path, on_error: Callable[[OSError], None] | None = None) -> None:
        self._path = path
        self._folder = HeldFolder(path.parent)
        self._on_error = on_error
        self._error: OSError | None = None
        self._pending: list[bytes] = []
        self._lock = threading.RLock()  # ``on_error`` may write an event
        self._wake = threading.Event()
        self._closing = False
        with suppress(OSError):
            append(path, b"")  # a torn last line may be an event but for its end
        numbers = map(decode_seq, lines_newest_first(path))
        self._seq = 1 + next((seq for seq in numbers if seq is not None), -1)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def write(self, event: NewEvent) -> None:
        """Queue one event; it is on disk within 50 ms, or after ``flush``."""
        with self._lock:
            event.seq, event.t = self._seq, round(time.time(), 3)
            self._pending.append(to_line({"v": VERSION, **to_record(event)}))
            self._seq += 1
        self._wake.set()

    __call__ = write

    def flush(self) -> bool:
        """Write what is queued, now. Returns whether it is in the file."""
        with self._lock:
            return self._write_pending()

    def sync(self) -> None:
        """Write what is queued and have it on the disk, where a power cut leaves it.

        Raises:
            RunError: the run's folder is gone.
            OSError: the disk has no room for it. Nothing else is raised: a file that cannot be
                written for another reason must not keep a checkpoint from being saved.
        """
        self._folder.check()
        with self._lock:
            if self._write_pending():
                with suppress(OSError), open(self._path, "rb") as file:
                    os.fsync(file.fileno())
            elif self._error and self._error.errno in NO_ROOM:
                raise self._error

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(RETRY_SECONDS if self._error else None)
            self._wake.clear()
            time.sleep(FLUSH_SECONDS)
            self.flush()

    def _write_pending(self) -> bool:
        if not self._pending:
            return True
        try:
            if self._folder.is_removed():  # another one may be there, to which they do not belong
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(self._path))
            append(self._path, b"".join(self._pending))
        except OSError as error:
            first, self._error = self._error is None, error
            if first and self._on_error:
                self._on_error(error)
            return False
        self._pending.clear()
        self._error = None
        return True


class Silent:
    """Reports nothing: only the main process of a run writes events."""

    def __call__(self, event: NewEvent) -> None:
        """Forget the event."""

    def sync(self) -> None:
        """There is nothing to write."""


class EventReader:
    """Reads the events that a file has gained since the last look, some or all of them.

    Attributes:
        behind: the share (0 to 1) of the file that waits to be read, as of the last look.
        restarted: whether the last look found another or a shorter file and began anew.

    Args:
        path: the file, which need not be there yet.
        from_end: pass over what is in the file now.
    """

    def __init__(self, path: Path, from_end: bool = False) -> None:
        self.path = path
        self.behind = 0.0
        self.restarted = False
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._torn = -1
        if from_end:
            with suppress(OSError):
                status = path.stat()
                self._offset, self._identity = status.st_size, (status.st_dev, status.st_ino)

    def read(self, seconds: float | None = None) -> list[Event]:
        """The next whole events; those not reached in about ``seconds`` wait for the next look.

        An unfinished last line waits too; lines that are no events are passed over.
        """
        deadline = time.perf_counter() + (float("inf") if seconds is None else seconds)
        events: list[Event] = []
        self.restarted = False
        try:
            with open(self.path, "rb", buffering=0) as file:
                self._look_whether_restarted(os.fstat(file.fileno()))
                while lines := self._next_lines(file):
                    events += filter(None, map(decode_event, lines))
                    if time.perf_counter() >= deadline:
                        break
        except OSError:  # it is not there, or cannot be read (any more)
            self.behind = 0.0
        return events

    def _look_whether_restarted(self, status: os.stat_result) -> None:
        identity = status.st_dev, status.st_ino
        known, self._identity = self._identity, identity
        if self._offset and (identity != known or status.st_size < self._offset):
            self.restarted = True
            self._offset = 0

    def _next_lines(self, file: io.FileIO) -> list[bytes]:
        """The whole lines of the next block, which grows until it holds at least one."""
        size = BLOCK
        if os.fstat(file.fileno()).st_size == self._torn:  # still all that there is of a line
            return []
        while True:
            file.seek(self._offset)
            block = file.read(size)
            whole = block.rfind(b"\n") + 1
            if whole or len(block) < size:
                break
            size *= 2
        self._offset += whole
        self._torn = -1 if whole else self._offset + len(block)
        end = os.fstat(file.fileno()).st_size
        waits = whole and len(block) == size  # else there is at most a torn last line
        self.behind = max(0.0, 1 - self._offset / end) if waits else 0.0
        return block[:whole].splitlines()


def to_record(event: NewEvent) -> Record:
    """The event as it is written."""
    record: Record = msgspec.to_builtins(event)
    return record


def read_events(path: Path) -> list[Record]:
    """Every whole event of a file as JSON, in order, for scripts; [] if there is none."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [msgspec.json.decode(line) for line in lines if decode_whole(line)]


def events_newest_first(path: Path) -> Iterator[Event]:
    """The whole events of a file from its end, reading no more of it than is asked for."""
    return filter(None, map(decode_event, lines_newest_first(path)))


def step_columns(events: Iterable[Record]) -> dict[str, list[Any]]:
    """The columns of all updates that count: steps that a later start did again are left out.

    A column that some events lack holds None for their updates.
    """
    columns: dict[str, list[Any]] = {}
    for event in events:
        if event["type"] == "run_started":
            _forget_after(columns, event.get("resumed_from") or 0)
        elif event["type"] == "steps":
            _append(columns, {**event["columns"], "by_step": event["by_step"]})
    return columns


def last_state(path: Path) -> str | None:
    """The state that a file's events end in; None if none was told. Steps imply running."""
    for event in events_newest_first(path):
        if isinstance(event, Steps):
            return "running"
        if isinstance(event, StateChanged):
            return event.state
    return None


def tells_of_checkpoint(path: Path, checkpoint: Path, step: int) -> bool:
    """Whether a file's events say that ``checkpoint`` was saved at ``step``.

    They do not if the process was killed between the file and its event. Events keep their order,
    so those before that step need not be looked at.
    """
    for event in events_newest_first(path):
        if isinstance(event, CheckpointSaved) and event.step == step:
            if Path(event.path).name == checkpoint.name:
                return True
        elif isinstance(event, Steps):
            return event.steps[-1] > step
    return False


def _append(columns: dict[str, list[Any]], new: dict[str, list[Any]]) -> None:
    before, added = len(columns.get("by_step", [])), len(new["by_step"])
    for name in dict.fromkeys([*columns, *new]):
        column = columns.setdefault(name, [None] * before)
        column += new.get(name, [None] * added)


def _forget_after(columns: dict[str, list[Any]], step: int) -> None:
    kept = sum(1 for each in columns.get("step", []) if each <= step)
    for values in columns.values():
        del values[kept:]
