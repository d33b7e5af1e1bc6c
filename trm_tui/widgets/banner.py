"""Banner: important warnings at the top of a screen. It is hidden if there are none."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static

from trm_engine.printable import one_line

MARK = "⚠ "


class Banner(Static):
    """Shows warnings, one per row."""

    DEFAULT_CSS = """
    Banner {
        display: none; height: auto; max-height: 4; padding: 0 1;
        background: $error; color: $background; text-style: bold;
    }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._warnings: tuple[str, ...] = ()

    def show(self, warnings: Sequence[str]) -> None:
        """Show these warnings, or nothing if there are none."""
        if tuple(warnings) == self._warnings:
            return
        self._warnings = tuple(warnings)
        self.display = bool(warnings)
        self.update(Text("\n").join(Text(MARK + one_line(each)) for each in warnings))
