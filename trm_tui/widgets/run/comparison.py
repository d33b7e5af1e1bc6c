"""RunComparison: the metrics of several runs in one table, with their differences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len
from textual.content import Content

from trm_engine.printable import one_line
from trm_engine.runs.best import reported_score
from trm_engine.runs.schema.evaluation import BY_NAME, SHARES
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.comparison import Compared
from trm_tui.store.groups import Group
from trm_tui.store.spread import Difference
from trm_tui.text.metrics import difference_look, difference_text, spread_text
from trm_tui.widgets.run.header import STATES
from trm_tui.widgets.table.columns import Cell, Cells, Column, Layout
from trm_tui.widgets.table.rows import RowsView

INDENT = "  − "
"""Before the name of the baseline, in a row of differences."""
BY_SEEDS = "± standard deviation over seeds; differences with 95 % intervals over seeds"
BY_SAMPLES = "differences with 95 % intervals of the samples; other seeds may differ more"


class RunComparison(RowsView):
    """Each group's best evaluations, and below them the differences from the baseline group."""

    DEFAULT_CSS = "RunComparison { height: auto; max-height: 12; }"
    BORDER_TITLE = "Best evaluation of each run"

    def __init__(self, groups: Sequence[Group[AttachedRun]], **options: Any) -> None:
        super().__init__(**options)
        self._baseline = 0
        self.show(groups)

    def show(self, groups: Sequence[Group[AttachedRun]]) -> None:
        """Show other groups, or their new evaluations."""
        self._groups = groups
        self._baseline = min(self._baseline, len(groups) - 1)
        self._compared = [
            Compared.of(best.metrics if (best := run.store.best) else None for run in group.runs)
            for group in groups
        ]
        self._differences = [
            each.minus(self._compared[self._baseline]) if number != self._baseline else None
            for number, each in enumerate(self._compared)
        ]
        self._rows = [
            (number, is_difference)
            for number, differences in enumerate(self._differences)
            for is_difference in (False, True)[: 1 + (differences is not None)]
        ]
        self.border_subtitle = Content(self._subtitle())
        self.invalidate()

    def next_baseline(self) -> None:
        """Show the differences from the next group."""
        self._baseline = (self._baseline + 1) % len(self._groups)
        self.show(self._groups)

    def row_count(self) -> int:
        """One row for each group, and one for its differences."""
        return len(self._rows)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep name and exact match."""
        name = max(cell_len(one_line(group.title)) for group in self._groups)
        name += len(INDENT) * (len(self._groups) > 1)
        best = max(len(_best_by(group)) for group in self._groups)
        wide = max(len(text) for row in range(len(self._rows)) for text, _ in self._figures(row))
        return [
            Column("name", "run", min(name, 24), most=name, left=True),
            Column("state", "state", 10, rank=12, gap=2, left=True),
            Column("step", "at step", 7, rank=11, gap=2),
            Column("best", "best by", max(best, 7), rank=1, gap=2, left=True),
            Column("loss", "loss", wide, rank=3, gap=2),
            *(
                Column(each.name, each.short, wide, rank=2 + rank, gap=2)
                for each in SHARES
                if (rank := each.rank) is not None
            ),
        ]

    def cells(self, row: int, layout: Layout | None = None) -> Cells:
        """One group, or its differences."""
        number, is_difference = self._rows[row]
        differences = self._differences[number]
        if is_difference and differences is not None:
            return self._difference_cells(differences)
        group, spreads = self._groups[number], self._compared[number].spreads
        return {
            **{name: (spread_text(BY_NAME[name], each), "") for name, each in spreads.items()},
            "name": (one_line(group.title), "strong" if number == self._baseline else ""),
            "state": _state(group),
            "step": (_steps(group), ""),
            "best": (_best_by(group), ""),
        }

    def _figures(self, row: int) -> list[Cell]:
        """The cells of a row that show metrics."""
        cells = self.cells(row)
        return [cells[metric.name] for metric in (*SHARES, BY_NAME["loss"])]

    def _difference_cells(self, differences: dict[str, Difference | None]) -> Cells:
        base = one_line(self._groups[self._baseline].title)
        cells = {
            name: (difference_text(each), difference_look(BY_NAME[name], each))
            for name, each in differences.items()
        }
        return {**cells, "name": (INDENT + base, "none")}

    def _subtitle(self) -> str:
        if not all(group.is_single for group in self._groups):
            return BY_SEEDS
        return BY_SAMPLES if len(self._groups) > 1 else ""


def _state(group: Group[AttachedRun]) -> tuple[str, str]:
    """The state of all runs, or of how many each."""
    states = [run.state for run in group.runs]
    if len(set(states)) > 1:
        counts = ((states.count(state), state) for state in dict.fromkeys(states))
        return ", ".join(f"{count} {state}" for count, state in counts), "none"
    mark, look = STATES.get(states[0], ("?", "none"))
    return f"{mark} {states[0]}", "none" if look == "note" else look


def _steps(group: Group[AttachedRun]) -> str:
    steps = sorted({best.step for run in group.runs if (best := run.store.best)})
    return "–".join(f"{step:,}" for step in dict.fromkeys((steps[0], steps[-1]))) if steps else ""


def _best_by(group: Group[AttachedRun]) -> str:
    """The score of a single run; of several the metric, whose mean has a column of its own."""
    scores = [reported_score(best) for run in group.runs if (best := run.store.best)]
    known = [score for score in scores if score]
    if not known:
        return ""
    return str(known[0]) if group.is_single else known[0].metric
