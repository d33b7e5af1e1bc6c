"""HeadlineFigures: the headline metrics, optionally compared with another checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from trm_engine.runs.schema.evaluation import HEADLINES, Evaluation, Metric, shown
from trm_engine.wording import counted
from trm_tui.text.figures import MARKS
from trm_tui.text.metrics import difference, direction, metric_grade, metric_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import RowsView

SHORT = max(len(each.short) for each in HEADLINES)
LONG = max(len(each.title) for each in HEADLINES)


class HeadlineFigures(RowsView, AwaitsEvaluation):
    """One row for each metric: this checkpoint, the other one, and the difference."""

    BORDER_TITLE = "Headlines"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._now: Evaluation | None = None
        self._other: Evaluation | None = None
        self._metrics: Sequence[Metric] = ()

    def show(self, evaluation: Evaluation, other: Evaluation | None = None) -> None:
        """Show an evaluation, optionally compared with another one on the same samples."""
        self._now, self._other = evaluation, other
        self._metrics = shown(HEADLINES, evaluation, other)
        samples = evaluation.samples
        self.border_subtitle = Content("" if samples is None else counted(samples, "sample"))
        self.invalidate()

    def row_count(self) -> int:
        """One row for each headline metric; none without an evaluation."""
        return len(self._metrics)

    def columns(self) -> Sequence[Column]:
        """Narrow panes leave out the grade's mark."""
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
        """One metric."""
        metric = self._metrics[row]
        value, other = metric.of(self._now), metric.of(self._other)
        quality = metric_grade(metric, value)
        arrow, text = difference(value, other)
        look = direction(metric, arrow)
        return {
            "name": (metric.title if layout["name"] >= LONG else metric.short, ""),
            "this": (
                metric_text(metric, value),
                "" if metric.kind in ("loss", "error") else quality,
            ),
            "mark": (MARKS[quality], quality),
            "other": (metric_text(metric, other), ""),
            "arrow": (arrow, look),
            "difference": (text, look),
        }
