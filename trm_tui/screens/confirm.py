"""ConfirmDialog: confirm an action."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from trm_engine.runs.commands import Confirmation
from trm_tui.screens.dialogs import Choice, Dialog


class ConfirmDialog(Dialog[bool]):
    """Asks for confirmation. Cancel has the focus if there is danger."""

    def __init__(self, question: Confirmation) -> None:
        danger = question.danger
        choices = [Choice(question.yes, True, danger), Choice("Cancel", False)]
        super().__init__(question.title, choices, False, preferred=int(danger), danger=danger)
        self._text = question.text

    def body(self) -> Iterable[Widget]:
        """The explanation."""
        yield Static(self._text, markup=False)
