"""StepCurve: the probability of a call and q over the supervision steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from trm_engine.runs.schema.answers import Answer
from trm_tui.widgets.chart.canvas import Glyphs, Grid, Layer, dots_of, glyphs_for

STYLES = ("plain", "faint", "call", "q", "cursor", "halt")
PLAIN, FAINT, CALL, Q, CURSOR, HALT = range(len(STYLES))
NAMES = {CALL: "P(call)", Q: "q"}
AXIS = 5
"""Cells for the y axis and its labels."""

WIDEST = 100
HALT_MARK = "▲"


class StepCurve(Widget):
    """Two curves from 0 to 1, with a line at the selected step and a mark where it halts."""

    DEFAULT_CSS = """
    StepCurve {
        height: 8;
        & > .curve--faint { color: $faint; }
        & > .curve--call { color: $series-1; }
        & > .curve--q { color: $series-2; }
        & > .curve--cursor { color: $accent; }
        & > .curve--halt { color: $accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {f"curve--{name}" for name in STYLES if name != "plain"}

    def __init__(self, glyphs: Glyphs | None = None) -> None:
        super().__init__()
        self._glyphs = glyphs or glyphs_for()
        self._answer: Answer | None = None
        self._step = 0
        self._strips: list[Strip] = []

    def show(self, answer: Answer | None, step: int = 0) -> None:
        """Show an answer. ``step`` is the selected step, from 0."""
        self._answer, self._step = answer, step
        self._strips = []
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row. The widget is drawn once per size."""
        if not self._strips and self._answer:
            self._strips = self._draw(self._answer)
        return self._strips[y] if y < len(self._strips) else Strip.blank(self.size.width)

    def on_resize(self) -> None:
        """Redraw at the new size."""
        self._strips = []

    def notify_style_update(self) -> None:
        """Redraw with new colours."""
        super().notify_style_update()
        self._strips = []

    def _draw(self, answer: Answer) -> list[Strip]:
        width, height = self.size
        grid = Grid(height, width)
        columns, rows = min(width - AXIS, WIDEST), height - 2
        if columns < 2 or rows < 2:
            return []
        steps = [each.prediction for each in answer.steps]
        places = _places(len(steps), columns)
        self._draw_axes(grid, places, rows, columns, answer)
        layer = Layer(rows, columns)
        lines = {Q: [each.q for each in steps], CALL: [each.decision_probability for each in steps]}
        for style, shares in lines.items():
            layer.cover(self._line(shares, places, rows, columns), style)
        grid.stamp(1, AXIS, layer, self._glyphs.strong)
        styles = [self._style(name) for name in STYLES]
        base = self.rich_style
        return [strip.apply_style(base) for strip in grid.strips(styles)]

    def _draw_axes(
        self, grid: Grid, places: Sequence[int], rows: int, columns: int, answer: Answer
    ) -> None:
        glyphs = self._glyphs
        grid.write_down(1, AXIS - 1, rows, glyphs.vertical, FAINT)
        for row, label in ((0, "1"), (rows - 1, "0"), (rows // 2 if rows > 4 else 0, "")):
            grid.write(1 + row, AXIS - 2 - len(label), label, FAINT)
        column = AXIS
        for style, name in NAMES.items():
            grid.write(0, column, f"{glyphs.line} {name}", style)
            column += len(name) + 4
        grid.write_down(1, AXIS + places[self._step], rows, glyphs.vertical, CURSOR)
        numbers = len(places) * 3 <= columns
        for step, place in enumerate(places):
            is_here = step == self._step
            if numbers or is_here or step in (0, len(places) - 1):
                style = CURSOR if is_here else FAINT
                grid.write(1 + rows, AXIS + place, str(step + 1), style)
        at = answer.halts_at
        if at is not None and numbers:
            grid.write(1 + rows, AXIS + places[at - 1] + len(str(at)), HALT_MARK, HALT)

    def _line(
        self, shares: Sequence[float], places: Sequence[int], rows: int, columns: int
    ) -> np.ndarray:
        """The dots of a line through the probabilities."""
        down, along = self._glyphs.dots
        centres = np.array(places) * along + along // 2
        dots = np.arange(columns * along)
        heights = np.interp(dots, centres, np.clip(shares, 0.0, 1.0))
        level = np.round((1 - heights) * (rows * down - 1)).astype(np.int16)
        outside = (dots < centres[0]) | (dots > centres[-1])
        bottom = np.where(outside, -1, level).astype(np.int16)
        joined = np.ones(len(dots) - 1, dtype=bool)
        return dots_of(level, bottom, joined, rows, self._glyphs.dots)

    def _style(self, name: str) -> Style:
        if name == "plain":
            return Style.null()
        return self.get_component_rich_style(f"curve--{name}", partial=True)


def _places(count: int, columns: int) -> list[int]:
    """The column of each step, at equal distances."""
    if count == 1:
        return [columns // 2]
    return [round(number * (columns - 3) / (count - 1)) for number in range(count)]
