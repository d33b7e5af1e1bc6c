"""Events: what a worker tells its viewers, and how a run's story is read back from them.

Every event has ``v`` (format), ``seq`` (from 0, rising by 1), ``t`` (Unix seconds) and ``type``:

- ``run_started``: config, data, labels, parameters, device, dtype, dtype_reason, versions,
  git_revision, seed, pid, host, world_size, total_steps, steps_per_epoch, resumed_from (update, or
  null). Later steps of an earlier start are void.
- ``steps``: ``columns``, one list a name, one entry an update since the last such event: step,
  epoch (fraction), time, lr, grad_norm, samples, tokens, samples_per_s, tokens_per_s, every loss;
  ``by_step``: for each of those updates the total loss at each supervision step it trained.
- ``progress``: what is done before training, share (0 to 1).
- ``eval_progress``: step, done, total (samples).
- ``eval``: step, epoch, seconds, metrics, best (whether it is the best so far).
- ``checkpoint``: step, epoch, path, kind (step, epoch, last, best, final), bytes.
- ``log``: level (info, warning, error), message.
- ``state``: state, and reason where there is one.
- ``failed``: message, traceback, user_error (whether it is the user's to mend).

Numbers that JSON lacks are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from trm_engine.runs.jsonl import JsonlReader, append, newest_first, to_line

VERSION = 1
FLUSH_SECONDS = 0.05
RETRY_SECONDS = 1.0

State = Literal["starting", "running", "paused", "stopping", "finished", "stopped", "failed"]
ENDED: frozenset[str] = frozenset({"finished", "stopped", "failed"})

Event = dict[str, Any]


class EventWriter:
    """Appends events to a file, at most one write every 50 ms, from a thread of its own.

    A write that fails (a full disk) is kept and tried again with the next, or after a second;
    ``on_error`` is told once for each spell of failures.
    """

    def __init__(self, path: Path, on_error: Callable[[OSError], None] | None = None) -> None:
        self._path = path
        self._on_error = on_error
        self._failing = False
        self._pending: list[bytes] = []
        self._lock = threading.RLock()  # ``on_error`` may write an event
        self._wake = threading.Event()
        self._closing = False
        with suppress(OSError):
            append(path, b"")  # a torn last line may be an event but for its end
        self._seq = 1 + next((e["seq"] for e in newest_first(path) if "seq" in e), -1)
        self._thread = threading.Thread(target=self._run, name="events", daemon=True)
        self._thread.start()

    def write(self, kind: str, /, **content: Any) -> None:
        """Queue one event; it is on disk within 50 ms, or after ``flush``."""
        with self._lock:
            event = {"v": VERSION, "seq": self._seq, "t": round(time.time(), 3), "type": kind}
            self._pending.append(to_line({**event, **content}))
            self._seq += 1
        self._wake.set()

    def flush(self) -> bool:
        """Write what is queued, now. Returns whether it is on disk."""
        with self._lock:
            return self._write_pending()

    def close(self) -> None:
        """Write what is queued and end the thread."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout=5)
        self.flush()

    def _run(self) -> None:
        while not self._closing:
            self._wake.wait(RETRY_SECONDS if self._failing else None)
            self._wake.clear()
            time.sleep(FLUSH_SECONDS)
            self.flush()

    def _write_pending(self) -> bool:
        if not self._pending:
            return True
        try:
            append(self._path, b"".join(self._pending))
        except OSError as error:
            first, self._failing = not self._failing, True
            if first and self._on_error:
                self._on_error(error)
            return False
        self._pending.clear()
        self._failing = False
        return True


def read_events(path: Path) -> list[Event]:
    """Every whole event of a file, in order; an empty list if there is none."""
    return [event for event in JsonlReader(path).read() if "seq" in event and "type" in event]


def step_columns(events: Iterable[Event]) -> dict[str, list[Any]]:
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
    """The state that a file's events end in; None if none was told."""
    return next((e["state"] for e in newest_first(path) if e.get("type") == "state"), None)


def _append(columns: dict[str, list[Any]], new: dict[str, list[Any]]) -> None:
    before, added = len(columns.get("by_step", [])), len(new["by_step"])
    for name in dict.fromkeys([*columns, *new]):
        column = columns.setdefault(name, [None] * before)
        column += new.get(name, [None] * added)


def _forget_after(columns: dict[str, list[Any]], step: int) -> None:
    kept = sum(1 for each in columns.get("step", []) if each <= step)
    for values in columns.values():
        del values[kept:]
