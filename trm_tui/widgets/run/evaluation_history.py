"""EvaluationHistory: all evaluations of a run, with the best one marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.message import Message

from trm_engine.runs.best import reported_score
from trm_engine.runs.schema.evaluation import SHARES, Evaluation
from trm_engine.runs.schema.events import Evaluated
from trm_tui.keys import EVALUATIONS, bindings
from trm_tui.text.figures import loss_text, seconds_text, share_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows

BEST = "★"


class EvaluationHistory(CursorRows, AwaitsEvaluation):
    """The newest evaluation is the last row. The cursor follows it until the user moves it."""

    BORDER_TITLE = "Evaluations"
    BINDINGS = bindings(EVALUATIONS)

    @dataclass
    class Selected(Message):
        """An evaluation was chosen.

        ``index`` is None for the newest one, also when newer ones come.
        """

        index: int | None

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._evaluations: list[Evaluated] = []
        self._best: int | None = None
        self._chosen: int | None = None

    def set_evaluations(self, evaluations: Sequence[Evaluated]) -> None:
        """Show these evaluations. A resumed run may have fewer than before."""
        is_at_end = self.scroll_offset.y >= self.max_scroll_y
        before, self._evaluations = self._evaluations, list(evaluations)
        self._best = _best(self._evaluations)
        self.border_subtitle = Content(self._subtitle())
        chosen = self._chosen
        is_replaced = chosen is not None and _identity(before, chosen) != _identity(
            evaluations, chosen
        )
        self.invalidate()
        if is_replaced:
            self._choose(None)
        if is_replaced or (self._chosen is None and is_at_end):
            self.show_cursor()

    def row_count(self) -> int:
        """One row for each evaluation."""
        return len(self._evaluations)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep step, loss and exact match."""
        step = max(len(f"{self._evaluations[-1].step:,}"), 5)
        return [
            Column("best", "", 1),
            Column("step", "step", step),
            Column("epoch", "epoch", 6, rank=8, gap=2),
            Column("seconds", "took", 7, rank=9),
            Column("loss", "loss", 6, rank=1, gap=2),
            *metric_columns(),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One evaluation."""
        event = self._evaluations[row]
        look = "strong" if row == self._best else ""
        return {
            **metric_cells(event.metrics, look),
            "best": (BEST if row == self._best else "", "best"),
            "step": (f"{event.step:,}", look),
            "epoch": (f"{event.epoch:.2f}", look),
            "seconds": (seconds_text(event.seconds), "none"),
            "loss": (loss_text(event.metrics.loss), look),
        }

    def cursor(self) -> int:
        """The chosen evaluation, or the newest."""
        newest = max(len(self._evaluations) - 1, 0)
        return newest if self._chosen is None else self._chosen

    def put_cursor(self, row: int) -> None:
        """Choose an evaluation. The last row means the newest one, also when newer ones come."""
        chosen = None if row == len(self._evaluations) - 1 else row
        if chosen != self._chosen:
            self._choose(chosen)

    def action_choose(self) -> None:
        """Post ``Selected`` for the cursor's evaluation again."""
        if self._evaluations:
            self.post_message(self.Selected(self._chosen))

    def _subtitle(self) -> str:
        """The score of the best evaluation."""
        score = None if self._best is None else reported_score(self._evaluations[self._best])
        return f"{BEST} best: {score}" if score else ""

    def _choose(self, chosen: int | None) -> None:
        before, self._chosen = self.cursor(), chosen
        self.invalidate_rows([before, self.cursor()])
        self.post_message(self.Selected(chosen))


def metric_columns() -> list[Column]:
    """A column for each metric that is a share. Narrow panes keep exact match."""
    return [
        Column(each.name, each.short, max(len(each.short), 5), rank=each.rank or 0, gap=2)
        for each in SHARES
    ]


def metric_cells(evaluation: Evaluation | None, look: str = "") -> Cells:
    """The cells of ``metric_columns``."""
    return {each.name: (share_text(each.of(evaluation)), look) for each in SHARES}


def _best(evaluations: Sequence[Evaluated]) -> int | None:
    """The last row that was marked as the best so far; None if there is none."""
    newest_first = range(len(evaluations) - 1, -1, -1)
    return next((row for row in newest_first if evaluations[row].best), None)


def _identity(evaluations: Sequence[Evaluated], row: int) -> tuple[float, ...]:
    """Step and time, which identify an evaluation; () if there is none in this row."""
    if row >= len(evaluations):
        return ()
    return evaluations[row].step, evaluations[row].t
