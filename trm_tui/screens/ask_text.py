"""AskTextDialog: type one line of text."""

from __future__ import annotations

from collections.abc import Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from trm_tui.screens.dialogs import Choice, Dialog


class AskTextDialog(Dialog[str | None]):
    """The result is the text, or None for cancel."""

    DEFAULT_CSS = """
    AskTextDialog {
        & > #dialog { width: 100%; max-width: 90; }
        & Input, & Input:focus { margin: 1 0; background: $panel; }
    }
    """
    HINT = "enter saves · esc cancels"

    def __init__(self, title: str, note: str, text: str) -> None:
        super().__init__(title, [Choice("Save", None), Choice("Cancel", None)], None)
        self._note = note
        self._text = text

    def body(self) -> Iterable[Widget]:
        """What is expected, and the text."""
        yield Static(self._note, markup=False, classes="note")
        yield Input(self._text, select_on_focus=False, compact=True)

    def preferred(self) -> Widget:
        """The input."""
        return self.query_one(Input)

    def choose(self, position: int) -> None:
        """Save or cancel."""
        if position:
            self.action_cancel()
        else:
            self._finish()

    @on(Input.Submitted)
    def _finish(self) -> None:
        self.dismiss(self.query_one(Input).value)
