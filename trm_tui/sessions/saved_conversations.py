"""Saved conversations of the playground, from this and earlier sessions, in one file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_state_path

from trm_engine.errors import UserError
from trm_engine.files.atomic import write_atomically
from trm_engine.files.jsonl import newest_first, to_line
from trm_engine.files.private import private_files
from trm_tui.settings import APP
from trm_tui.store.draft import Draft

MAX_SAVED = 200
LOCK_SECONDS = 1.0


def saved_path() -> Path:
    """The file of saved conversations. XDG_STATE_HOME can move it."""
    return user_state_path(APP) / "conversations.jsonl"


class SavedConversations:
    """At most ``MAX_SAVED`` conversations as JSON lines, newest last. Errors are ignored."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or saved_path()

    def last(self) -> dict[str, Any] | None:
        """The newest conversation; None if there is none."""
        with suppress(OSError, RecursionError):
            return next(self._records(), None)
        return None

    @private_files()
    def save(self, record: dict[str, Any], instead_of: dict[str, Any] | None = None) -> bool:
        """Save a conversation as the newest one. It replaces ``instead_of``, its earlier state.

        The file is written atomically. Returns whether that worked.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=LOCK_SECONDS):
                self._write(record, instead_of)
        except (OSError, Timeout, RecursionError):
            return False
        return True

    def _write(self, record: dict[str, Any], instead_of: dict[str, Any] | None) -> None:
        replaced = (record, instead_of)
        others = (each for each in self._records() if each not in replaced)
        records = [record, *islice(others, MAX_SAVED - 1)]
        write_atomically(self.path, b"".join(to_line(each) for each in reversed(records)))

    def _records(self) -> Iterator[dict[str, Any]]:
        """The conversations, newest first. Raises OSError if the file cannot be read."""
        if self.path.exists() and not self.path.is_file():
            raise OSError(f"{self.path}: not a file")
        return (each for each in newest_first(self.path) if each.get("history"))


class DraftSaver:
    """Saves the draft that the user edits, in place of its earlier state.

    Without ``conversations`` nothing is saved. ``model`` is the model that it is held with; "" if
    that does not matter. ``is_of_another`` is whether the newest one was held with another model.
    """

    def __init__(self, conversations: SavedConversations | None, model: str = "") -> None:
        self._conversations = conversations
        self._model = model
        self.is_of_another = False
        self._record: dict[str, Any] | None = None

    @property
    def path(self) -> Path | None:
        """The file of saved conversations."""
        return self._conversations.path if self._conversations else None

    def reopen(self) -> Draft:
        """The newest saved conversation, to go on with; or an empty one.

        One that was held with another model is not offered: it is about other tools.
        """
        record = self._conversations.last() if self._conversations else None
        self.is_of_another = record is not None and record.get("model", self._model) != self._model
        if self.is_of_another:
            return Draft()
        try:
            draft = Draft.of(record or {})
        except UserError:
            return Draft()
        self._record = record
        return draft

    def save(self, draft: Draft) -> None:
        """Save the draft, unless it is empty, invalid or unchanged."""
        if self._conversations is None or draft.problem or not draft.said:
            return
        record = draft.record() | ({"model": self._model} if self._model else {})
        if record != self._record and self._conversations.save(record, self._record):
            self._record = record

    def finish(self, draft: Draft) -> None:
        """Save the draft for the last time: the next one is another conversation."""
        self.save(draft)
        self._record = None
