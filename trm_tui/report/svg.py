"""A chart as SVG: curves, bands, points, axes and legend."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from itertools import groupby

import numpy as np

from trm_engine.printable import one_line
from trm_tui.store.trace import Bins, Drawing, Trace
from trm_tui.widgets.chart.scale import Scale
from trm_tui.widgets.chart.ticks import integer_ticks, precise

WIDTH, HEIGHT = 640, 280
LEFT, RIGHT, TOP, BOTTOM = 62, 24, 12, 30
LEGEND_LINE = 18
LETTER = 6.6
"""About the width of a letter in the legend."""

SMOOTHING = 0.9
COLUMNS = WIDTH - LEFT - RIGHT
COLOURS = (
    *("#2f7fc4", "#c4701a", "#3a8f3a", "#a04fa0"),
    *("#1f8f8f", "#93751a", "#c44a4a", "#7a5fc4"),
)
"""They can be read on light and on dark ground."""

GREY = "#808890"
MANY_DECADES = 1.3
"""A scale is logarithmic if the values cover more decades."""


def chart(traces: Sequence[Trace]) -> str:
    """The SVG of curves over steps; "" if there is no value."""
    shown = [trace for trace in traces if trace.has_values]
    return _Chart(shown).svg() if shown else ""


class _Chart:
    def __init__(self, traces: Sequence[Trace]) -> None:
        self._traces = traces
        self._window = _window(traces)
        self._legend = list(_legend_rows(traces)) if len(traces) > 1 else []
        self._top = TOP + LEGEND_LINE * len(self._legend)
        self._height = HEIGHT + LEGEND_LINE * len(self._legend)
        self._bottom = self._height - BOTTOM
        drawings = self._drawn(log=True)
        heights = np.concatenate([drawing.line.high for drawing in drawings])
        finite = heights[np.isfinite(heights)]
        is_loss = not traces[0].points
        self._log = bool(is_loss and len(finite) and np.ptp(finite) > MANY_DECADES)
        self._drawings = drawings if self._log else self._drawn(log=False)
        self._scale = Scale.of(self._drawings, self._log, robust=False)

    def _drawn(self, log: bool) -> list[Drawing]:
        return [trace.draw("step", self._window, COLUMNS, SMOOTHING, log) for trace in self._traces]

    def svg(self) -> str:
        parts = [*self._axes(), *self._names()]
        for number, drawing in enumerate(self._drawings):
            parts += self._curve(number, drawing)
        label = escape(", ".join(one_line(trace.name) for trace in self._traces))
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self._height}" '
            f'role="img" aria-label="{label}" font-family="system-ui, sans-serif" font-size="12">'
        )
        return "".join([head, *parts, "</svg>"])

    def _curve(self, number: int, drawing: Drawing) -> Iterator[str]:
        colour, trace = COLOURS[number % len(COLOURS)], self._traces[number]
        if drawing.raw is not None:
            for area in self._areas(drawing.raw):
                yield f'<path d="{area}" fill="{colour}" fill-opacity="0.18"/>'
        line = " ".join(self._lines(drawing.line))
        yield f'<path d="{line}" fill="none" stroke="{colour}" stroke-width="1.6"/>'
        if trace.points:
            for x, value in zip(trace.along("step"), trace.values, strict=True):
                if np.isfinite(value):
                    tip = escape(f"{one_line(trace.name)}: {precise(float(value))} at {x:,.0f}")
                    yield (
                        f'<circle cx="{self._x(x):.1f}" cy="{self._y(value):.1f}" r="2.6" '
                        f'fill="{colour}"><title>{tip}</title></circle>'
                    )

    def _lines(self, bins: Bins) -> Iterator[str]:
        middle = (bins.low + bins.high) / 2
        for columns in _runs(bins):
            places = (f"{self._column(c):.1f},{self._row(middle[c]):.1f}" for c in columns)
            yield "M" + "L".join(places)

    def _areas(self, bins: Bins) -> Iterator[str]:
        for columns in _runs(bins):
            above = [f"{self._column(c):.1f},{self._row(bins.high[c]):.1f}" for c in columns]
            below = [f"{self._column(c):.1f},{self._row(bins.low[c]):.1f}" for c in columns]
            yield "M" + "L".join([*above, *reversed(below)]) + "Z"

    def _axes(self) -> Iterator[str]:
        right = WIDTH - RIGHT
        for tick in self._scale.ticks(5, None) if self._scale else []:
            y = self._row(tick.at)
            yield f'<path d="M{LEFT},{y:.1f}H{right}" stroke="{GREY}" stroke-opacity="0.25"/>'
            yield (
                f'<text x="{LEFT - 6}" y="{y + 4:.1f}" fill="{GREY}" text-anchor="end">'
                f"{escape(tick.label)}</text>"
            )
        for tick in integer_ticks(*self._window, 6):
            x = self._x(tick.at)
            yield f'<path d="M{x:.1f},{self._bottom}v4" stroke="{GREY}"/>'
            yield (
                f'<text x="{x:.1f}" y="{self._bottom + 18}" fill="{GREY}" text-anchor="middle">'
                f"{escape(tick.label)}</text>"
            )
        yield f'<path d="M{LEFT},{self._bottom}H{right}" stroke="{GREY}"/>'

    def _names(self) -> Iterator[str]:
        for row, entries in enumerate(self._legend):
            y = TOP + LEGEND_LINE * row + 4
            for number, x, name in entries:
                colour = COLOURS[number % len(COLOURS)]
                yield f'<path d="M{x},{y - 4}h16" stroke="{colour}" stroke-width="3"/>'
                yield f'<text x="{x + 22}" y="{y}" fill="{GREY}">{escape(name)}</text>'

    def _x(self, step: float) -> float:
        low, high = self._window
        return LEFT + (step - low) / (high - low) * COLUMNS

    def _column(self, column: int) -> float:
        return LEFT + column + 0.5

    def _y(self, value: float) -> float:
        return self._row(float(np.log10(value)) if self._log else value)

    def _row(self, height: float) -> float:
        if self._scale is None:
            return self._bottom
        low, high = self._scale.low, self._scale.high
        share = min(max((height - low) / (high - low), 0.0), 1.0)
        return self._bottom - share * (self._bottom - self._top)


def _window(traces: Sequence[Trace]) -> tuple[float, float]:
    alongs = [along for trace in traces if len(along := trace.along("step"))]
    low, high = min(float(x[0]) for x in alongs), max(float(x[-1]) for x in alongs)
    return (low, high) if low < high else (low - 0.5, high + 0.5)


def _runs(bins: Bins) -> Iterator[list[int]]:
    """The columns of each unbroken stretch of a line."""
    there = np.isfinite(bins.low) & np.isfinite(bins.high)
    for is_there, columns in groupby(range(len(there)), key=lambda column: bool(there[column])):
        if is_there:
            yield list(columns)


def _legend_rows(traces: Sequence[Trace]) -> Iterator[list[tuple[int, int, str]]]:
    """Number, place and name of each curve, in rows that fit."""
    row: list[tuple[int, int, str]] = []
    x = LEFT
    for number, trace in enumerate(traces):
        name = one_line(trace.name)
        width = int(22 + len(name) * LETTER + 18)
        if row and x + width > WIDTH - RIGHT:
            yield row
            row, x = [], LEFT
        row.append((number, x, name))
        x += width
    yield row
