"""Legend and readout: the names of a plot's curves, and their values at the crosshair."""

from __future__ import annotations

from dataclasses import dataclass

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

Items = list[tuple[range, int]]
"""Legend entries: their columns, and the number of the curve."""


def draw_legend(grid: Grid, row: int, scene: Scene) -> Items:
    """Write the names of the curves in a row, scrolled to show the selected one."""
    width = grid.codes.shape[1]
    names = [_entry(scene, number) for number in range(len(scene.traces))]
    widths = [len(cells_of(name)) for name in names]
    first, selected = 0, scene.selected or 0
    while first < selected and sum(widths[first : selected + 1]) > width - 5:
        first += 1
    items: Items = []
    column = 0
    if first:
        grid.write(row, column, scene.glyphs.more, LABEL)
        column = 1
    for number in range(first, len(names)):
        left = len(names) - number
        room = width - column - (4 if left > 1 else 0)
        if widths[number] > room and items:
            grid.write(row, column, f" {scene.glyphs.more}+{left}", LABEL)
            break
        _write_entry(grid, row, column, names[number], scene, number)
        items.append((range(column, column + widths[number]), number))
        column += widths[number]
    return items


def _entry(scene: Scene, number: int) -> str:
    trace, glyphs = scene.traces[number], scene.glyphs
    sample = glyphs.point if trace.points else glyphs.line
    if trace.name in scene.hidden:
        sample = glyphs.absent
    mark = f"{number + 1}" if scene.numbered else ""
    brackets = "[]" if number == scene.selected else "  "
    return f"{brackets[0]}{sample}{mark} {trace.name}{brackets[1]}"


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
