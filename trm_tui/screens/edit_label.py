"""EditLabelDialog: type the right value of a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from trm_engine.printable import one_line
from trm_tui.screens.dialogs import Choice, Dialog

Save = Callable[[str], str]
"""Saves a typed value. Returns what is wrong with it, "" if it was saved."""


class EditLabelDialog(Dialog[None]):
    """Stays open until the value fits."""

    DEFAULT_CSS = """
    EditLabelDialog {
        & > #dialog { width: 100%; max-width: 90; }
        & Input, & Input:focus { margin: 1 0; background: $panel; }
        & #problem { color: $warning; }
    }
    """
    HINT = "enter saves · esc cancels"

    def __init__(self, label: str, note: str, text: str, save: Save) -> None:
        choices: list[Choice[None]] = [Choice("Save", None), Choice("Cancel", None)]
        super().__init__(f"The right value of {label}", choices, None)
        self._note = note
        self._text = text
        self._save = save

    def body(self) -> Iterable[Widget]:
        """What is expected, the value and its problem."""
        yield Static(self._note, markup=False)
        yield Input(self._text, select_on_focus=False, compact=True)
        yield Static(id="problem", markup=False)

    def preferred(self) -> Widget:
        """The input."""
        return self.query_one(Input)

    def choose(self, position: int) -> None:
        """Save or cancel."""
        if position == 0:
            self._finish()
        else:
            self.action_cancel()

    @on(Input.Submitted)
    def _finish(self) -> None:
        problem = self._save(self.query_one(Input).value)
        if problem:
            self.query_one("#problem", Static).update(one_line(problem))
        else:
            self.dismiss(None)

    @on(Input.Changed)
    def _clear(self) -> None:
        self.query_one("#problem", Static).update("")
