"""Chart: a plot with zoom, crosshair, legend and export, by keys and mouse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from textual import events
from textual.geometry import Offset
from textual.message import Message

from trm_tui.keys import CHART, bindings
from trm_tui.store.growing import AXES
from trm_tui.store.smoothing import FACTORS
from trm_tui.store.trace import Trace
from trm_tui.widgets.chart.plot import Plot
from trm_tui.widgets.chart.view import View

ZOOM = 0.7
WHEEL_ZOOM = 0.85
PAN = 0.25
WHEEL_PAN = 0.1


class _ChartMessage(Message):
    """A message about what the user did in a chart."""

    def __init__(self, chart: Chart) -> None:
        super().__init__()
        self.chart = chart

    @property
    def control(self) -> Chart:
        """The chart."""
        return self.chart


class Chart(Plot, can_focus=True):
    """A plot that the user controls.

    ``view`` and ``cursor`` (a value on the x axis, or None) can be set from outside, so that charts
    move together. Only the user's own actions post messages.
    """

    BINDINGS = bindings(CHART)
    ALLOW_SELECT = False

    class CursorMoved(_ChartMessage):
        """The user moved the crosshair to ``x``, or hid it (None)."""

        def __init__(self, chart: Chart, x: float | None) -> None:
            super().__init__(chart)
            self.x = x

        def can_replace(self, message: Message) -> bool:
            """Replace an earlier move that is still queued."""
            return isinstance(message, Chart.CursorMoved)

    class ViewChanged(_ChartMessage):
        """The user changed the axis, window, following or smoothing."""

        def __init__(self, chart: Chart, view: View) -> None:
            super().__init__(chart)
            self.view = view

    class ExportRequested(_ChartMessage):
        """The user wants to export the chart's data."""

    def __init__(self, title: str, traces: Sequence[Trace], **options: Any) -> None:
        super().__init__(title, traces, **options)
        self._dragged_from: tuple[int, View] | None = None
        self._dragged = False

    # Window and crosshair ---------------------------------------------------------------------

    def _show_view(self, view: View) -> None:
        if view != self._view:
            self.view = view
            self.post_message(self.ViewChanged(self, view))

    def _zoom(self, factor: float, at: float | None) -> None:
        places = self._places
        self._show_view(self._view.zoomed(places.domain, factor, at, places.min_width))

    def _pan(self, share: float) -> None:
        self._show_view(self._view.panned(self._places.domain, share))

    def _move_cursor(self, x: float | None) -> None:
        if x != self._cursor:
            self.cursor = x
            self.post_message(self.CursorMoved(self, x))

    # Keys -------------------------------------------------------------------------------------

    def action_zoom_in(self) -> None:
        """Zoom in around the crosshair."""
        self._zoom(ZOOM, self._cursor)

    def action_zoom_out(self) -> None:
        """Zoom out."""
        self._zoom(1 / ZOOM, self._cursor)

    def action_pan(self, direction: int) -> None:
        """Scroll left or right."""
        self._pan(direction * PAN)

    def action_reset(self) -> None:
        """Show everything and follow new data."""
        self._show_view(self._view.reset())

    def action_follow(self) -> None:
        """Freeze the view, or follow new data."""
        self._show_view(self._view.toggled(self._places.domain))

    def action_cursor(self, direction: int) -> None:
        """Move the crosshair to the next value. It starts at the newest one."""
        places, (low, high) = self._places, self._window
        if self._cursor is None:
            x = places.snapped(high)
        else:
            x = places.next(self._cursor, direction * self._cell)
        self._pinned = x is not None
        self._move_cursor(x)
        if x is not None and not low <= x <= high:
            self._pan(direction * PAN)

    def action_clear(self) -> None:
        """Hide the crosshair."""
        self._pinned = False
        self._move_cursor(None)

    def action_log_scale(self) -> None:
        """Switch between logarithmic and linear scale."""
        self._log = not self._log
        self.refresh_data()

    def action_robust(self) -> None:
        """Exclude outliers from the scale, or include them."""
        self._robust = not self._robust
        self.refresh_data()

    def action_axis(self) -> None:
        """Switch the x axis to the next of step, time and epoch. The view shows the same data."""
        kinds = [axis for axis in AXES if any(axis in trace.axes for trace in self._traces)]
        if self._view.axis not in kinds:
            return
        axis = kinds[(kinds.index(self._view.axis) + 1) % len(kinds)]
        places, view, cursor = self._places, replace(self._view, axis=axis), self._cursor
        if view.window is not None:
            low, high = (places.on(axis, x) for x in self._window)
            view = replace(view, window=(low, high))
        self._show_view(view)
        if cursor is not None:
            self._move_cursor(places.on(axis, cursor))

    def action_smooth(self, direction: int) -> None:
        """Smooth more or less."""
        nearest = min(range(len(FACTORS)), key=lambda n: abs(FACTORS[n] - self._view.smoothing))
        chosen = min(max(nearest + direction, 0), len(FACTORS) - 1)
        self._show_view(replace(self._view, smoothing=FACTORS[chosen]))

    def action_next_series(self) -> None:
        """Select the next curve; none after the last one."""
        following = 0 if self._selected is None else self._selected + 1
        self._selected = following if following < len(self._traces) else None
        self.refresh_data()

    def action_toggle_series(self) -> None:
        """Show or hide the selected curve."""
        self._toggle(self._selected or 0)

    def action_export(self) -> None:
        """Request an export of the data."""
        self.post_message(self.ExportRequested(self))

    def _toggle(self, number: int) -> None:
        if number < len(self._traces):
            self._hidden ^= {self._traces[number].name}
            self._selected = number
            self.refresh_data()

    # Mouse ------------------------------------------------------------------------------------

    def _x_at(self, offset: Offset | None) -> float | None:
        """The value on the x axis under the pointer; None outside the plot."""
        plot = self._picture(self.size).plot
        if offset is None or not plot.contains(offset.x, offset.y):
            return None
        return self._window[0] + (offset.x - plot.column + 0.5) * self._cell

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Move the crosshair to the pointer, unless it is pinned. A drag scrolls."""
        if self._dragged_from is not None:
            begin, view = self._dragged_from
            moved = event.get_content_offset_capture(self).x - begin
            self._dragged = self._dragged or bool(moved)
            columns = max(1, self._picture(self.size).plot.columns)
            self._show_view(view.panned(self._places.domain, -moved / columns))
        elif not self._pinned:
            x = self._x_at(event.get_content_offset(self))
            self._move_cursor(None if x is None else self._places.snapped(x))

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Start a click or a drag."""
        self.capture_mouse()
        self._dragged_from = event.get_content_offset_capture(self).x, self._view
        self._dragged = False

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A click pins the crosshair, or toggles a curve in the legend."""
        self.release_mouse()
        self._dragged_from = None
        offset = event.get_content_offset(self)
        if self._dragged or offset is None:
            return
        for row, columns, number in self._picture(self.size).items:
            if offset.y == row and offset.x in columns:
                self._toggle(number)
                return
        x = self._x_at(offset)
        if x is not None:
            self._pinned = True
            self._move_cursor(self._places.snapped(x))

    def on_leave(self, event: events.Leave) -> None:
        """Hide the crosshair, unless it is pinned."""
        if not self._pinned:
            self._move_cursor(None)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in around the pointer; with shift, scroll left."""
        self._wheel(event, WHEEL_ZOOM, -WHEEL_PAN)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out around the pointer; with shift, scroll right."""
        self._wheel(event, 1 / WHEEL_ZOOM, WHEEL_PAN)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Scroll left."""
        self._wheel(event, 1.0, -WHEEL_PAN)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Scroll right."""
        self._wheel(event, 1.0, WHEEL_PAN)

    def _wheel(self, event: events.MouseEvent, factor: float, share: float) -> None:
        event.stop()
        event.prevent_default()
        if event.shift or factor == 1.0:
            self._pan(share)
        else:
            self._zoom(factor, self._x_at(event.get_content_offset(self)))
