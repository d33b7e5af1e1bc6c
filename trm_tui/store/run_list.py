"""RunList: the runs of a folder as rows: filtered, sorted, grouped by what differs."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from trm_engine.runs.summary import RunSummary
from trm_tui.store.groups import Group, apart, differing, flat, group_runs, identity
from trm_tui.store.run_filter import Facts, FilterError, facts_of, names, run_filter
from trm_tui.store.spread import Difference, Spread, difference

NEWEST = "age"
OF_SAMPLES = ("decision_accuracy", "exact_match", "exact_match_values", "slots_all_right")
"""Metrics that are shares of the evaluated samples."""
FALLING = ("val.", "step", "epoch", "samples_per_s")
"""Values of which the largest come first."""


@dataclass(frozen=True)
class Row:
    """A run, or a group of several if ``run`` is None. ``is_member`` runs are below their group."""

    group: Group[RunSummary]
    run: RunSummary | None
    is_member: bool = False

    @property
    def runs(self) -> tuple[RunSummary, ...]:
        """The run, or all runs of the group."""
        return (self.run,) if self.run else self.group.runs

    @property
    def key(self) -> str:
        """The same for the same run or group, when the list changes."""
        return str(self.run.path) if self.run else identity(self.group.config)

    @property
    def metric(self) -> str:
        """The metric by which the best evaluations are the best; "" if unknown or several."""
        found = {run.best.metric for run in self.runs if run.best}
        return found.pop() if len(found) == 1 else ""

    @property
    def score(self) -> Spread | None:
        """The value of that metric over the runs."""
        metric = self.metric
        return Spread.of([run.best.value for run in self.runs if run.best]) if metric else None

    @property
    def samples(self) -> int | None:
        """The number of samples that the score of one run is a share of."""
        best = next((run.best for run in self.runs if run.best), None)
        return best.samples if best and best.metric in OF_SAMPLES else None

    def minus(self, base: Row) -> Difference | None:
        """The difference of the scores, if they are of the same metric."""
        if self.metric != base.metric:
            return None
        return difference(self.score, base.score, (self.samples, base.samples))


class RunList:
    """Rows of runs. Only the methods change it; ``rows`` is up to date after each."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.settings: list[str] = []
        self.baseline: Row | None = None
        self.hidden = 0
        self.by_seed = True
        self.with_archived = False
        self.sort = NEWEST
        self.reverse = False
        self._runs: list[RunSummary] = []
        self._open: set[str] = set()
        self._test: Callable[[Facts], bool] = lambda facts: True

    def set_runs(self, runs: Sequence[RunSummary]) -> None:
        """Show these runs, the newest first."""
        self._runs = list(runs)
        self._arrange()

    def filter(self, text: str) -> None:
        """Show only runs that fit.

        Raises:
            FilterError: the text is no filter. The list stays as it was.
        """
        self._test = run_filter(text)
        self._arrange()

    def sort_by(self, name: str, reverse: bool = False) -> None:
        """Sort by a name of the filter language.

        Raises:
            FilterError: there is no such name.
        """
        if name not in names():
            raise FilterError(f"cannot sort by '{name}'")
        self.sort, self.reverse = name, reverse
        self._arrange()

    def show(self, by_seed: bool | None = None, archived: bool | None = None) -> None:
        """Show groups or single runs; show or hide archived runs."""
        self.by_seed = self.by_seed if by_seed is None else by_seed
        self.with_archived = self.with_archived if archived is None else archived
        self._arrange()

    def fold(self, row: Row) -> None:
        """Show or hide the runs of a group."""
        self._open ^= {identity(row.group.config)}
        self._arrange()

    def is_open(self, row: Row) -> bool:
        """Whether the runs of a group are shown."""
        return identity(row.group.config) in self._open

    def sort_names(self) -> list[str]:
        """The names to sort by: one for each column."""
        metric = next((row.metric for row in self.rows if row.metric), "")
        return [NEWEST, *[f"val.{metric}"][: bool(metric)], "name", "state", "step", *self.settings]

    def _arrange(self) -> None:
        now = time.time()
        facts = {run.path: facts_of(run, now) for run in self._runs}
        places = {run.path: place for place, run in enumerate(self._runs)}
        shown = [
            run
            for run in self._runs
            if (self.with_archived or not run.about.archived) and self._test(facts[run.path])
        ]
        self.hidden = len(self._runs) - len(shown)
        gather = group_runs if self.by_seed else apart
        groups = gather(shown, lambda run: run.title, lambda run: run.config)
        self.settings = differing(group.config for group in groups)
        if self.sort == NEWEST:  # the order of the runs, which also have an age if they never began
            groups.sort(key=lambda group: places[group.runs[0].path], reverse=self.reverse)
        else:
            groups.sort(key=lambda group: self._rank(group, facts), reverse=self._is_falling())
            # Runs without the value are the last ones, in either direction.
            groups.sort(key=lambda group: self._value(group, facts) is None)
        self.rows = [row for group in groups for row in self._rows_of(group)]
        self.baseline = self._baseline()

    def _rows_of(self, group: Group[RunSummary]) -> list[Row]:
        if group.is_single:
            return [Row(group, group.runs[0])]
        head = Row(group, None)
        members = [Row(group, run, is_member=True) for run in group.runs]
        return [head, *members] if self.is_open(head) else [head]

    def _is_falling(self) -> bool:
        falls = self.sort.startswith(FALLING) and self.sort != "val.loss"
        return falls != self.reverse

    def _value(self, group: Group[RunSummary], facts: dict[Any, Facts]) -> Any:
        """What a group is sorted by: the mean of numbers, or the first value."""
        values = [facts[run.path].get(self.sort) for run in group.runs]
        known = [value for value in values if value is not None]
        if known and all(isinstance(value, int | float) for value in known):
            spread = Spread.of(known)
            return spread and spread.mean
        return str(known[0]).casefold() if known else None

    def _rank(self, group: Group[RunSummary], facts: dict[Any, Facts]) -> tuple[bool, Any]:
        """A key that compares numbers with numbers and texts with texts."""
        value = self._value(group, facts)
        return isinstance(value, str), 0.0 if value is None else value

    def _baseline(self) -> Row | None:
        """The row of the pinned run, or of its group, also if it is not shown."""
        pinned = next((run for run in self._runs if run.about.baseline), None)
        if pinned is None:
            return None
        with_it = (row for row in self.rows if pinned in row.runs and not row.is_member)
        alone = Row(Group(pinned.title, (pinned,), pinned.config), pinned)
        return next(with_it, alone)


def value_text(row: Row, setting: str) -> str:
    """A setting of a row as text."""
    value = flat(row.group.config).get(setting)
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
