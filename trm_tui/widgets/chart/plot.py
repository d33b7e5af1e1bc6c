"""Plot: curves on common axes, drawn in braille on Textual's line API."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.markup import escape
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from trm_tui.store.export import Table, table_of
from trm_tui.store.trace import Trace, Window
from trm_tui.widgets.chart.canvas import Glyphs, glyphs_for
from trm_tui.widgets.chart.frame import Frame, compose
from trm_tui.widgets.chart.labels import state_of, title_of
from trm_tui.widgets.chart.places import Places
from trm_tui.widgets.chart.scene import COLOURS, Scene, style_names
from trm_tui.widgets.chart.texts import newest_text
from trm_tui.widgets.chart.ticks import Format
from trm_tui.widgets.chart.view import View


def _series_css(number: int) -> str:
    return f"""
    Plot > .chart--line-{number} {{ color: $series-{number}; }}
    Plot > .chart--envelope-{number} {{ color: $series-{number} 35%; }}
    Plot:ansi > .chart--envelope-{number} {{ color: $series-{number}; text-style: dim; }}
    Plot > .chart--value-{number} {{ color: $series-{number}; background: $panel; }}
    """


class Plot(Widget):
    """Curves over a common x axis.

    Call ``refresh_data`` when the traces have new values. It costs nothing while the plot is
    hidden. ``form`` formats values of the y axis. ``log`` is the initial scale. ``glyphs`` are the
    characters to draw with; by default the best that the terminal can show.
    """

    COMPONENT_CLASSES = {f"chart--{name}" for name in style_names()}
    DEFAULT_CSS = """
    Plot { height: 1fr; width: 1fr; }
    Plot > .chart--axis { color: $faint; }
    Plot > .chart--label { color: $text-muted; }
    Plot > .chart--cursor { color: $foreground 60%; }
    Plot > .chart--hole { color: $error; text-style: bold; }
    Plot > .chart--note { color: $warning; }
    Plot > .chart--readout { color: $foreground; background: $panel; text-style: bold; }
    Plot > .chart--hidden { color: $faint; text-style: strike; }
    Plot > .chart--selected { color: $foreground; text-style: bold; }
    """ + "".join(map(_series_css, range(1, COLOURS + 1)))

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
        self._frame: Frame | None = None
        self._strips: list[Strip] = []
        self._styles: list[Style] = []
        self._labels = "", ""
        self.border_title = escape(title)

    # Data and view ----------------------------------------------------------------------------

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
        """Axis, window and smoothing."""
        return self._view

    @view.setter
    def view(self, view: View) -> None:
        if view != self._view:
            self._view = view
            self.refresh_data()

    @property
    def cursor(self) -> float | None:
        """The crosshair's value on the x axis; None if it is hidden."""
        return self._cursor

    @cursor.setter
    def cursor(self, x: float | None) -> None:
        if x != self._cursor:
            self._cursor = x
            self._pinned = self._pinned and x is not None
            self.refresh_data()

    @property
    def log_scale(self) -> bool:
        """Whether the y axis is logarithmic, if the values allow it."""
        return self._log

    @log_scale.setter
    def log_scale(self, log: bool) -> None:
        self._log = log
        self.refresh_data()

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the hidden curves."""
        return self._hidden

    @hidden.setter
    def hidden(self, names: Iterable[str]) -> None:
        self._hidden = frozenset(names)
        self.refresh_data()

    def refresh_data(self) -> None:
        """Show new values, now or as soon as the plot is visible."""
        self._frame = None
        if self.is_attached and self.is_on_screen:
            self._label()
            self.refresh()

    def columns(self) -> Table:
        """The unsmoothed data of all curves: column names, and columns."""
        return table_of(self._traces)

    # Drawing ----------------------------------------------------------------------------------

    def on_show(self) -> None:
        """Show the values that arrived while the plot was hidden."""
        self.refresh_data()

    def notify_style_update(self) -> None:
        """Redraw with new colours."""
        super().notify_style_update()
        self._styles.clear()
        self._frame = None

    def render_line(self, y: int) -> Strip:
        """One line of the plot."""
        self._picture(self.size)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def _picture(self, size: Size) -> Frame:
        frame = self._frame
        if frame is None or frame.grid.codes.shape != (size.height, size.width):
            frame = self._frame = compose(self._scene(), size.width, size.height)
            self._strips = frame.grid.strips(self._styles or self._resolved_styles())
        return frame

    def _resolved_styles(self) -> list[Style]:
        """The styles. They are cached, because resolving them is slower than drawing."""
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
        """Update title and subtitle, if they change."""
        value = ""
        if len(self._traces) == 1 and self._traces[0].joined:
            value = newest_text(self._traces[0], self._view.smoothing, self._form)
        title = title_of(self.title, self._traces, self._hidden, self._glyphs, value)
        state = state_of(self._view, self._traces, self._log, self._robust, self._glyphs)
        if (title, state) != self._labels:  # parsing them takes longer
            self._labels = self.border_title, self.border_subtitle = title, state

    # Window and crosshair ---------------------------------------------------------------------

    @property
    def _places(self) -> Places:
        """The x values. The crosshair moves along the selected curve, or the longest one."""
        shown = None if self._selected is None else self._traces[self._selected]
        if shown is not None and shown.name in self._hidden:
            shown = None
        return Places(self._traces, self._view.axis, shown)

    @property
    def _window(self) -> Window:
        return self._view.shown(self._places.domain)

    @property
    def _cell(self) -> float:
        """The width of a cell in units of the x axis."""
        low, high = self._window
        return (high - low) / max(1, self._picture(self.size).plot.columns)
