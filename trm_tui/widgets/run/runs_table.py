"""RunsTable: the runs of a folder. Runs can be marked."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.message import Message

from trm_engine.printable import one_line
from trm_engine.runs.summary import RunSummary
from trm_tui.keys import RUNS, bindings
from trm_tui.text.words import age
from trm_tui.widgets.run.header import STATES
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows

MARKED = "●"


class RunsTable(CursorRows):
    """The newest run is the first row. The cursor stays on its run when the list changes."""

    BORDER_TITLE = "Runs"
    EMPTY = "No run yet"
    BINDINGS = bindings(RUNS)

    @dataclass
    class Opened(Message):
        """Request to open a run."""

        path: Path

    @dataclass
    class OverlayRequested(Message):
        """Request to overlay the marked runs, or the cursor's run if none is marked."""

        paths: list[Path]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._runs: list[RunSummary] = []
        self._chosen = 0
        self._marked: set[Path] = set()

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Show these runs."""
        chosen = self._runs[self._chosen].path if self._runs else None
        self._runs = list(runs)
        paths = [run.path for run in runs]
        self._chosen = paths.index(chosen) if chosen in paths else 0
        self.invalidate()

    def row_count(self) -> int:
        """One row for each run."""
        return len(self._runs)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep name, state and step."""
        name = max((cell_len(one_line(run.name)) for run in self._runs), default=8)
        best = max((len(_best(run)) for run in self._runs), default=0)
        return [
            Column("mark", "", 1),
            Column("name", "run", min(name, 24), most=name, left=True),
            Column("state", "state", 10, gap=2, left=True),
            Column("step", "step", 7, gap=2),
            Column("total", "of", 7, rank=4, gap=2),
            Column("best", "best by", max(best, 7), rank=1, gap=2, left=True),
            Column("at", "at step", 7, rank=5, gap=2),
            Column("speed", "samples/s", 9, rank=7, gap=2),
            Column("age", "age", 6, rank=2, gap=2),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One run."""
        run = self._runs[row]
        mark, look = STATES.get(run.state or "", ("?", "none"))
        best = run.best
        return {
            "mark": (MARKED if run.path in self._marked else "", "best"),
            "name": (one_line(run.name), ""),
            "state": (f"{mark} {run.state or 'unknown'}", "none" if look == "note" else look),
            "step": (_count(run.step), ""),
            "total": (_count(run.total_steps), "none"),
            "best": (_best(run), ""),
            "at": (_count(best.step if best else None), "none"),
            "speed": (f"{run.samples_per_s:,.0f}" if run.samples_per_s else "", "none"),
            "age": (age(time.time() - run.started) if run.started else "", "none"),
        }

    def cursor(self) -> int:
        """The chosen run."""
        return self._chosen

    def put_cursor(self, row: int) -> None:
        """Choose a run."""
        before, self._chosen = self._chosen, row
        self.invalidate_rows([before, row])

    def action_open(self) -> None:
        """Open the run of the cursor."""
        if self._runs:
            self.post_message(self.Opened(self._runs[self._chosen].path))

    def action_mark(self) -> None:
        """Mark or unmark the cursor's run, and go to the next one."""
        if not self._runs:
            return
        self._marked ^= {self._runs[self._chosen].path}
        self.invalidate_rows([self._chosen])
        self.action_step(1)

    def action_overlay(self) -> None:
        """Request to overlay the marked runs."""
        chosen = [run.path for run in self._runs if run.path in self._marked]
        if not chosen and self._runs:
            chosen = [self._runs[self._chosen].path]
        if chosen:
            self.post_message(self.OverlayRequested(chosen))


def _best(run: RunSummary) -> str:
    return str(run.best.score) if run.best else ""


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"
