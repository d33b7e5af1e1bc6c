"""RunsTable: the runs of a folder. Runs can be marked; seeds are one row that unfolds."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import BY_CHOICE
from trm_engine.runs.summary import RunSummary
from trm_tui.keys import RUNS, bindings
from trm_tui.store.groups import short_name
from trm_tui.store.run_filter import FilterError
from trm_tui.store.run_list import Row, RunList, value_text
from trm_tui.text.metrics import difference_look, difference_text, metric_text, spread_text
from trm_tui.text.words import age
from trm_tui.widgets.run.header import STATES
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows

MARKED = "●"
FOLDED, OPEN = "▸ ", "▾ "
INDENT = "    "
PINNED = "⚑ "
LONGEST_SETTING = 14
ARCHIVED = "archived"


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

    @dataclass
    class Asked(Message):
        """Request to do something (an action of the keys) with the marked runs, or the cursor's.

        ``runs`` are in the order of the list.
        """

        what: str
        runs: list[RunSummary]

    class Selected(Message):
        """The cursor is on another row, or its row changed."""

    class FilterRequested(Message):
        """Request to open the filter."""

    class FilterClosed(Message):
        """Request to close the filter."""

    def __init__(self, runs: RunList | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.list = runs or RunList()
        self._cursor = 0
        self._marked: set[Path] = set()
        self._problem = ""

    @property
    def selected(self) -> Row | None:
        """The row of the cursor."""
        return self.list.rows[self._cursor] if self.list.rows else None

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Show these runs."""
        with_cursor = self.selected
        self.list.set_runs(runs)
        self._show(with_cursor)

    def filter(self, text: str) -> None:
        """Show only runs that fit. An incomplete filter changes nothing but the subtitle."""
        with_cursor = self.selected
        try:
            self.list.filter(text)
            self._problem = ""
        except FilterError as error:
            self._problem = one_line(str(error))
        self._show(with_cursor)

    def row_count(self) -> int:
        """One row for each run or group."""
        return len(self.list.rows)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep name, state and step."""
        rows = self.list.rows
        name = max((cell_len(self._title(row)) for row in rows), default=8)
        best, heading = max((len(self._best(row)) for row in rows), default=0), self._best_heading()
        state = max((len(_state(row)[0]) for row in rows), default=0)
        return [
            Column("mark", "", 1),
            Column("name", "run", min(name, 24), most=name, left=True),
            Column("state", "state", min(max(state, 10), 12), most=state, gap=2, left=True),
            Column("step", "step", 7, gap=2),
            Column("total", "of", 7, rank=24, gap=2),
            Column("best", heading, max(best, len(heading)), rank=1, gap=2, left=True),
            *self._baseline_column(),
            *self._setting_columns(),
            Column("tags", "tags", 4, rank=20, most=self._tags_width(), gap=2, left=True),
            Column("at", "at step", 7, rank=25, gap=2),
            Column("speed", "samples/s", 9, rank=27, gap=2),
            Column("age", "age", 6, rank=3, gap=2),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One run or group."""
        shown = self.list.rows[row]
        return {
            **self._setting_cells(shown),
            "mark": (MARKED if self._is_marked(shown) else "", "best"),
            "name": (self._title(shown), "none" if _is_archived(shown) else ""),
            "state": _state(shown),
            "step": (_range([run.step for run in shown.runs]), ""),
            "total": (_range([run.total_steps for run in shown.runs]), "none"),
            "best": (self._best(shown), ""),
            "base": self._difference(shown),
            "tags": (_tags(shown), "none"),
            "at": (_range([run.best.step for run in shown.runs if run.best]), "none"),
            "speed": (_speed(shown), "none"),
            "age": (_age(shown), "none"),
        }

    def put_cursor(self, row: int) -> None:
        """Choose a row."""
        super().put_cursor(row)
        self._tell()

    def activate(self) -> None:
        """A double click opens."""
        self.action_open()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Folding needs a group."""
        row = self.selected
        if action in ("fold", "unfold"):
            return row is not None and not row.group.is_single
        return True

    # Keys -------------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Open the run of the cursor. A group is folded or unfolded."""
        row = self.selected
        if row and row.run:
            self.post_message(self.Opened(row.run.path))
        elif row:
            self._fold(row)

    def action_unfold(self) -> None:
        """Show the runs of a group."""
        if (row := self.selected) and not self.list.is_open(row):
            self._fold(row)

    def action_fold(self) -> None:
        """Hide the runs of a group."""
        if (row := self.selected) and self.list.is_open(row):
            self._fold(row)

    def action_mark(self) -> None:
        """Mark or unmark the cursor's runs, and go to the next row."""
        if (row := self.selected) is None:
            return
        paths = {run.path for run in row.runs}
        self._marked = self._marked - paths if self._is_marked(row) else self._marked | paths
        self.invalidate()
        self.action_step(1)

    def action_overlay(self) -> None:
        """Request to overlay the marked runs."""
        paths = [run.path for run in self._meant()]
        if paths:
            self.post_message(self.OverlayRequested(paths))

    def action_ask(self, what: str) -> None:
        """Request something for the marked runs, or the cursor's."""
        if runs := self._meant():
            self.post_message(self.Asked(what, runs))

    def action_ask_one(self, what: str) -> None:
        """Request something for the cursor's run."""
        if row := self.selected:
            self.post_message(self.Asked(what, list(row.runs[:1])))

    def action_sort(self, direction: int) -> None:
        """Sort by the next column, or in the other direction (0)."""
        names = self.list.sort_names()
        place = names.index(self.list.sort) if self.list.sort in names else -1
        if direction:
            self._change(lambda: self.list.sort_by(names[(place + 1) % len(names)]))
        else:
            self._change(lambda: self.list.sort_by(self.list.sort, not self.list.reverse))

    def action_group(self) -> None:
        """Runs that differ by their seed only: as one row, or apart."""
        self._change(lambda: self.list.show(by_seed=not self.list.by_seed))

    def action_archived(self) -> None:
        """Show or hide archived runs."""
        self._change(lambda: self.list.show(archived=not self.list.with_archived))

    def action_filter(self) -> None:
        """Request the filter."""
        self.post_message(self.FilterRequested())

    def action_close_filter(self) -> None:
        """Request the end of the filter."""
        self.post_message(self.FilterClosed())

    # Rows -------------------------------------------------------------------------------------

    def _fold(self, row: Row) -> None:
        head = Row(row.group, None)
        self._change(lambda: self.list.fold(row), head)

    def _change(self, change: Any, with_cursor: Row | None = None) -> None:
        with_cursor = with_cursor or self.selected
        change()
        self._show(with_cursor)

    def _show(self, with_cursor: Row | None) -> None:
        """Show the rows, with the cursor on the same one."""
        keys = [row.key for row in self.list.rows]
        place = keys.index(with_cursor.key) if with_cursor and with_cursor.key in keys else -1
        if place < 0 and with_cursor:  # a run that is in a group now
            path = with_cursor.runs[0].path
            holds = (path in [run.path for run in row.runs] for row in self.list.rows)
            place = next((number for number, held in enumerate(holds) if held), -1)
        self._cursor = max(place, 0) if place >= 0 else min(self._cursor, max(len(keys) - 1, 0))
        if place < 0 and with_cursor is None:
            self._cursor = 0
        self.EMPTY = "No run fits" if self.list.hidden else "No run yet"
        self.invalidate()
        self.show_cursor()
        self._tell()

    def _tell(self) -> None:
        """Show what is wrong with the filter, or note, order and number of hidden runs."""
        row = self.selected
        note = one_line(row.run.about.note) if row and row.run else ""
        by = "oldest first" if self.list.reverse else "newest first"
        if self.list.sort != "age":
            by = f"by {self.list.sort}{', reversed' * self.list.reverse}"
        hidden = f"{self.list.hidden} hidden" if self.list.hidden else ""
        told = self._problem or " · ".join(filter(None, (note, by, hidden)))
        self.border_subtitle = Content(told)
        self.refresh_bindings()
        self.post_message(self.Selected())

    def _meant(self) -> list[RunSummary]:
        """The marked runs, or the cursor's."""
        heads = [row for row in self.list.rows if not row.is_member]
        marked = [run for row in heads for run in row.runs if run.path in self._marked]
        return marked or list(self.selected.runs if self.selected else ())

    def _is_marked(self, row: Row) -> bool:
        return all(run.path in self._marked for run in row.runs)

    # Cells ------------------------------------------------------------------------------------

    def _title(self, row: Row) -> str:
        if row.run is None:
            name = (OPEN if self.list.is_open(row) else FOLDED) + one_line(row.group.title)
        else:
            name = INDENT * row.is_member + one_line(row.run.title)
        return PINNED * any(run.about.baseline for run in row.runs) + name

    def _baseline_column(self) -> list[Column]:
        """Room for the differences, if a run is pinned."""
        if self.list.baseline is None:
            return []
        width = max((len(self._difference(row)[0]) for row in self.list.rows), default=0)
        return [Column("base", "− baseline", max(width, 10), rank=2, gap=2, left=True)]

    def _difference(self, row: Row) -> tuple[str, str]:
        base = self.list.baseline
        if base is None or row.key == base.key or not row.metric:
            return "", ""
        difference = row.minus(base)
        return difference_text(difference), difference_look(BY_CHOICE[row.metric], difference)

    def _setting_columns(self) -> list[Column]:
        """A column for each setting that differs, the first ones for narrow panes too."""
        heads = [row for row in self.list.rows if not row.is_member]
        columns = []
        for rank, key in enumerate(self.list.settings, 4):
            heading = short_name(key)
            widest = max([*(len(value_text(row, key)) for row in heads), len(heading)])
            columns.append(
                Column(key, heading, min(widest, LONGEST_SETTING), rank=min(rank, 19), gap=2)
            )
        return columns

    def _setting_cells(self, row: Row) -> Cells:
        return {key: (one_line(value_text(row, key)), "") for key in self.list.settings}

    def _best_heading(self) -> str:
        """The metric by which runs are the best, if it is the same for all."""
        metrics = {row.metric for row in self.list.rows if row.score}
        return metrics.pop() if len(metrics) == 1 else "best by"

    def _best(self, row: Row) -> str:
        """The best score, with the mean over the runs of a group."""
        spread = row.score
        if spread is None:
            best = row.run.best if row.run else None
            return str(best.score) if best else ""
        name = "" if self._best_heading() == row.metric else f"{row.metric} "
        if spread.deviation is None:
            return name + metric_text(BY_CHOICE[row.metric], spread.mean)
        return name + spread_text(BY_CHOICE[row.metric], spread)

    def _tags_width(self) -> int:
        return max((cell_len(_tags(row)) for row in self.list.rows), default=0)


def _state(row: Row) -> tuple[str, str]:
    """The state of all runs, or of how many each."""
    states = [run.state or "unknown" for run in row.runs]
    if len(set(states)) > 1:
        counts = ((states.count(state), state) for state in dict.fromkeys(states))
        return ", ".join(f"{count} {state}" for count, state in counts), "none"
    mark, look = STATES.get(states[0], ("?", "none"))
    return f"{mark} {states[0]}", "none" if look == "note" else look


def _tags(row: Row) -> str:
    tags = dict.fromkeys(tag for run in row.runs for tag in run.about.tags)
    archived = [ARCHIVED] if _is_archived(row) else []
    return " ".join([*archived, *(f"#{one_line(tag)}" for tag in tags)])


def _is_archived(row: Row) -> bool:
    return all(run.about.archived for run in row.runs)


def _age(row: Row) -> str:
    started = [run.started for run in row.runs if run.started]
    return age(time.time() - max(started)) if started else ""


def _speed(row: Row) -> str:
    rates = [run.samples_per_s for run in row.runs if run.samples_per_s]
    return f"{sum(rates) / len(rates):,.0f}" if rates else ""


def _range(numbers: Sequence[int | None]) -> str:
    """The number of all, or the least and the most."""
    known = sorted({number for number in numbers if number is not None})
    ends = dict.fromkeys([*known[:1], *known[-1:]])
    return "–".join(f"{number:,}" for number in ends)
