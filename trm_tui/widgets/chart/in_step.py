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

    def follow_view(self, view: View, changed: Chart) -> None:
        """Show a part of all charts but the ``changed`` one, which may be further by now."""
        for chart in self.query(Chart):
            if chart is not changed:
                chart.view = view

    @on(Chart.CursorMoved)
    def _move_cursors(self, event: Chart.CursorMoved) -> None:
        for chart in self.query(Chart):
            if chart is not event.chart:
                chart.cursor = event.x

    @on(Chart.ViewChanged)
    def _change_views(self, event: Chart.ViewChanged) -> None:
        self.follow_view(event.view, event.chart)
