"""SupervisionSteps: what each further supervision step adds, in training and in evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trm_tui.text.figures import (
    DOWN,
    MARKS,
    UP,
    bar,
    change,
    figure,
    grade,
    loss_text,
    share_text,
)
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import Line, RowsView

Metrics = Mapping[str, Any]

DIRECTIONS = {UP: "good", DOWN: "poor"}
SHARES = {
    "decision": "decision_accuracy",
    "tool": "tool_accuracy",
    "slots": "slot_accuracy",
    "exact": "exact_match",
    "values": "exact_match_values",
    "q": "q",
}
COLUMNS = [
    Column("step", "step", 4),
    Column("training", "train", 6),
    Column("loss", "val", 6, rank=3),
    Column("decision", "decision", 8, rank=8, gap=2),
    Column("tool", "tool", 5, rank=9, gap=2),
    Column("slots", "slots", 5, rank=10, gap=2),
    Column("q", "q", 5, rank=7, gap=2),
    Column("values", "+values", 7, rank=6, gap=2),
    Column("exact", "exact", 5, gap=2),
    Column("mark", "", 1, rank=1),
    Column("bar", "", 4, rank=2, most=24, left=True),
    Column("gain arrow", "", 1, rank=4),
    Column("gain", "vs 1st", 6, rank=5, left=True),
    Column("change arrow", "", 1, rank=12, gap=2),
    Column("change", "change", 6, rank=11, left=True),
]


class SupervisionSteps(RowsView):
    """A row a supervision step; the losses of training may change several times a second."""

    BORDER_TITLE = "Supervision steps"
    EMPTY = "No step trained yet"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._by_step: Sequence[Metrics] = []
        self._previous: Sequence[Metrics] = []
        self._halting: Metrics = {}
        self._training: list[str] = []

    def show_evaluation(
        self,
        by_step: Sequence[Metrics] | None,
        previous: Sequence[Metrics] | None = None,
        halting: Metrics | None = None,
    ) -> None:
        """Show an evaluation's figures by step, and what halting would have cost and spared."""
        self._by_step = by_step or []
        self._previous = previous or []
        self._halting = halting or {}
        self.outdate()

    def show_losses(self, losses_by_step: Sequence[float | None]) -> None:
        """Show the training loss at steps 1, 2, …; only what reads differently is drawn anew."""
        texts = [loss_text(loss) for loss in losses_by_step]
        before, self._training = self._training, texts
        if max(len(texts), len(self._by_step)) != max(len(before), len(self._by_step)):
            self.outdate()
        elif texts != before:
            changed = [
                row for row in range(self.row_count()) if _at(texts, row) != _at(before, row)
            ]
            self.outdate_rows(changed)

    def row_count(self) -> int:
        """As many as were trained or evaluated."""
        return max(len(self._by_step), len(self._training))

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep step, losses and exact match."""
        return COLUMNS

    def cells(self, row: int, layout: Layout) -> Cells:
        """One supervision step."""
        step = self._by_step[row] if row < len(self._by_step) else {}
        shares = {name: figure(step, key) for name, key in SHARES.items()}
        exact = shares["exact"]
        look = grade(exact)
        return {
            **{name: (share_text(share), "") for name, share in shares.items()},
            "step": (str(row + 1), ""),
            "training": (_at(self._training, row) or loss_text(None), "curve"),
            "loss": (loss_text(figure(step, "loss")), ""),
            "exact": (share_text(exact), look),
            "mark": (MARKS[look], look),
            "bar": (bar(exact, layout["bar"]), look),
            **_difference("gain", exact, _exact(self._by_step, 0) if row else None),
            **_difference("change", exact, _exact(self._previous, row)),
        }

    def foot_height(self) -> int:
        """The halting line, unless the pane is too low."""
        return 1 if self._halting and self.scrollable_content_region.height > 3 else 0

    def foot(self, width: int, height: int) -> list[Line]:
        """What stopping each sample where it is sure of itself would give."""
        threshold, steps = figure(self._halting, "threshold"), figure(self._halting, "mean_steps")
        exact = share_text(figure(self._halting, "exact_match"))
        if not height or threshold is None or steps is None:
            return []
        long = f"halting at q ≥ {threshold:.2f}: {steps:.1f} steps on average, exact match {exact}"
        short = f"q ≥ {threshold:.2f}: {steps:.1f} steps, exact {exact}"
        return [[(long if len(long) <= width else short, "none")]]


def _exact(by_step: Sequence[Metrics], row: int) -> float | None:
    return figure(by_step[row], "exact_match") if row < len(by_step) else None


def _difference(name: str, now: float | None, before: float | None) -> Cells:
    arrow, text = change(now, before)
    look = DIRECTIONS.get(arrow, "none")
    return {f"{name} arrow": (arrow, look), name: (text, look)}


def _at(texts: Sequence[str], row: int) -> str:
    return texts[row] if row < len(texts) else ""
