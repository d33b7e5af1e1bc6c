"""AskTextDialog: type one line of text."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Input, Static

from trm_tui.screens.dialogs import Choice, TextDialog


class AskTextDialog(TextDialog[str | None]):
    """The result is the text, or None for cancel."""

    def __init__(self, title: str, note: str, text: str) -> None:
        super().__init__(title, [Choice("Save", None), Choice("Cancel", None)], None)
        self._note = note
        self._text = text

    def body(self) -> Iterable[Widget]:
        """What is expected, and the text."""
        yield Static(self._note, markup=False, classes="note")
        yield Input(self._text, select_on_focus=False, compact=True)

    def submit(self) -> None:
        """Close with the text."""
        self.dismiss(self.text)
