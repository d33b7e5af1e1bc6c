"""Chart: live curves with zoom, crosshair and legend, drawn in braille on Textual's line API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from rich.markup import escape
from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from trm_tui.keys import CHART, bindings
from trm_tui.store.export import Table, table_of
from trm_tui.store.growing import AXES
from trm_tui.store.smoothing import FACTORS
from trm_tui.store.trace import Trace, Window
from trm_tui.widgets.chart.canvas import Glyphs, glyphs_for
from trm_tui.widgets.chart.frame import Frame, compose
from trm_tui.widgets.chart.labels import state_of, title_of
from trm_tui.widgets.chart.places import Places
from trm_tui.widgets.chart.scene import COLOURS, Scene, style_names
from trm_tui.widgets.chart.ticks import Format
from trm_tui.widgets.chart.view import View

ZOOM = 0.7
WHEEL_ZOOM = 0.85
PAN = 0.25
WHEEL_PAN = 0.1


def _series_css(number: int) -> str:
    return f"""
    Chart > .chart--line-{number} {{ color: $series-{number}; }}
    Chart > .chart--envelope-{number} {{ color: $series-{number} 35%; }}
    Chart:ansi > .chart--envelope-{number} {{ color: $series-{number}; text-style: dim; }}
    Chart > .chart--value-{number} {{ color: $series-{number}; background: $panel; }}
    """


class _Said(Message):
    """What a person did to a chart."""

    def __init__(self, chart: Chart) -> None:
        super().__init__()
        self.chart = chart

    @property
    def control(self) -> Chart:
        """The chart."""
        return self.chart


class Chart(Widget, can_focus=True):
    """Curves over a common axis.

    ``refresh_data`` shows what the traces have gained; it costs nothing while the chart is hidden.
    ``view`` and ``cursor`` (a place on the x axis, or None) may be set from outside, so that charts
    move together; only what a person does here is told by messages. ``form`` writes a value of the
    y axis, ``log`` is the scale to begin with, ``glyphs`` are the characters to draw with, by
    default what the terminal can show.
    """

    COMPONENT_CLASSES = {f"chart--{name}" for name in style_names()}
    DEFAULT_CSS = """
    Chart { height: 1fr; width: 1fr; }
    Chart > .chart--axis { color: $faint; }
    Chart > .chart--label { color: $text-muted; }
    Chart > .chart--cursor { color: $foreground 60%; }
    Chart > .chart--hole { color: $error; text-style: bold; }
    Chart > .chart--note { color: $warning; }
    Chart > .chart--readout { color: $foreground; background: $panel; text-style: bold; }
    Chart > .chart--hidden { color: $faint; text-style: strike; }
    Chart > .chart--selected { color: $foreground; text-style: bold; }
    """ + "".join(map(_series_css, range(1, COLOURS + 1)))
    BINDINGS = bindings(CHART)
    ALLOW_SELECT = False

    class CursorMoved(_Said):
        """A person has moved the crosshair to ``x``, or put it away (None)."""

        def __init__(self, chart: Chart, x: float | None) -> None:
            super().__init__(chart)
            self.x = x

        def can_replace(self, message: Message) -> bool:
            """Only the last of several moves counts."""
            return isinstance(message, Chart.CursorMoved)

    class ViewChanged(_Said):
        """A person has changed what is seen: axis, window, following, smoothing."""

        def __init__(self, chart: Chart, view: View) -> None:
            super().__init__(chart)
            self.view = view

    class ExportRequested(_Said):
        """A person wants the chart's data in a file."""

    def __init__(
        self,
        title: str,
        traces: Sequence[Trace],
        *,
        form: Format | None = None,
        log: bool = False,
        view: View | None = None,
        glyphs: Glyphs | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self.title = title
        self._traces = list(traces)
        self._form = form
        self._view = view or View()
        self._glyphs = glyphs or glyphs_for()
        self._cursor: float | None = None
        self._pinned = False
        self._log = log
        self._robust = False
        self._hidden: frozenset[str] = frozenset()
        self._selected: int | None = None
        self._dragged_from: tuple[int, View] | None = None
        self._dragged = False
        self._frame: Frame | None = None
        self._strips: list[Strip] = []
        self._styles: list[Style] = []
        self.border_title = escape(title)

    # What is shown ----------------------------------------------------------------------------

    @property
    def traces(self) -> list[Trace]:
        """The curves, in the order of their colours."""
        return self._traces

    @traces.setter
    def traces(self, traces: Sequence[Trace]) -> None:
        self._traces = list(traces)
        if self._selected is not None and self._selected >= len(self._traces):
            self._selected = None
        self.refresh_data()

    @property
    def view(self) -> View:
        """The part that is seen."""
        return self._view

    @view.setter
    def view(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self.refresh_data()

    @property
    def cursor(self) -> float | None:
        """Where the crosshair is on the x axis."""
        return self._cursor

    @cursor.setter
    def cursor(self, x: float | None) -> None:
        if x != self._cursor:
            self._cursor = x
            self._pinned = self._pinned and x is not None
            self.refresh_data()

    @property
    def log_scale(self) -> bool:
        """Whether the y axis is logarithmic, where the values allow it."""
        return self._log

    @log_scale.setter
    def log_scale(self, log: bool) -> None:
        self._log = log
        self.refresh_data()

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the curves that are not drawn."""
        return self._hidden

    @hidden.setter
    def hidden(self, names: Iterable[str]) -> None:
        self._hidden = frozenset(names)
        self.refresh_data()

    def refresh_data(self) -> None:
        """Show what has come since the last time, now or as soon as the chart is seen."""
        self._frame = None
        if self.is_attached and self.is_on_screen:
            self._label()
            self.refresh()

    def columns(self) -> Table:
        """All data of all curves, smoothing aside: names of columns, and the columns."""
        return table_of(self._traces)

    # Drawing ----------------------------------------------------------------------------------

    def on_show(self) -> None:
        """Catch up with what came while the chart was hidden."""
        self.refresh_data()

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._styles.clear()
        self._frame = None

    def render_line(self, y: int) -> Strip:
        """One line of the picture."""
        self._picture(self.size)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _picture(self, size: Size) -> Frame:
        frame = self._frame
        if frame is None or frame.grid.codes.shape != (size.height, size.width):
            frame = self._frame = compose(self._scene(), size.width, size.height)
            self._strips = frame.grid.strips(self._styles or self._resolved_styles())
        return frame

    def _resolved_styles(self) -> list[Style]:
        """Finding them takes longer than drawing: they are kept until the colours change."""
        names = (f"chart--{name}" for name in style_names())
        self._styles += [self.get_component_rich_style(name) for name in names]
        return self._styles

    def _scene(self) -> Scene:
        return Scene(
            traces=self._traces,
            axis=self._view.axis,
            window=self._window,
            smoothing=self._view.smoothing,
            glyphs=self._glyphs,
            hidden=self._hidden,
            selected=self._selected,
            cursor=self._cursor,
            log=self._log,
            robust=self._robust,
            form=self._form,
            numbered=self.app.no_color,
        )

    def _label(self) -> None:
        """Title and subtitle, which the border repaints only if they change."""
        self.border_title = title_of(self.title, self._traces, self._hidden, self._glyphs)
        self.border_subtitle = state_of(self._view, self._log, self._robust, self._glyphs)

    # Window and crosshair ---------------------------------------------------------------------

    @property
    def _places(self) -> Places:
        """Where values are; the crosshair walks over the selected curve's, or the longest's."""
        shown = None if self._selected is None else self._traces[self._selected]
        if shown is not None and shown.name in self._hidden:
            shown = None
        return Places(self._traces, self._view.axis, shown)

    @property
    def _window(self) -> Window:
        return self._view.shown(self._places.domain)

    @property
    def _cell(self) -> float:
        """The width of a cell on the x axis."""
        low, high = self._window
        return (high - low) / max(1, self._picture(self.size).plot.columns)

    def _show_view(self, view: View) -> None:
        if view != self._view:
            self.view = view
            self.post_message(self.ViewChanged(self, view))

    def _zoom(self, factor: float, at: float | None) -> None:
        places = self._places
        self._show_view(self._view.zoomed(places.domain, factor, at, places.least_width))

    def _pan(self, share: float) -> None:
        self._show_view(self._view.panned(self._places.domain, share))

    def _move_cursor(self, x: float | None) -> None:
        if x != self._cursor:
            self.cursor = x
            self.post_message(self.CursorMoved(self, x))

    # Keys -------------------------------------------------------------------------------------

    def action_zoom_in(self) -> None:
        """Half of the window or so, around the crosshair."""
        self._zoom(ZOOM, self._cursor)

    def action_zoom_out(self) -> None:
        """The way back."""
        self._zoom(1 / ZOOM, self._cursor)

    def action_pan(self, direction: int) -> None:
        """Move the window."""
        self._pan(direction * PAN)

    def action_reset(self) -> None:
        """Everything, following."""
        self._show_view(self._view.reset())

    def action_follow(self) -> None:
        """Freeze, or follow."""
        self._show_view(self._view.toggled(self._places.domain))

    def action_cursor(self, direction: int) -> None:
        """Move the crosshair to the next value; the first time it stands at the newest one."""
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
        """Away with the crosshair."""
        self._pinned = False
        self._move_cursor(None)

    def action_log_scale(self) -> None:
        """Logarithmic or linear."""
        self._log = not self._log
        self.refresh_data()

    def action_robust(self) -> None:
        """Without the extremes, or with them."""
        self._robust = not self._robust
        self.refresh_data()

    def action_axis(self) -> None:
        """Over the next of step, time and epoch; window and crosshair stay at their values."""
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
        """More or less."""
        nearest = min(range(len(FACTORS)), key=lambda n: abs(FACTORS[n] - self._view.smoothing))
        chosen = min(max(nearest + direction, 0), len(FACTORS) - 1)
        self._show_view(replace(self._view, smoothing=FACTORS[chosen]))

    def action_next_series(self) -> None:
        """Select the next curve; after the last one none."""
        following = 0 if self._selected is None else self._selected + 1
        self._selected = following if following < len(self._traces) else None
        self.refresh_data()

    def action_toggle_series(self) -> None:
        """Show or hide the selected curve."""
        self._toggle(self._selected or 0)

    def action_export(self) -> None:
        """Ask for the data."""
        self.post_message(self.ExportRequested(self))

    def _toggle(self, number: int) -> None:
        if number < len(self._traces):
            self._hidden ^= {self._traces[number].name}
            self._selected = number
            self.refresh_data()

    # Mouse ------------------------------------------------------------------------------------

    def _x_at(self, offset: Offset | None) -> float | None:
        """The place on the x axis under the pointer; None beside the plot."""
        plot = self._picture(self.size).plot
        if offset is None or not plot.contains(offset.x, offset.y):
            return None
        return self._window[0] + (offset.x - plot.column + 0.5) * self._cell

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """The crosshair follows the pointer, unless it was pinned; a drag moves the window."""
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
        """Begin of a click or drag."""
        self.capture_mouse()
        self._dragged_from = event.get_content_offset_capture(self).x, self._view
        self._dragged = False

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """A click pins the crosshair, or toggles the curve whose name is hit."""
        self.release_mouse()
        self._dragged_from = None
        offset = event.get_content_offset(self)
        if self._dragged or offset is None:
            return
        items = self._picture(self.size).items if offset.y == 0 else []
        for columns, number in items:
            if offset.x in columns:
                self._toggle(number)
                return
        x = self._x_at(offset)
        if x is not None:
            self._pinned = True
            self._move_cursor(self._places.snapped(x))

    def on_leave(self, event: events.Leave) -> None:
        """A crosshair that followed the pointer goes with it."""
        if not self._pinned:
            self._move_cursor(None)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Zoom in around the pointer; with shift to the left."""
        self._wheel(event, WHEEL_ZOOM, -WHEEL_PAN)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Zoom out around the pointer; with shift to the right."""
        self._wheel(event, 1 / WHEEL_ZOOM, WHEEL_PAN)

    def on_mouse_scroll_left(self, event: events.MouseScrollLeft) -> None:
        """Move the window to the left."""
        self._wheel(event, 1.0, -WHEEL_PAN)

    def on_mouse_scroll_right(self, event: events.MouseScrollRight) -> None:
        """Move the window to the right."""
        self._wheel(event, 1.0, WHEEL_PAN)

    def _wheel(self, event: events.MouseEvent, factor: float, share: float) -> None:
        event.stop()
        event.prevent_default()
        if event.shift or factor == 1.0:
            self._pan(share)
        else:
            self._zoom(factor, self._x_at(event.get_content_offset(self)))
