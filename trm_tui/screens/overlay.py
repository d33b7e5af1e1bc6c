"""OverlayScreen: compares several runs in shared charts and one table."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Container
from textual.screen import Screen

from trm_engine.printable import one_line
from trm_tui.sessions.run import AttachedRun
from trm_tui.store.growing import AXES, Growing
from trm_tui.store.trace import Trace
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.run.comparison import RunComparison

TICK_SECONDS = 0.2
DRAIN_SECONDS = 0.02
TRAINING_LOSS = "Training loss"
EVALUATED = {
    "Validation loss": "loss",
    "Exact match with values": "exact_match_values",
    "Decision accuracy": "decision.accuracy",
}


class OverlayScreen(Screen[None]):
    """Compares runs. Live runs are updated."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    def __init__(self, runs: list[AttachedRun]) -> None:
        super().__init__()
        self.runs = runs

    def compose(self) -> ComposeResult:
        """Four charts and a table."""
        titles = (TRAINING_LOSS, *EVALUATED)
        yield Container(
            *(Chart(title, self._traces(title), classes="panel") for title in titles),
            id="chart-grid",
        )
        yield RunComparison(self.runs, classes="panel")
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read new events regularly."""
        self.set_interval(TICK_SECONDS, self._tick)

    def _traces(self, title: str) -> list[Trace]:
        return [self._trace(run, title) for run in self.runs]

    def _trace(self, run: AttachedRun, title: str) -> Trace:
        name, store = one_line(run.folder.path.name), run.store
        if title == TRAINING_LOSS:
            return Trace(name, store.columns["total_loss"], _axes(store.columns))
        return Trace(name, store.metrics[EVALUATED[title]], _axes(store.metrics), points=True)

    def _tick(self) -> None:
        changed = set()
        for run in self.runs:
            run.look()
            changed |= run.drain(DRAIN_SECONDS)
        for chart in self.query(Chart):
            if "restarted" in changed:
                chart.traces = self._traces(chart.title)
            elif changed:
                chart.refresh_data()
        if changed:
            self.query_one(RunComparison).invalidate()

    @on(Chart.CursorMoved)
    def _move_cursors(self, event: Chart.CursorMoved) -> None:
        for chart in self.query(Chart):
            chart.cursor = event.x

    @on(Chart.ViewChanged)
    def _change_views(self, event: Chart.ViewChanged) -> None:
        for chart in self.query(Chart):
            chart.view = event.view


def _axes(columns: Mapping[str, Growing]) -> dict[str, Growing]:
    return {axis: columns[axis] for axis in AXES}
