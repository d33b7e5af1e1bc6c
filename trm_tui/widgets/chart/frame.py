"""Draws a scene on a grid of cells: curves, axes, legend, crosshair and notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from trm_tui.store.binning import Flags
from trm_tui.store.trace import Drawing
from trm_tui.widgets.chart.axes import draw_x_axis, draw_y_axis, y_ticks
from trm_tui.widgets.chart.canvas import Grid, Layer, cells_of
from trm_tui.widgets.chart.scale import Scale
from trm_tui.widgets.chart.scene import (
    CURSOR,
    ENVELOPE,
    HOLE,
    LABEL,
    LINE,
    NOTE,
    Area,
    Scene,
    style_of,
)
from trm_tui.widgets.chart.texts import Items, Legend, draw_legend, draw_readout, legend_of

GUTTER = 8
"""Cells for the y axis and its labels, to align charts above each other. Long labels need more."""
ROWS_PER_LEGEND_ROW = 10
MOST_LEGEND_ROWS = 3
MIN_WIDTH = 28
"""A narrower plot has no y axis."""

WAITING = "waiting for the first update"
ALL_HIDDEN = "all curves are hidden"


@dataclass
class Frame:
    """A drawn scene, the area of its curves, and the legend entries."""

    grid: Grid
    plot: Area
    items: Items = field(default_factory=list)


def compose(scene: Scene, width: int, height: int) -> Frame:
    """Draw a scene. Parts are left out if there is little room."""
    if not any(trace.has_values for trace in scene.traces):
        frame = Frame(Grid(height, width), Area(0, 0, height, width))
        _write_centred(frame.grid, frame.plot, WAITING)
        return frame
    legend = _legend(scene, width, height)
    gutter = GUTTER if width >= MIN_WIDTH else 0
    painter = _Painter(scene, Frame(Grid(height, width), _plot(legend, gutter, width, height)))
    needed = painter.label_width() + 1
    if 0 < gutter < needed <= width // 2:
        plot = _plot(legend, needed, width, height)
        painter = _Painter(scene, Frame(Grid(height, width), plot))
    frame = painter.frame
    if legend:
        frame.items = draw_legend(frame.grid, legend, scene)
    if not scene.visible:
        _write_centred(frame.grid, frame.plot, ALL_HIDDEN)
    elif frame.plot.rows > 0 and frame.plot.columns > 0:
        painter.paint()
    return frame


def _legend(scene: Scene, width: int, height: int) -> Legend | None:
    if height < 6 or len(scene.traces) < 2:
        return None
    return legend_of(scene, width, most=min(1 + height // ROWS_PER_LEGEND_ROW, MOST_LEGEND_ROWS))


def _plot(legend: Legend | None, left: int, width: int, height: int) -> Area:
    top = len(legend.rows) if legend else 0
    below = 2 if height >= 9 else 1 if height >= 4 else 0
    return Area(top, left, height - top - below, width - left)


def _write_centred(grid: Grid, area: Area, text: str) -> None:
    column = area.column + max(0, (area.columns - len(text)) // 2)
    grid.write(area.row + area.rows // 2, column, text, LABEL)


class _Painter:
    def __init__(self, scene: Scene, frame: Frame) -> None:
        self.frame = frame
        self._scene = scene
        self._grid = frame.grid
        self._plot = frame.plot
        down, along = scene.glyphs.dots
        self._dots = frame.plot.rows * down, frame.plot.columns * along
        self._drawings = self._drawn(scene.log)
        self._scale = Scale.of(list(self._drawings.values()), scene.log, scene.robust)
        self._lacks_log = scene.log and self._scale is None
        if self._lacks_log:
            self._drawings = self._drawn(log=False)
            self._scale = Scale.of(list(self._drawings.values()), False, scene.robust)

    def label_width(self) -> int:
        """The cells of the longest label of the y axis."""
        if self._scale is None:
            return 0
        ticks = y_ticks(self._scale, self._plot.rows, self._scene)
        return max((len(cells_of(tick.label)) for tick in ticks), default=0)

    def paint(self) -> None:
        grid, plot, scene = self._grid, self._plot, self._scene
        below = grid.codes.shape[0] - plot.row - plot.rows
        draw_y_axis(grid, plot, self._scale, scene)
        if below:
            draw_x_axis(grid, plot, scene, has_line=below > 1)
        if self._scale is not None:
            self._draw_curves(self._scale)
            self._mark_points(self._scale)
            self._mark_cuts(self._scale)
            if scene.numbered:
                self._number_curves(self._scale)
        self._mark_holes(plot.row + plot.rows - (below < 2))
        self._write_notes()
        if self._cursor_column() is not None:
            draw_readout(grid, plot, scene)

    def _drawn(self, log: bool) -> Mapping[int, Drawing]:
        scene, columns = self._scene, self._dots[1]
        return {
            number: scene.traces[number].draw(
                scene.axis, scene.window, columns, scene.smoothing, log
            )
            for number in scene.visible
        }

    # Curves -----------------------------------------------------------------------------------

    def _draw_curves(self, scale: Scale) -> None:
        """Draw envelopes, the crosshair over them, and the lines on top."""
        plot, glyphs = self._plot, self._scene.glyphs
        faint, strong = (Layer(plot.rows, plot.columns) for _ in range(2))
        for number, drawing in self._drawings.items():
            if drawing.raw is not None:
                faint.add(scale.dots(drawing.raw, plot.rows, glyphs), style_of(number, ENVELOPE))
            if self._scene.traces[number].joined:
                strong.cover(scale.dots(drawing.line, plot.rows, glyphs), style_of(number, LINE))
        self._grid.stamp(plot.row, plot.column, faint, glyphs.faint)
        self._draw_crosshair()
        self._grid.stamp(plot.row, plot.column, strong, glyphs.strong)

    def _mark_points(self, scale: Scale) -> None:
        """Mark each value of the curves that show points."""
        for number in self._drawings:
            if self._scene.traces[number].points:
                self._mark(scale, number)

    def _mark(self, scale: Scale, number: int) -> None:
        scene, plot = self._scene, self._plot
        trace, (low, high) = scene.traces[number], scene.window
        x, y = trace.along(scene.axis), trace.values
        seen = slice(np.searchsorted(x, low), np.searchsorted(x, high, side="right"))
        x, heights = x[seen], scale.heights(y[seen])
        inside = (heights >= scale.low) & (heights <= scale.high)
        columns = ((x[inside] - low) / (high - low) * plot.columns).astype(np.int64)
        rows = scale.rows(heights[inside], self._dots[0]) // scene.glyphs.dots[0]
        cells = plot.row + rows, plot.column + np.minimum(columns, plot.columns - 1)
        self._grid.codes[cells] = ord(scene.glyphs.point)
        self._grid.styles[cells] = style_of(number, LINE)

    def _number_curves(self, scale: Scale) -> None:
        """Write each curve's number at its end, or in the next free row."""
        plot, (down, along) = self._plot, self._scene.glyphs.dots
        taken: set[int] = set()
        for number, drawing in self._drawings.items():
            drawn = np.flatnonzero(np.isfinite(drawing.line.high))
            if not len(drawn):
                continue
            end = int(scale.rows(drawing.line.high[drawn[-1:]], self._dots[0])[0]) // down
            free = (row for row in range(max(0, end), plot.rows) if row not in taken)
            row = next(free, plot.rows - 1)
            taken.add(row)
            column = plot.column + int(drawn[-1]) // along
            self._grid.write(plot.row + row, column, f"{number + 1}", style_of(number, LINE))

    # Marks and notes --------------------------------------------------------------------------

    def _draw_crosshair(self) -> None:
        column, plot = self._cursor_column(), self._plot
        if column is not None:
            vertical = self._scene.glyphs.vertical
            self._grid.write_down(plot.row, column, plot.rows, vertical, CURSOR)

    def _cursor_column(self) -> int | None:
        scene, plot = self._scene, self._plot
        if scene.cursor is None or not scene.window[0] <= scene.cursor <= scene.window[1]:
            return None
        return plot.column + scene.column_of(scene.cursor, plot.columns)

    def _mark_holes(self, row: int) -> None:
        """Mark the columns with values that are not finite, in the bottom row."""
        self._mark_columns(row, [each.holes for each in self._drawings.values()], "hole", HOLE)

    def _mark_cuts(self, scale: Scale) -> None:
        """Mark the columns where a curve leaves the range, with arrows."""
        bins = [b for each in self._drawings.values() for b in (each.line, each.raw) if b]
        plot = self._plot
        if scale.cut_above:
            above = [each.high > scale.high for each in bins]
            self._mark_columns(plot.row, above, "above", NOTE)
        if scale.cut_below:
            below = [each.low < scale.low for each in bins]
            self._mark_columns(plot.row + plot.rows - 1, below, "below", NOTE)

    def _mark_columns(self, row: int, marked: Sequence[Flags], glyph: str, style: int) -> None:
        cells = np.any(marked, axis=0).reshape(self._plot.columns, -1).any(axis=1)
        columns = self._plot.column + np.flatnonzero(cells)
        self._grid.codes[row, columns] = ord(getattr(self._scene.glyphs, glyph))
        self._grid.styles[row, columns] = style

    def _write_notes(self) -> None:
        """Write the notes in the top right corner."""
        text = "  ".join(self._notes())
        column = self._grid.codes.shape[1] - len(cells_of(text))
        self._grid.write(self._plot.row, column, text, NOTE)

    def _notes(self) -> Iterator[str]:
        scene, scale = self._scene, self._scale
        if self._lacks_log and scale is not None:
            yield "no log scale: no value is above 0"
        if scale is None:
            return
        if scale.cut_above:
            yield f"clipped {scene.glyphs.above} {scene.label_of(scale.value(scale.highest))}"
        if scale.cut_below:
            yield f"clipped {scene.glyphs.below} {scene.label_of(scale.value(scale.lowest))}"
