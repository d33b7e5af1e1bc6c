"""Legend and readout: the names of a plot's curves, and their values at the crosshair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trm_tui.store.trace import Trace
from trm_tui.widgets.chart.axes import x_label
from trm_tui.widgets.chart.canvas import Grid, cells_of
from trm_tui.widgets.chart.scene import (
    HIDDEN,
    LABEL,
    LINE,
    READOUT,
    SELECTED,
    VALUE,
    Area,
    Scene,
    style_of,
)
from trm_tui.widgets.chart.ticks import Format, precise

RECENT = 1000
"""The newest values among which a finite one is searched."""

Items = list[tuple[int, range, int]]
"""Legend entries: their row, their columns, and the number of the curve."""


@dataclass(frozen=True)
class Legend:
    """The texts of the curves, and which curves stand in each row."""

    texts: list[str]
    rows: list[list[int]]


def legend_of(scene: Scene, width: int, most: int) -> Legend:
    """The names of the curves with their newest values, in at most ``most`` rows.

    Without room for all, the values are left out, then the curves far from the selected one.
    """
    numbers = range(len(scene.traces))
    for has_values in (True, False):
        texts = [_entry(scene, number, has_values) for number in numbers]
        rows = _wrapped(texts, width)
        if len(rows) <= most:
            return Legend(texts, rows)
    first, selected = 0, scene.selected or 0
    while first < selected and sum(map(_width, texts[first : selected + 1])) > width - 5:
        first += 1
    return Legend(texts, [list(numbers)[first:]])


def draw_legend(grid: Grid, legend: Legend, scene: Scene) -> Items:
    """Write the legend from row 0 on."""
    items: Items = []
    for row, numbers in enumerate(legend.rows):
        items += _draw_row(grid, row, legend.texts, numbers, scene)
    return items


def _draw_row(grid: Grid, row: int, texts: list[str], numbers: list[int], scene: Scene) -> Items:
    width, column = grid.codes.shape[1], 0
    items: Items = []
    if not row and numbers[0]:
        grid.write(row, column, scene.glyphs.more, LABEL)
        column = 1
    for place, number in enumerate(numbers):
        left, wide = len(numbers) - place, _width(texts[number])
        is_cut = column + _total(texts, numbers[place:]) > width
        room = width - column - (4 if left > 1 and is_cut else 0)
        if wide > room and items:
            grid.write(row, column, f" {scene.glyphs.more}+{left}", LABEL)
            break
        _write_entry(grid, row, column, texts[number], scene, number)
        items.append((row, range(column, column + wide), number))
        column += wide
    return items


def _wrapped(texts: list[str], width: int) -> list[list[int]]:
    """The numbers of the texts that stand in each row of ``width`` cells."""
    rows: list[list[int]] = [[]]
    for number in range(len(texts)):
        if rows[-1] and _total(texts, [*rows[-1], number]) > width:
            rows.append([])
        rows[-1].append(number)
    return rows


def _total(texts: list[str], numbers: list[int]) -> int:
    return sum(_width(texts[number]) for number in numbers)


def _entry(scene: Scene, number: int, has_value: bool) -> str:
    trace, glyphs = scene.traces[number], scene.glyphs
    is_hidden = trace.name in scene.hidden
    sample = glyphs.absent if is_hidden else glyphs.point if trace.points else glyphs.line
    mark = f"{number + 1}" if scene.numbered else ""
    brackets = "[]" if number == scene.selected else "  "
    value = "" if is_hidden or not has_value else newest_text(trace, scene.smoothing, scene.form)
    return f"{brackets[0]}{sample}{mark} {trace.name}{' ' * bool(value)}{value}{brackets[1]}"


def newest_text(trace: Trace, smoothing: float, form: Format | None) -> str:
    """The newest finite value of a curve as it is drawn; "" if there is none."""
    is_smooth = smoothing > 0 and trace.smooth
    values = (trace.smoothed(smoothing) if is_smooth else trace.values)[-RECENT:]
    finite = values[np.isfinite(values)]
    return (form or precise)(float(finite[-1])) if len(finite) else ""


def _write_entry(grid: Grid, row: int, column: int, entry: str, scene: Scene, number: int) -> None:
    hidden = scene.traces[number].name in scene.hidden
    selected = number == scene.selected
    style = HIDDEN if hidden else SELECTED if selected else LABEL
    grid.write(row, column, entry, style)
    if not hidden:
        grid.write(row, column + 1, entry[1], style_of(number, LINE))


@dataclass(frozen=True)
class _Value:
    number: int
    name: str
    raw: str
    more: str


def draw_readout(grid: Grid, plot: Area, scene: Scene) -> None:
    """Write the values of the visible curves beside the crosshair, on the side with more room."""
    if scene.cursor is None or plot.rows < 2:
        return
    values = [value for number in sorted(scene.visible) if (value := _value(scene, number))]
    heading = f"{scene.axis} {x_label(scene.axis, scene.cursor)}"
    lines = _aligned(values)
    width = max(map(_width, [heading, *lines])) + 2
    at = scene.column_of(scene.cursor, plot.columns)
    begin = at + 2 if at < plot.columns / 2 else at - width - 1
    begin = plot.column + max(0, min(begin, plot.columns - width))
    room = min(width, plot.column + plot.columns - begin)
    for row, line in enumerate([heading, *lines][: plot.rows]):
        padded = f" {line}{' ' * (width - 1 - _width(line))}"[:room]
        style = READOUT if not row else style_of(values[row - 1].number, VALUE)
        grid.write(plot.row + row, begin, padded, style)


def _value(scene: Scene, number: int) -> _Value | None:
    trace = scene.traces[number]
    assert scene.cursor is not None
    index = trace.nearest(scene.axis, scene.cursor)
    if index is None:
        return None
    x, raw = float(trace.along(scene.axis)[index]), float(trace.values[index])
    smooth = float(trace.smoothed(scene.smoothing)[index])
    is_smooth = scene.smoothing > 0 and trace.smooth
    more = [scene.glyphs.smooth + scene.label_of(smooth)] if is_smooth else []
    if extent := trace.extent(index):
        more += ["–".join(map(scene.label_of, extent))]
    more += [f"@{x_label(scene.axis, x)}"] if x != scene.cursor else []
    name = f"{number + 1} {trace.name}" if scene.numbered else trace.name
    return _Value(number, name, scene.label_of(raw), " ".join(more))


def _aligned(values: list[_Value]) -> list[str]:
    """One line per value, in columns."""
    names = max((_width(value.name) for value in values), default=0)
    raws = max((len(value.raw) for value in values), default=0)
    lines = (
        f"{value.name}{' ' * (names - _width(value.name))}  {value.raw:>{raws}}  {value.more}"
        for value in values
    )
    return [line.rstrip() for line in lines]


def _width(text: str) -> int:
    return len(cells_of(text))
