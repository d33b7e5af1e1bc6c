"""ShareRows: counts and shares as bars, beside those of the validation set if they are known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from trm_engine.printable import one_line
from trm_tui.store.shares import ShareRow
from trm_tui.text.figures import bar, clip_middle, percent
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import Line, RowsView

LEAST_NAME, MOST_NAME = 12, 28


class ShareRows(RowsView):
    """One row for each name."""

    EMPTY = "No request yet"

    def __init__(self, title: str, heading: str, *, compares: bool, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = title
        self._heading = heading
        self._compares = compares
        self._rows: Sequence[ShareRow] = ()
        self._note = ""

    def show(self, rows: Sequence[ShareRow], note: str = "") -> None:
        """Show these rows, and a note below them."""
        if (rows, note) != (self._rows, self._note):
            self._rows, self._note = rows, note
            self.invalidate()

    def row_count(self) -> int:
        """One row for each name."""
        return len(self._rows)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep name and share."""
        longest = max((cell_len(one_line(each.name)) for each in self._rows), default=0)
        counts = any(each.count is not None for each in self._rows)
        compared = [Column("validation", "valid.", 6, rank=1, gap=2)]
        return [
            Column("name", self._heading, LEAST_NAME, most=min(longest, MOST_NAME), left=True),
            *([Column("count", "count", 7, rank=2, gap=2)] * counts),
            Column("share", "share", 6, gap=2),
            Column("bar", "", 6, rank=3, most=24, left=True),
            *(compared * self._compares),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One name."""
        each = self._rows[row]
        return {
            "name": (clip_middle(one_line(each.name), layout["name"]), ""),
            "count": ("" if each.count is None else f"{each.count:,.0f}", "none"),
            "share": (percent(each.share), ""),
            "bar": (bar(each.share, layout["bar"]), each.look),
            "validation": (percent(each.validation), "none"),
        }

    def foot_height(self) -> int:
        """One line if there is a note, and room for it."""
        room = self.scrollable_content_region.height - self.head_height() - len(self._rows)
        return 1 if self._note and room > 0 else 0

    def foot(self, width: int, height: int) -> list[Line]:
        """The note."""
        return [[(self._note, "none")]] if height else []
