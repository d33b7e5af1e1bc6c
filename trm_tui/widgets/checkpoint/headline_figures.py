"""HeadlineFigures: what an evaluation comes to, beside that of another checkpoint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.content import Content

from trm_tui.text.figures import MARKS, figure, grade
from trm_tui.text.headlines import HEADLINES, difference
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import RowsView

Metrics = Mapping[str, Any]

SHORT = max(len(each.short) for each in HEADLINES)
LONG = max(len(each.name) for each in HEADLINES)


class HeadlineFigures(RowsView):
    """A row a figure: this checkpoint's, the other one's, and the difference."""

    BORDER_TITLE = "Headlines"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._now: Metrics = {}
        self._other: Metrics = {}

    def show(self, metrics: Metrics, other: Metrics | None = None) -> None:
        """Show the metrics of an evaluation, beside another one's on the same samples."""
        self._now, self._other = metrics, other or {}
        samples = figure(metrics, "samples")
        self.border_subtitle = Content("" if samples is None else f"{samples:,.0f} samples")
        self.outdate()

    def row_count(self) -> int:
        """All headlines, or none before there is an evaluation."""
        return len(HEADLINES) if self._now else 0

    def columns(self) -> Sequence[Column]:
        """Narrow panes do without the mark of how good a share is."""
        columns = [
            Column("name", "", SHORT, most=LONG, left=True),
            Column("this", "this", 6),
            Column("mark", "", 1, rank=1),
        ]
        if self._other:
            columns += [
                Column("other", "other", 6),
                Column("arrow", "", 1),
                Column("difference", "differs", 7),
            ]
        return columns

    def cells(self, row: int, layout: Layout) -> Cells:
        """One figure."""
        headline = HEADLINES[row]
        value, other = headline.of(self._now), headline.of(self._other)
        quality = "none" if headline.is_loss else grade(value)
        arrow, text = difference(value, other)
        direction = headline.look(arrow)
        return {
            "name": (headline.name if layout["name"] >= LONG else headline.short, ""),
            "this": (headline.text(value), "" if headline.is_loss else quality),
            "mark": (MARKS[quality], quality),
            "other": (headline.text(other), ""),
            "arrow": (arrow, direction),
            "difference": (text, direction),
        }
