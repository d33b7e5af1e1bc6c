"""TrialsTable and ImportanceTable: the trials of a sweep, and which settings matter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.message import Message

from trm_engine.runs.schema.evaluation import Metric
from trm_tui.keys import SWEEP, bindings
from trm_tui.plain.sweep_tables import value_text
from trm_tui.sessions.sweep import Trial
from trm_tui.store.groups import short_name
from trm_tui.text.figures import NOTHING, bar
from trm_tui.text.metrics import metric_text
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows, RowsView

STATES = {
    "waiting": ("◌", "none"),
    "running": ("●", "good"),
    "pruning": ("◌", "fair"),
    "stopping": ("◌", "fair"),
    "finished": ("✓", "good"),
    "pruned": ("✂", "none"),
    "failed": ("✗", "poor"),
}
BEST, KEPT = "★", "⚑"
BAR = 8


class TrialsTable(CursorRows):
    """Running trials first, then the others by value or number."""

    BORDER_TITLE = "Trials"
    EMPTY = "No trial yet"
    BINDINGS = bindings(SWEEP)

    @dataclass
    class Asked(Message):
        """Request to open, stop, prune or promote a trial."""

        what: str
        trial: Trial

    class SliceRequested(Message):
        """Request to show the values by the next setting."""

    def __init__(self, keys: Sequence[str], metric: Metric, **options: Any) -> None:
        super().__init__(**options)
        self._keys = keys
        self._metric = metric
        self._trials: list[Trial] = []
        self._best: Trial | None = None
        self._cursor = 0
        self._by_value = True

    def show(self, trials: Sequence[Trial], best: Trial | None) -> None:
        """Show the trials, with the cursor on the same one."""
        chosen = self._trials[self._cursor] if self._trials else None
        self._trials = sorted(trials, key=self._rank)
        self._best = best
        self._cursor = self._trials.index(chosen) if chosen in self._trials else 0
        self.border_subtitle = "by value" if self._by_value else "by number"
        self.invalidate()

    def row_count(self) -> int:
        """One row for each trial."""
        return len(self._trials)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep number, state and value."""
        settings = [
            Column(key, short_name(key), max(len(short_name(key)), 9), rank=rank, gap=2)
            for rank, key in enumerate(self._keys, 2)
        ]
        return [
            Column("mark", "", 1),
            Column("number", "trial", 5),
            Column("state", "state", 10, gap=2, left=True),
            Column("value", self._metric.short, max(len(self._metric.short), 7), gap=2),
            *settings,
            Column("progress", "progress", BAR, rank=1, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One trial."""
        trial = self._trials[row]
        mark, look = STATES[trial.state]
        known = trial.value is not None
        is_best = trial is self._best
        return {
            **{key: (value_text(trial.params.get(key, NOTHING)), "") for key in self._keys},
            "mark": (BEST if is_best else KEPT if trial.is_kept else "", "best"),
            "number": (str(trial.number), ""),
            "state": (f"{mark} {trial.state}", look),
            "value": (
                metric_text(self._metric, trial.value) if known else NOTHING,
                "strong" if is_best else "",
            ),
            "progress": (bar(trial.progress, BAR), "curve"),
        }

    def activate(self) -> None:
        """A double click opens."""
        self.action_open()

    def action_open(self) -> None:
        """Request the trial's run."""
        self._ask("open")

    def action_end(self, what: str) -> None:
        """Request the end of the trial."""
        self._ask(what)

    def action_promote(self) -> None:
        """Request the trial's configuration."""
        self._ask("promote")

    def action_slice(self) -> None:
        """Request the next slice."""
        self.post_message(self.SliceRequested())

    def action_sort(self) -> None:
        """Sort by value or by number."""
        self._by_value = not self._by_value
        self.show(self._trials, self._best)

    def _ask(self, what: str) -> None:
        if self._trials:
            self.post_message(self.Asked(what, self._trials[self._cursor]))

    def _rank(self, trial: Trial) -> tuple[Any, ...]:
        if not self._by_value:
            return (trial.number,)
        sign = -1 if self._metric.higher_is_better else 1
        order = ("running", "pruning", "stopping", "waiting", "finished", "pruned", "failed")
        is_known = trial.value is not None
        return order.index(trial.state), not is_known, sign * (trial.value or 0.0), trial.number


class ImportanceTable(RowsView):
    """How much each setting matters, from the finished trials."""

    BORDER_TITLE = "Importance"
    EMPTY = "Known after some trials"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._shares: list[tuple[str, float]] = []

    def show(self, importance: dict[str, float]) -> None:
        """Show shares that add up to 1."""
        self._shares = sorted(importance.items(), key=lambda each: -each[1])
        self.invalidate()

    def row_count(self) -> int:
        """One row for each setting."""
        return len(self._shares)

    def columns(self) -> Sequence[Column]:
        """Name, share and bar."""
        name = max((len(short_name(key)) for key, _ in self._shares), default=8)
        return [
            Column("name", "setting", min(name, 18), most=name, left=True),
            Column("share", "share", 5, gap=2),
            Column("bar", "", 8, rank=1, most=30, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One setting."""
        key, share = self._shares[row]
        return {
            "name": (short_name(key), ""),
            "share": (f"{share:.0%}", ""),
            "bar": (bar(share, layout["bar"]), "curve"),
        }
