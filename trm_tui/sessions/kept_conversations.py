"""KeptConversations: those of this and earlier sessions of the playground, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from trm_engine.files.atomic import write_atomically
from trm_engine.files.jsonl import newest_first, to_line
from trm_engine.files.private import private_files
from trm_tui.settings import APP

MOST = 200
LOCK_SECONDS = 1.0


def kept_path() -> Path:
    """Where they are; XDG_STATE_HOME decides where there is one."""
    return user_state_path(APP) / "conversations.jsonl"


class KeptConversations:
    """JSON lines, the newest last; at most ``MOST``. What cannot be read or written is left."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or kept_path()

    def last(self) -> dict[str, Any] | None:
        """The conversation that was looked at last; None if there is none."""
        with suppress(OSError, RecursionError):
            return next(self._records(), None)
        return None

    @private_files()
    def keep(self, record: dict[str, Any], instead_of: dict[str, Any] | None = None) -> bool:
        """Keep a conversation as the newest one, ``instead_of`` an earlier state of it.

        Returns whether it is written: all or nothing.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS):
                self._write(record, instead_of)
        except (OSError, Timeout, RecursionError):
            return False
        return True

    def _write(self, record: dict[str, Any], instead_of: dict[str, Any] | None) -> None:
        gone = (record, instead_of)
        others = (each for each in self._records() if each not in gone)
        kept = [record, *islice(others, MOST - 1)]
        write_atomically(self.path, b"".join(to_line(each) for each in reversed(kept)))

    def _records(self) -> Iterator[dict[str, Any]]:
        """The newest first; raises OSError if they are there and cannot be read."""
        if self.path.exists() and not self.path.is_file():
            raise OSError(f"{self.path}: not a file")
        return (each for each in newest_first(self.path) if each.get("history"))
