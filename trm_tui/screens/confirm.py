"""ConfirmDialog: confirm an action."""

from __future__ import annotations

from collections.abc import Iterable

from textual.widget import Widget
from textual.widgets import Static

from trm_tui.screens.dialogs import Choice, Dialog


class ConfirmDialog(Dialog[bool]):
    """Asks for confirmation. With ``danger``, Cancel has the focus."""

    def __init__(self, title: str, text: str, yes_label: str, danger: bool = False) -> None:
        choices = [Choice(yes_label, True, danger), Choice("Cancel", False)]
        super().__init__(title, choices, False, preferred=1 if danger else 0, danger=danger)
        self._text = text

    def body(self) -> Iterable[Widget]:
        """The explanation."""
        yield Static(self._text, markup=False)
