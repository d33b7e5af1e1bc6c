"""RunComparison: the metrics of several runs in one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.cells import cell_len

from trm_engine.printable import one_line
from trm_engine.runs.best import reported_score
from trm_tui.sessions.run import AttachedRun
from trm_tui.text.figures import loss_text
from trm_tui.widgets.run.evaluation_history import metric_cells, metric_columns
from trm_tui.widgets.run.header import STATES
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import RowsView


class RunComparison(RowsView):
    """One row for each run: its state and its best evaluation."""

    DEFAULT_CSS = "RunComparison { height: auto; max-height: 10; }"
    BORDER_TITLE = "Best evaluation of each run"

    def __init__(self, runs: Sequence[AttachedRun], **options: Any) -> None:
        super().__init__(**options)
        self._runs = runs

    def row_count(self) -> int:
        """One row for each run."""
        return len(self._runs)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep name, step and exact match."""
        name = max(cell_len(one_line(run.folder.path.name)) for run in self._runs)
        best = max(len(_best_by(run)) for run in self._runs)
        return [
            Column("name", "run", min(name, 24), most=name, left=True),
            Column("state", "state", 10, rank=3, gap=2, left=True),
            Column("step", "at step", 7, gap=2),
            Column("best", "best by", max(best, 7), rank=1, gap=2, left=True),
            Column("loss", "loss", 6, rank=2, gap=2),
            *metric_columns(first_rank=2),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One run."""
        run = self._runs[row]
        best = run.store.best
        evaluation = best.metrics if best else None
        mark, look = STATES.get(run.state, ("?", "none"))
        return {
            **metric_cells(evaluation),
            "name": (one_line(run.folder.path.name), ""),
            "state": (f"{mark} {run.state}", "none" if look == "note" else look),
            "step": (f"{best.step:,}" if best else "", ""),
            "best": (_best_by(run), ""),
            "loss": (loss_text(evaluation.loss if evaluation else None), ""),
        }


def _best_by(run: AttachedRun) -> str:
    best = run.store.best
    return str((best and reported_score(best)) or "")
