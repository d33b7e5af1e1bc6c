"""ClosingDialog: what becomes of the training when its screen is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from textual.widget import Widget
from textual.widgets import Static

from trm_tui.screens.dialogs import Choice, Dialog

Closing = Literal["keep", "stop"]
TEXT = "The training runs in a process of its own and does not need this screen."


class ClosingDialog(Dialog[Closing | None]):
    """Asks whether to keep the training or to stop it; None: the screen stays."""

    def __init__(self) -> None:
        choices: list[Choice[Closing | None]] = [
            Choice("Keep training in the background", "keep"),
            Choice("Stop: save, then end", "stop"),
            Choice("Cancel", None),
        ]
        super().__init__("Leave the training?", choices, None)
        self.add_class("-stacked")

    def body(self) -> Iterable[Widget]:
        """What keeping it means."""
        yield Static(TEXT, markup=False)
        yield Static("trm-tui watch attaches to it again.", classes="note", markup=False)
