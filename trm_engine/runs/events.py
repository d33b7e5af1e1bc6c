"""The event file of a run: a worker writes it, viewers read it while it grows.

``schema.events`` defines the events.
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
)

VERSION = 1
FLUSH_SECONDS = 0.05
RETRY_SECONDS = 1.0
BLOCK = 1 << 18
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

ENDED: frozenset[str] = frozenset({"finished", "stopped", "failed"})


class EventWriter:
    """Appends events to a file from its own thread, with at most one write every 50 ms.

    After a failed write (a full disk) the events are kept, and written with the next ones or after
    a second. ``on_error`` is called for the first of several failures in a row. If the folder was
    replaced by another one, nothing is written.
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
            append(path, b"")  # ends a torn last line
        numbers = map(decode_seq, lines_newest_first(path))
        self._seq = 1 + next((seq for seq in numbers if seq is not None), -1)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def write(self, event: NewEvent) -> None:
        """Queue an event. It is written within 50 ms, or by ``flush``."""
        with self._lock:
            event.seq, event.t = self._seq, round(time.time(), 3)
            self._pending.append(to_line({"v": VERSION, **msgspec.to_builtins(event)}))
            self._seq += 1
        self._wake.set()

    __call__ = write

    def flush(self) -> bool:
        """Write the queued events now. Returns whether they are in the file."""
        with self._lock:
            return self._write_pending()

    def sync(self) -> None:
        """Write the queued events and call fsync, so that they survive a power cut.

        Raises:
            RunError: the run folder was removed.
            OSError: the disk is full. Other errors are ignored, so that a checkpoint can still be
                saved.
        """
        self._folder.check()
        with self._lock:
            if self._write_pending():
                with suppress(OSError), open(self._path, "rb") as file:
                    os.fsync(file.fileno())
            elif self._error and self._error.errno in NO_ROOM:
                raise self._error

    def close(self) -> None:
        """Write the queued events and end the thread."""
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
            if self._folder.is_removed():  # the path may now be another run's folder
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
    """Writes no events. Used by all processes of a run except the main one."""

    def __call__(self, event: NewEvent) -> None:
        """Discard the event."""

    def sync(self) -> None:
        """Do nothing."""


class EventReader:
    """Reads the events that were added to a file since the last call.

    Attributes:
        behind: the unread share (0 to 1) of the file at the last call.
        restarted: whether the last call found a replaced or truncated file and read it from the
            start.

    Args:
        path: the file. It may not exist yet.
        from_end: skip the events that are in the file now.
        stored: take what ``stored_columns`` has from there. Updates are then ``StoredSteps``, and
            reports of progress are left out.
    """

    def __init__(self, path: Path, from_end: bool = False, stored: bool = False) -> None:
        self.path = path
        self.behind = 0.0
        self.restarted = False
        self._offset = 0
        self._identity: tuple[int, int] | None = None
        self._torn = -1
        self._stored: Iterator[Event] | None = None if stored else iter(())
        if from_end:
            with suppress(OSError):
                status = path.stat()
                self._offset, self._identity = status.st_size, (status.st_dev, status.st_ino)

    def read(self, seconds: float | None = None) -> list[Event]:
        """The next events, for about ``seconds``. The next call continues after them.

        An incomplete last line is left for a later call. Lines that are no events are skipped.
        """
        deadline = time.perf_counter() + (float("inf") if seconds is None else seconds)
        events: list[Event] = []
        self.restarted = False
        try:
            with open(self.path, "rb", buffering=0) as file:
                self._look_whether_restarted(os.fstat(file.fileno()))
                for event in self._take_stored(file):
                    events.append(event)
                    if time.perf_counter() >= deadline:
                        return events
                while lines := self._next_lines(file):
                    events += filter(None, map(decode_event, lines))
                    if time.perf_counter() >= deadline:
                        break
        except OSError:  # missing or unreadable
            self.behind = 0.0
        return events

    def _look_whether_restarted(self, status: os.stat_result) -> None:
        identity = status.st_dev, status.st_ino
        known, self._identity = self._identity, identity
        if self._offset and (identity != known or status.st_size < self._offset):
            self.restarted = True
            self._offset = 0
            self._stored = iter(())

    def _take_stored(self, file: io.FileIO) -> Iterator[Event]:
        """The rest of what is stored. The file is read from where that ends."""
        if self._stored is None:
            from trm_engine.runs.stored_columns import path_of, read_stored  # imports numpy

            self._offset, self._stored = read_stored(file, path_of(self.path))
            self.behind = 1 - self._offset / max(os.fstat(file.fileno()).st_size, 1)
        return self._stored

    def _next_lines(self, file: io.FileIO) -> list[bytes]:
        """The complete lines of the next block. The block grows until it has at least one."""
        size = BLOCK
        if os.fstat(file.fileno()).st_size == self._torn:  # no new bytes since the torn line
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
        waits = whole and len(block) == size  # otherwise only a torn line can be left
        self.behind = max(0.0, 1 - self._offset / end) if waits else 0.0
        return block[:whole].splitlines()


def events_newest_first(path: Path) -> Iterator[Event]:
    """Yield the complete events of a file from its end, reading only as far as needed."""
    return filter(None, map(decode_event, lines_newest_first(path)))


def latest_state(newest_first: Iterable[Event]) -> str | None:
    """The last reported state; None if there is none. A ``steps`` event implies "running"."""
    for event in newest_first:
        if isinstance(event, Steps):
            return "running"
        if isinstance(event, StateChanged):
            return event.state
    return None


def last_state(path: Path) -> str | None:
    """The last reported state in a file."""
    return latest_state(events_newest_first(path))


def reports_checkpoint(path: Path, checkpoint: Path, step: int) -> bool:
    """Whether an event reports that ``checkpoint`` was saved at ``step``.

    The event is missing if the process was killed after it saved the file. Events are in order, so
    the search ends at an earlier step.
    """
    for event in events_newest_first(path):
        if isinstance(event, CheckpointSaved) and event.step == step:
            if Path(event.path).name == checkpoint.name:
                return True
        elif isinstance(event, Steps):
            return event.steps[-1] > step
    return False
