"""The axes of a plot: lines, ticks and labels."""

from __future__ import annotations

import numpy as np

from trm_tui.widgets.chart.canvas import Glyphs, Grid, cells_of
from trm_tui.widgets.chart.scale import Scale
from trm_tui.widgets.chart.scene import AXIS, LABEL, Area, Scene
from trm_tui.widgets.chart.ticks import (
    ROUNDING,
    Tick,
    clock,
    integer_ticks,
    linear_ticks,
    precise,
    second_ticks,
)

ROWS_PER_TICK = 4
SPACE_PER_LABEL = 5
COUNTED = ("step", "trial")
"""The axes of whole numbers."""


def draw_y_axis(grid: Grid, plot: Area, scale: Scale | None, scene: Scene) -> None:
    """Draw the axis in the column left of the plot, and its labels left of that."""
    column = plot.column - 1
    if column < 0:
        return
    grid.write_down(plot.row, column, plot.rows, scene.glyphs.vertical, AXIS)
    if scale is None:
        return
    down = scene.glyphs.dots[0]
    ticks = y_ticks(scale, plot.rows, scene)
    rows = plot.row + scale.rows(np.array([tick.at for tick in ticks]), plot.rows * down) // down
    for tick, row in zip(ticks, rows.tolist(), strict=True):
        label = _cut(tick.label, column, scene.glyphs)
        grid.write(row, column - len(cells_of(label)), label, LABEL)
        grid.write(row, column, scene.glyphs.tick, AXIS)


def y_ticks(scale: Scale, rows: int, scene: Scene) -> list[Tick]:
    """The ticks of the y axis."""
    return scale.ticks(max(2, rows // ROWS_PER_TICK), scene.form)


def draw_x_axis(grid: Grid, plot: Area, scene: Scene, has_line: bool) -> None:
    """Draw the labels below the plot, below the axis itself if ``has_line``."""
    row, glyphs = plot.row + plot.rows, scene.glyphs
    if has_line:
        grid.write(row, plot.column, glyphs.horizontal * plot.columns, AXIS)
        grid.write(row, plot.column - 1, glyphs.corner, AXIS)
    for tick in x_ticks(scene, plot.columns):
        column = plot.column + scene.column_of(tick.at, plot.columns)
        begin = min(column - len(tick.label) // 2, plot.column + plot.columns - len(tick.label))
        if has_line:
            grid.write(row, column, glyphs.foot, AXIS)
        grid.write(row + has_line, max(0, begin), tick.label, LABEL)


def x_ticks(scene: Scene, columns: int) -> list[Tick]:
    """The ticks of the x axis: as many as fit with their labels."""
    kinds = {**dict.fromkeys(COUNTED, integer_ticks), "time": second_ticks}
    width = max(len(x_label(scene.axis, x)) for x in scene.window)
    count = round(columns / (ROUNDING * (width + SPACE_PER_LABEL)))
    return kinds.get(scene.axis, linear_ticks)(*scene.window, max(1, count))


def x_label(axis: str, x: float) -> str:
    """A value on the x axis as text."""
    if axis in COUNTED:
        return f"{x:,.0f}"
    return clock(x) if axis == "time" else precise(x)


def _cut(label: str, width: int, glyphs: Glyphs) -> str:
    return label if len(label) <= width else label[: max(0, width - 1)] + glyphs.more
