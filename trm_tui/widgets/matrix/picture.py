"""The lines of a confusion matrix. They are made once and then cropped to the view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.geometry import Offset, Size
from textual.strip import Strip

from trm_engine.printable import one_line
from trm_tui.store.confusion import SHARES, Confusion
from trm_tui.text.figures import NOTHING, clip, pad
from trm_tui.widgets.matrix.heat import SHADES, Heat, shade
from trm_tui.widgets.matrix.layout import HEADING, STATUS, Layout

EMPTY = "·"
UNITS = ((1_000_000, "M"), (1_000, "k"))
FULL_COUNT = 9_999
"""Larger counts are abbreviated: 12k."""
CORNERS = ("true ╲ predicted", "true ╲ pred.", "true")


@dataclass(frozen=True)
class Styles:
    """The styles of the parts of a matrix."""

    plain: Style
    heat: Heat
    empty: Style
    heading: Style
    name: Style
    selected: Style
    cursor: Style


class Picture:
    """One confusion matrix at one size; ``of`` (in SHARES) chooses counts or shares."""

    def __init__(self, confusion: Confusion, of: str, size: Size, styles: Styles) -> None:
        self.confusion = confusion
        self.of = of
        self.styles = styles
        self._texts, self._places = _texts(confusion, of)
        self._labels = _labels(confusion)
        rows, columns = confusion.counts.shape
        self.layout = Layout.fit(
            size,
            rows,
            columns,
            label=max(map(cell_len, self._labels), default=0),
            digits=max(len(str(confusion.tools)), *map(len, self._texts)),
        )

    def line(self, y: int, first: Offset, cursor: Offset) -> Strip:
        """Line ``y`` of the view whose top left cell is ``first``."""
        strip = self._strip(y, first, cursor)
        return strip.adjust_cell_length(self.layout.size.width, self.styles.plain)

    def _strip(self, y: int, first: Offset, cursor: Offset) -> Strip:
        layout = self.layout
        row = y - HEADING
        if y == layout.size.height - STATUS:
            return self._status(cursor)
        if row < 0:
            return self._heading(first, cursor)
        if row < layout.rows_shown:
            return self._row(first.y + row, first, cursor)
        if row == layout.rows_shown and layout.precision:
            return self._precision(first, cursor)
        return Strip([])

    # Lines

    def _heading(self, first: Offset, cursor: Offset) -> Strip:
        layout = self.layout
        corner = next((text for text in CORNERS if len(text) < layout.label), CORNERS[-1])
        left = pad(corner, layout.label)
        if layout.totals:
            left += f"{'n':>6}{'recall':>7} "
        tools = self.confusion.tools
        numbers = [str(n + 1) if n < tools else NOTHING for n in range(layout.columns)]
        return self._frozen(left, numbers, first, cursor)

    def _precision(self, first: Offset, cursor: Offset) -> Strip:
        left = pad("precision %", self.layout.frozen)
        shares = [percent(share) for share in self.confusion.precision]
        return self._frozen(left, shares, first, cursor)

    def _frozen(self, left: str, texts: list[str], first: Offset, cursor: Offset) -> Strip:
        """A line of headings, with the cursor's column highlighted."""
        styles, cell = self.styles, self.layout.cell
        segments = [Segment(left, styles.heading)]
        for column in range(first.x, first.x + self.layout.columns_shown):
            style = styles.selected if column == cursor.x else styles.heading
            segments.append(Segment(_fitted(texts[column], cell), style))
        return Strip(segments)

    def _row(self, row: int, first: Offset, cursor: Offset) -> Strip:
        layout = self.layout
        style = self.styles.selected if row == cursor.y else self.styles.name
        label = Segment(pad(self._labels[row], layout.label - 1) + " ", style)
        cells = self._rows[row]
        if row == cursor.y:
            cells = self._with_cursor(cells, cursor)
        begin = first.x * layout.cell
        cells = cells.crop(begin, begin + layout.columns_shown * layout.cell)
        return Strip([label, *self._totals[row], *cells])

    def _with_cursor(self, cells: Strip, cursor: Offset) -> Strip:
        cell = self.layout.cell
        text = _fitted(self._texts[self._places[cursor.y, cursor.x]], cell)
        marked = Strip([Segment(text, self.styles.cursor)], cell)
        begin = cursor.x * cell
        return Strip.join([cells.crop(0, begin), marked, cells.crop(begin + cell)])

    def _status(self, cursor: Offset) -> Strip:
        text = cell_in_words(self.confusion, self.of, cursor, self.layout.size.width)
        return Strip([Segment(text, self.styles.selected)])

    # Made once

    @cached_property
    def _rows(self) -> list[Strip]:
        """The cells of every row. Adjacent cells of the same style are one segment."""
        heat, cell = self.styles.heat, self.layout.cell
        looks = [*heat.right, *heat.wrong, self.styles.empty]
        width = self.layout.columns * cell
        fitted = np.array([_fitted(text, cell) for text in self._texts], object)[self._places]
        rows = []
        for row, kinds in zip(fitted.tolist(), self._kinds(), strict=True):
            text = "".join(row)
            cuts = [0, *(np.flatnonzero(np.diff(kinds)) + 1).tolist(), len(row)]
            segments = [
                Segment(text[begin * cell : end * cell], looks[kinds[begin]])
                for begin, end in pairwise(cuts)
            ]
            rows.append(Strip(segments, width))
        return rows

    def _kinds(self) -> np.ndarray:
        """The style index of each cell [rows, columns]: right shades, wrong shades, then empty."""
        confusion = self.confusion
        kinds = shade(confusion.shares(self.of)) + np.where(confusion.right, 0, SHADES)
        return np.where(confusion.counts > 0, kinds, 2 * SHADES)

    @cached_property
    def _totals(self) -> list[list[Segment]]:
        if not self.layout.totals:
            return [[] for _ in range(self.layout.rows)]
        confusion, style = self.confusion, self.styles.heading
        pairs = zip(confusion.row_totals.tolist(), confusion.recall.tolist(), strict=True)
        texts = (f"{compact(n):>6}{percent(recall, '%'):>7} " for n, recall in pairs)
        return [[Segment(text, style)] for text in texts]


def cell_in_words(confusion: Confusion, of: str, cursor: Offset, width: int) -> str:
    """Describe a cell in at most ``width`` columns, with shortened names if necessary."""
    true, predicted = confusion.rows[cursor.y], confusion.columns[cursor.x]
    count = int(confusion.counts[cursor.y, cursor.x])
    by_column = of == SHARES[2]
    whole = confusion.column_totals[cursor.x] if by_column else confusion.row_totals[cursor.y]
    share = f" ({percent(count / whole)} %)" if count and whole else ""
    tail = f": {count:,} of {whole:,}{' predicted' if by_column else ''}{share}"
    return names_in_words(true, predicted, width - len(tail)) + tail


def names_in_words(true: str, predicted: str, width: int) -> str:
    """A pair of tools: "true X → predicted Y", or "X → Y", with names cut if necessary."""
    true, predicted = one_line(true), one_line(predicted)
    for words in (f"true {true} → predicted {predicted}", f"{true} → {predicted}"):
        if cell_len(words) <= width:
            return words
    room = max(2, width - len(" → "))
    first = min(cell_len(true), max(room // 2, room - cell_len(predicted)))
    return f"{clip(true, first)} → {clip(predicted, room - first)}"


def compact(count: int) -> str:
    """A count in at most four characters if it is below 10^9."""
    for unit, letter in UNITS:
        if count > FULL_COUNT and count >= unit:
            return f"{count // unit}{letter}"
    return str(count)


def percent(share: float, sign: str = "") -> str:
    """A share in whole per cent; 0 and 100 only if exact, a dash for NaN."""
    if np.isnan(share):
        return NOTHING
    if 0 < share < 0.01:
        return f"<1{sign}"
    return f"{min(99, round(share * 100)) if share < 1 else 100}{sign}"


def _texts(confusion: Confusion, of: str) -> tuple[list[str], np.ndarray]:
    """The distinct cell texts, and the index of each cell's text [rows, columns]."""
    by_count = of == SHARES[0]
    values = confusion.counts if by_count else confusion.shares(of)
    different, places = np.unique(values, return_inverse=True)
    show = compact if by_count else percent
    texts = [show(value) if value else EMPTY for value in different.tolist()]
    return texts, places.reshape(values.shape)


def _labels(confusion: Confusion) -> list[str]:
    digits = len(str(confusion.tools))
    numbers: Sequence[object] = [*range(1, confusion.tools + 1), *"  "]
    return [
        f"{number:>{digits}} {one_line(name)}"
        for number, name in zip(numbers, confusion.rows, strict=False)
    ]


def _fitted(text: str, cell: int) -> str:
    return f"{text:>{cell - 1}} "
