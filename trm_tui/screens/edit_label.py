"""EditLabelDialog: type the right value of a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from textual import on
from textual.widget import Widget
from textual.widgets import Input, Static

from trm_tui.screens.dialogs import Choice, TextDialog

Save = Callable[[str], str]
"""Saves a typed value. Returns what is wrong with it, "" if it was saved."""


class EditLabelDialog(TextDialog[None]):
    """Stays open until the value fits."""

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

    def submit(self) -> None:
        """Save, and close if the value fits."""
        if problem := self._save(self.text):
            self.say(problem)
        else:
            self.dismiss(None)

    @on(Input.Changed)
    def _clear(self) -> None:
        self.say("")
