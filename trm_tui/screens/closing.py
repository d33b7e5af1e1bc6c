"""ClosingDialog: keep or stop the training when its screen closes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from textual.widget import Widget
from textual.widgets import Static

from trm_tui.screens.dialogs import Choice, Dialog

Closing = Literal["keep", "stop"]
TEXT = "The training runs in its own process. It does not need this screen."


class ClosingDialog(Dialog[Closing | None]):
    """Asks whether to keep the training or to stop it. The result is None for cancel."""

    def __init__(self) -> None:
        choices: list[Choice[Closing | None]] = [
            Choice("Keep training in the background", "keep"),
            Choice("Stop: save a checkpoint, then end", "stop"),
            Choice("Cancel", None),
        ]
        super().__init__("Leave the training?", choices, None)
        self.add_class("-stacked")

    def body(self) -> Iterable[Widget]:
        """Explain what keeping it means."""
        yield Static(TEXT, markup=False)
        yield Static("Watch it again with: trm-tui watch", classes="note", markup=False)
