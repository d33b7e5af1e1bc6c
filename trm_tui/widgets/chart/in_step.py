"""ChartsInStep: charts whose crosshair and view move together."""

from __future__ import annotations

from textual import on
from textual.dom import DOMNode

from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.chart.view import View


class ChartsInStep(DOMNode):
    """What holds charts: a change of one of them reaches all.

    It comes after the other base: Textual takes the names for CSS from the first.
    """

    def follow_view(self, view: View) -> None:
        """Show a part of all charts. The one that was changed has it already."""
        for chart in self.query(Chart):
            chart.view = view

    @on(Chart.CursorMoved)
    def _move_cursors(self, event: Chart.CursorMoved) -> None:
        for chart in self.query(Chart):
            chart.cursor = event.x

    @on(Chart.ViewChanged)
    def _change_views(self, event: Chart.ViewChanged) -> None:
        self.follow_view(event.view)
