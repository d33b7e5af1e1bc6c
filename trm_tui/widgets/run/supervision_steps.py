"""SupervisionSteps: losses and metrics at each supervision step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trm_engine.runs.schema.evaluation import BY_NAME, SHARES, Halting, Metric, StepFigures
from trm_tui.text.figures import (
    DOWN,
    MARKS,
    UP,
    bar,
    change,
    grade,
    loss_text,
    share_text,
)
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import Line, RowsView

DIRECTIONS = {UP: "good", DOWN: "poor"}
BY_STEP = [metric for metric in SHARES if metric.by_step]
EXACT, EXACT_VALUES = BY_NAME["exact_match"], BY_NAME["exact_match_values"]


def _share(metric: Metric) -> Column:
    width = max(len(metric.short), 5)
    return Column(metric.name, metric.short, width, rank=6 + (metric.rank or 0), gap=2)


COLUMNS = [
    Column("step", "step", 4),
    Column("training", "train", 6),
    Column("loss", "val", 6, rank=3),
    *(_share(metric) for metric in BY_STEP if metric not in (EXACT, EXACT_VALUES)),
    Column("q", "q", 5, rank=7, gap=2),
    _share(EXACT_VALUES),
    Column(EXACT.name, EXACT.short, 5, gap=2),
    Column("mark", "", 1, rank=1),
    Column("bar", "", 4, rank=2, most=24, left=True),
    Column("gain arrow", "", 1, rank=4),
    Column("gain", "vs 1st", 6, rank=5, left=True),
    Column("change arrow", "", 1, rank=12, gap=2),
    Column("change", "change", 6, rank=11, left=True),
]


class SupervisionSteps(RowsView, AwaitsEvaluation):
    """One row for each supervision step. Training losses may change several times a second."""

    BORDER_TITLE = "Supervision steps"
    EMPTY = "No step trained yet"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._by_step: Sequence[StepFigures] = []
        self._previous: Sequence[StepFigures] = []
        self._halting: Halting | None = None
        self._training: list[str] = []

    def show_evaluation(
        self,
        by_step: Sequence[StepFigures],
        previous: Sequence[StepFigures] = (),
        halting: Halting | None = None,
    ) -> None:
        """Show an evaluation's metrics by step, and the cost and savings of halting."""
        self._by_step, self._previous, self._halting = by_step, previous, halting
        self.invalidate()

    def show_losses(self, losses_by_step: Sequence[float | None]) -> None:
        """Show the training losses at steps 1, 2, …. Redraws only the rows that changed."""
        texts = [loss_text(loss) for loss in losses_by_step]
        before, self._training = self._training, texts
        if max(len(texts), len(self._by_step)) != max(len(before), len(self._by_step)):
            self.invalidate()
        elif texts != before:
            changed = [
                row for row in range(self.row_count()) if _at(texts, row) != _at(before, row)
            ]
            self.invalidate_rows(changed)

    def row_count(self) -> int:
        """One row for each step that was trained or evaluated."""
        return max(len(self._by_step), len(self._training))

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep step, losses and exact match."""
        return COLUMNS

    def cells(self, row: int, layout: Layout) -> Cells:
        """One supervision step."""
        step = _figures(self._by_step, row)
        exact, first = EXACT.at_step(step), EXACT.at_step(_figures(self._by_step, 0))
        look = grade(exact)
        return {
            **{each.name: (share_text(each.at_step(step)), "") for each in BY_STEP},
            "step": (str(row + 1), ""),
            "training": (_at(self._training, row) or loss_text(None), "curve"),
            "loss": (loss_text(step.loss if step else None), ""),
            "q": (share_text(step.q if step else None), ""),
            EXACT.name: (share_text(exact), look),
            "mark": (MARKS[look], look),
            "bar": (bar(exact, layout["bar"]), look),
            **_difference("gain", exact, first if row else None),
            **_difference("change", exact, EXACT.at_step(_figures(self._previous, row))),
        }

    def foot_height(self) -> int:
        """The halting line, if the pane is high enough and there is more than one step."""
        has_room = self.scrollable_content_region.height > 3
        return 1 if self._halting and len(self._by_step) > 1 and has_room else 0

    def foot(self, width: int, height: int) -> list[Line]:
        """The mean steps and exact match with halting."""
        halting = self._halting
        if not height or halting is None or halting.mean_steps is None:
            return []
        threshold, steps = halting.threshold, halting.mean_steps
        exact = share_text(halting.exact_match)
        long = f"halting at q ≥ {threshold:.2f}: {steps:.1f} steps on average, exact match {exact}"
        short = f"q ≥ {threshold:.2f}: {steps:.1f} steps, exact {exact}"
        return [[(long if len(long) <= width else short, "none")]]


def _figures(by_step: Sequence[StepFigures], row: int) -> StepFigures | None:
    return by_step[row] if row < len(by_step) else None


def _difference(name: str, now: float | None, before: float | None) -> Cells:
    arrow, text = change(now, before)
    look = DIRECTIONS.get(arrow, "none")
    return {f"{name} arrow": (arrow, look), name: (text, look)}


def _at(texts: Sequence[str], row: int) -> str:
    return texts[row] if row < len(texts) else ""
