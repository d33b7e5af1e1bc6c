"""AwaitsEvaluation: a pane that shows an evaluation, and before that what it waits for."""

from __future__ import annotations

from textual.widget import Widget


class AwaitsEvaluation(Widget):
    """``EMPTY`` is the text while there is no evaluation."""

    EMPTY = "No evaluation yet"

    def wait(self, text: str) -> None:
        """Say what the pane waits for."""
        if text != self.EMPTY:
            self.EMPTY = text
            self.refresh()
