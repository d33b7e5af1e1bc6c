"""Texts: the conversations that a server was asked about, kept in a file if somebody wants them.

A line is a sample without labels, ``history`` and ``tools``, and with ``served``: what the model
answered. So every command that takes conversations takes the file.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from msgspec import Struct, convert, to_builtins

from trm_engine.errors import UserError, in_words
from trm_engine.files.jsonl import append, to_line
from trm_engine.files.private import FILE_MODE, private_files
from trm_engine.runs.schema.fields import DecisionName
from trm_engine.serving.redaction import Redactor

LARGEST = 64 << 20
"""Bytes of a file; then it is renamed and a new one begun."""
OLDER = ".1"
"""Ending of the renamed file. The one before it is removed."""
MOST_WAITING = 1000
"""Conversations that wait to be written; further ones are not kept."""

SAID = ("calls", "slots", "reason")
"""Fields of what was served that have words of the conversation."""


class Served(Struct, kw_only=True):
    """What the model answered to a conversation.

    ``outcome`` is "call", "answer", "abstain" or "forward"; ``reason`` says why it abstained.
    ``calls`` have ``name`` and ``arguments``. ``time`` is in seconds since 1970.
    """

    time: float
    model: str
    interface: str
    outcome: str
    decision: DecisionName
    calls: list[dict[str, Any]]
    slots: dict[str, str]
    confidence: float
    q: float
    reason: str = ""


class Kept(Struct):
    """A line of the file."""

    history: list[dict[str, Any]]
    served: Served
    tools: list[dict[str, Any]] = []


class TextLog:
    """Writes conversations to a file that only its user can read, on a thread of its own.

    Args:
        path: the file. It is appended to.
        redactor: takes out what must not be kept.
        log: is told, once, if the file cannot be written.

    Raises:
        UserError: the file cannot be written.
    """

    def __init__(self, path: Path, redactor: Redactor, log: Callable[[str], None]) -> None:
        self.path = path.absolute()
        self.lost = 0
        self._redactor = redactor
        self._log = log
        self._room = threading.Semaphore(MOST_WAITING)
        self._thread = ThreadPoolExecutor(1, "texts")
        try:
            with private_files():
                append(self.path, b"")
            os.chmod(self.path, FILE_MODE)
        except OSError as error:
            raise UserError(f"--log-texts {path}: {in_words(error)}") from None

    def keep(self, record: Callable[[], Kept]) -> None:
        """Write what ``record`` returns, later. If too much waits, it is counted as lost."""
        if not self._room.acquire(blocking=False):
            self.lost += 1
            return
        self._thread.submit(self._write, record)

    def close(self) -> None:
        """Write what waits, then end."""
        self._thread.shutdown()

    def _write(self, record: Callable[[], Kept]) -> None:
        self._room.release()
        try:
            line = to_line(self._redacted(to_builtins(record())))
            self._make_room(len(line))
            append(self.path, line)
        except Exception as error:  # a log must not end the server; its texts are in no message
            if not self.lost:
                what = in_words(error) if isinstance(error, OSError) else type(error).__name__
                self._log(f"texts are not written: {what}")
            self.lost += 1

    def _redacted(self, plain: dict[str, Any]) -> dict[str, Any]:
        """A record without what must not be kept: in what was said, and in what was made of it."""
        served = plain["served"]
        texts = {"history": plain["history"], **{name: served[name] for name in SAID}}
        clean = self._redactor.redacted(texts)
        said = {name: clean[name] for name in SAID}
        return {**plain, "history": clean["history"], "served": {**served, **said}}

    def _make_room(self, size: int) -> None:
        with private_files():
            if self.path.exists() and self.path.stat().st_size + size > LARGEST:
                self.path.replace(f"{self.path}{OLDER}")


def read_kept(record: dict[str, Any]) -> Kept | None:
    """A decoded line; None for any other record."""
    try:
        return convert(record, Kept, strict=False)
    except ValueError:
        return None


def now() -> float:
    """The time of a record."""
    return round(time.time(), 3)
