"""ServerTabs: the tabs of a server that is watched, and the updates of their panes."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.containers import Container
from textual.widget import Widget

from trm_tui.sessions.server import WatchedServer
from trm_tui.store.shares import (
    action_rows,
    confidence_rows,
    drift_note,
    notes_of,
    outcome_rows,
)
from trm_tui.store.trace import Trace
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.chart.in_step import ChartsInStep
from trm_tui.widgets.chart.view import View
from trm_tui.widgets.lazy_tabs import LazyTabs
from trm_tui.widgets.server.request import RequestPane
from trm_tui.widgets.server.shares import ShareRows
from trm_tui.widgets.server.unsure import UnsureList


class ServerTabs(LazyTabs, ChartsInStep):
    """``show`` updates the figures, ``show_unsure`` the list of requests."""

    TABS = ("Traffic", "Unsure")

    def __init__(self, server: WatchedServer) -> None:
        super().__init__()
        self.server = server
        self._view = View("time", smoothing=0.0)

    # Composition ------------------------------------------------------------------------------

    def content(self, tab: str) -> Widget:
        """The panes of a tab."""
        make: Callable[[], Widget] = getattr(self, f"_{tab}")
        return make()

    def filled(self, tab: str) -> None:
        """Fill the new panes."""
        self.show()
        self.show_unsure()

    def _traffic(self) -> Widget:
        traffic = self.server.traffic
        all_the_time, busy = {"time": traffic.time}, {"time": traffic.busy}
        rates = [
            Trace("all", traffic.rate, all_the_time, smooth=False),
            Trace("refused or failed", traffic.failures, all_the_time, smooth=False),
        ]
        latencies = [
            Trace("median", traffic.median, busy, smooth=False),
            Trace("95th percentile", traffic.p95, busy, smooth=False),
        ]
        charts = Container(
            Chart("Requests a second", rates, view=self._view, classes="panel"),
            Chart("Latency in ms", latencies, view=self._view, classes="panel"),
            id="traffic-charts",
        )
        panels = Container(
            ShareRows("Answers", "answer", compares=False, id="outcomes", classes="panel"),
            ShareRows("Actions", "action", compares=True, id="actions", classes="panel"),
            ShareRows("Confidence", "confidence", compares=True, id="confidence", classes="panel"),
            id="traffic-panels",
        )
        return Container(charts, panels, id="traffic")

    def _unsure(self) -> Widget:
        return Container(
            UnsureList(classes="panel"), RequestPane(classes="panel"), id="unsure-panes"
        )

    # Updates ----------------------------------------------------------------------------------

    def show(self) -> None:
        """Show the newest figures."""
        figures, facts = self.server.traffic.now, self.server.facts
        for chart in self.query(Chart):
            chart.refresh_data()
        newest, validation = (facts.newest, facts.validation) if facts else (None, None)
        shown = {
            "outcomes": (outcome_rows(figures), notes_of(figures)),
            "actions": (action_rows(newest, validation), ""),
            "confidence": (confidence_rows(newest, validation), ""),
        }
        for pane in self.query(ShareRows):
            pane.show(*shown[str(pane.id)])
            if pane.id != "outcomes" and newest:
                drift = drift_note(figures.drift, pane.id or "")
                pane.border_subtitle = f"newest {newest.samples:,} · {drift}"

    def show_unsure(self) -> None:
        """Show the requests of which the model was least sure."""
        for pane in self.query(UnsureList):
            pane.show(self.server.unsure, self.server.no_texts)

    @on(UnsureList.Selected)
    def _select(self, event: UnsureList.Selected) -> None:
        self.query_one(RequestPane).show(event.item)
