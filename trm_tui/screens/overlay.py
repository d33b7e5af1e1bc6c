"""OverlayScreen: compares several runs in shared charts and one table."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from trm_tui.keys import COMPARISON, bindings
from trm_tui.sessions.curves import EVALUATED, TRAINING_LOSS, group_trace
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.groups import Group, apart, group_runs
from trm_tui.store.trace import Trace
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.chart.in_step import ChartsInStep
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.run.comparison import RunComparison

TICK_SECONDS = 0.2
DRAIN_SECONDS = 0.02
TITLES = (TRAINING_LOSS, *list(EVALUATED)[:3])


class OverlayScreen(Screen[None], ChartsInStep):
    """Compares runs. Live runs are updated. Runs that differ by their seed only are one curve."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]
    BINDINGS = bindings(COMPARISON)

    def __init__(self, runs: list[AttachedRun]) -> None:
        super().__init__()
        self.runs = runs
        self.groups = self._grouped(by_seed=True)

    def compose(self) -> ComposeResult:
        """Four charts and a table."""
        yield Container(
            *(Chart(title, self._traces(title), classes="panel") for title in TITLES),
            id="chart-grid",
        )
        yield RunComparison(self.groups, classes="panel")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read new events regularly."""
        self.set_interval(TICK_SECONDS, self._tick)

    def action_group(self) -> None:
        """Show runs that differ by their seed only as one, or apart."""
        self.groups = self._grouped(by_seed=len(self.groups) == len(self.runs))
        self._show_groups()

    def action_baseline(self) -> None:
        """Show the differences from the next run of the table."""
        self.query_one(RunComparison).next_baseline()

    def _grouped(self, by_seed: bool) -> Sequence[Group[AttachedRun]]:
        return (group_runs if by_seed else apart)(
            self.runs, lambda run: run.folder.path.name, lambda run: run.config.to_dict()
        )

    def _traces(self, title: str) -> list[Trace]:
        return [group_trace(group, title) for group in self.groups]

    def _show_groups(self) -> None:
        for chart in self.query(Chart):
            chart.traces = self._traces(chart.title)
        self.query_one(RunComparison).show(self.groups)

    def _tick(self) -> None:
        changed = set()
        for run in self.runs:
            run.look()
            changed |= run.drain(DRAIN_SECONDS)
        if "restarted" in changed:
            self._show_groups()
        elif changed:
            for chart in self.query(Chart):
                chart.refresh_data()
            self.query_one(RunComparison).show(self.groups)
