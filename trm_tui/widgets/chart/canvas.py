"""Dots and text on a grid of cells: dots become braille, blocks or ASCII characters."""

from __future__ import annotations

import locale
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

Flags = NDArray[np.bool_]
Rows = NDArray[np.int16]
"""Row of a dot, for each column of dots."""
Dots = NDArray[np.uint8]
"""Bit set of the dots in each cell."""
Codes = NDArray[np.uint32]
"""Code point of the character in each cell."""

BLANK = ord(" ")
CONTINUED = 0
"""Marks the second cell of a wide character."""


@dataclass(frozen=True)
class Glyphs:
    """The characters to draw with.

    ``dots`` is the number of rows and columns of dots in a cell. ``strong`` and ``faint`` contain
    a character for each set of dots; dot (row, column) is bit ``row * columns + column``.
    """

    dots: tuple[int, int]
    strong: str
    faint: str
    vertical: str = "│"
    horizontal: str = "─"
    corner: str = "└"
    tick: str = "┤"
    foot: str = "┬"
    line: str = "━"
    point: str = "●"
    absent: str = "✕"
    hole: str = "✗"
    above: str = "↑"
    below: str = "↓"
    smooth: str = "~"
    more: str = "…"


def _braille() -> str:
    """Braille characters by our bits. Unicode numbers dots by column, with the last row last."""
    places = (0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80)
    sets = (
        sum(place for bit, place in enumerate(places) if code >> bit & 1) for code in range(256)
    )
    return "".join(chr(0x2800 + each) for each in sets)


BRAILLE = Glyphs((4, 2), _braille(), _braille())
BLOCKS = Glyphs((2, 1), " ▀▄█", " ░░░", hole="x", absent="x", point="•", line="─")
ASCII = Glyphs(
    (1, 1), " *", " .",
    vertical="|", horizontal="-", corner="+", tick="+", foot="+", line="-", point="o",
    absent="x", hole="x", above="^", below="v", more=".",
)  # fmt: skip

BLOCKS_VARIABLE = "TRM_TUI_BLOCKS"
NAMED = {"braille": BRAILLE, "0": BRAILLE, "blocks": BLOCKS, "1": BLOCKS, "ascii": ASCII}


def glyphs_for(environment: Mapping[str, str] = os.environ, encoding: str | None = None) -> Glyphs:
    """The best glyphs for the terminal: ASCII without UTF-8, blocks on a Linux console.

    The environment variable ``TRM_TUI_BLOCKS`` overrides it: ``braille`` (or 0), ``blocks`` (or 1)
    or ``ascii``.
    """
    named = NAMED.get(environment.get(BLOCKS_VARIABLE, "").lower())
    if named is not None:
        return named
    encoding = encoding or locale.getpreferredencoding(False)
    if encoding.lower().replace("-", "") != "utf8":
        return ASCII
    return BLOCKS if environment.get("TERM") == "linux" else BRAILLE


def dots_of(top: Rows, bottom: Rows, joined: Flags, rows: int, shape: tuple[int, int]) -> Dots:
    """Draw a line that covers dot rows ``top`` to ``bottom`` in each dot column.

    Row 0 is at the top. A column with ``top`` greater than ``bottom`` is empty. Where ``joined``,
    the gap to the next column is filled, half in each of the two columns, so that a slope is one
    dot thick. Returns (rows, columns) of cells.
    """
    top, bottom = _connected(top, bottom, joined)
    down, along = shape
    begin = np.arange(rows, dtype=np.int16)[:, None] * down
    first = np.minimum(np.maximum(top - begin, 0), down)
    end = np.minimum(np.maximum(bottom + 1 - begin, 0), down)
    spans = first * (down + 1) + end
    dots = np.zeros((rows, len(top) // along), dtype=np.uint8)
    for column, table in enumerate(_span_tables(down, along)):
        dots |= table[spans[:, column::along]]
    return dots


def _connected(top: Rows, bottom: Rows, joined: Flags) -> tuple[Rows, Rows]:
    top, bottom = top.copy(), bottom.copy()
    drawn = top <= bottom
    joined = joined & drawn[:-1] & drawn[1:]
    falls = np.maximum(top[1:] - bottom[:-1] - 1, 0) * joined
    rises = np.maximum(top[:-1] - bottom[1:] - 1, 0) * joined
    bottom[:-1] += falls // 2
    top[1:] -= falls - falls // 2
    top[:-1] -= rises // 2
    bottom[1:] += rises - rises // 2
    return top, bottom


@lru_cache
def _span_tables(down: int, along: int) -> list[Dots]:
    """For each dot column of a cell: the dots in rows ``first`` to ``end`` (exclusive)."""
    return [
        np.array(
            [
                sum(1 << row * along + column for row in range(first, end))
                for first in range(down + 1)
                for end in range(down + 1)
            ],
            dtype=np.uint8,
        )
        for column in range(along)
    ]


class Layer:
    """Dots, with a style for each cell."""

    def __init__(self, rows: int, columns: int) -> None:
        self.dots = np.zeros((rows, columns), dtype=np.uint8)
        self.styles = np.zeros((rows, columns), dtype=np.int16)

    def add(self, dots: Dots, style: int) -> None:
        """Add dots to those in each cell. The cell gets the new style."""
        self.dots |= dots
        self.styles[dots > 0] = style

    def cover(self, dots: Dots, style: int) -> None:
        """Replace the dots in each cell, so that no curve has two colours."""
        there = dots > 0
        self.dots[there] = dots[there]
        self.styles[there] = style


class Grid:
    """The characters and styles of all cells.

    A style is an index into the list that ``strips`` gets; 0 is plain.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self.codes = np.full((rows, columns), BLANK, dtype=np.uint32)
        self.styles = np.zeros((rows, columns), dtype=np.int16)

    def stamp(self, row: int, column: int, layer: Layer, characters: str) -> None:
        """Draw a layer with its top left corner at a cell, over the existing characters."""
        table = np.array([ord(each) for each in characters], dtype=np.uint32)
        rows, columns = layer.dots.shape
        at = slice(row, row + rows), slice(column, column + columns)
        there = layer.dots > 0
        self.codes[at][there] = table[layer.dots[there]]
        self.styles[at][there] = layer.styles[there]

    def write(self, row: int, column: int, text: str, style: int) -> None:
        """Write text from a cell on, clipped to the grid."""
        if not 0 <= row < self.codes.shape[0]:
            return
        cells = cells_of(text)
        begin, end = max(column, 0), min(column + len(cells), self.codes.shape[1])
        if begin < end:
            self.codes[row, begin:end] = cells[begin - column : end - column]
            self.styles[row, begin:end] = style

    def write_down(self, row: int, column: int, rows: int, character: str, style: int) -> None:
        """Write a character in ``rows`` rows."""
        self.codes[row : row + rows, column] = ord(character)
        self.styles[row : row + rows, column] = style

    def strips(self, styles: Sequence[Style]) -> list[Strip]:
        """One strip per row."""
        return [_strip(*row, styles) for row in zip(self.codes, self.styles, strict=True)]

    def text(self) -> str:
        """The characters without styles, for tests."""
        return "\n".join(_text(row).rstrip() for row in self.codes)


def cells_of(text: str) -> list[int]:
    """The code of each cell that the text fills, without zero-width characters."""
    cells: list[int] = []
    for character in text:
        width = get_character_cell_size(character)
        if width:
            cells += [ord(character), *[CONTINUED] * (width - 1)]
    return cells


def _text(codes: Codes) -> str:
    return codes.tobytes().decode("utf-32").replace(chr(CONTINUED), "")


def _strip(codes: Codes, styles: NDArray[np.int16], known: Sequence[Style]) -> Strip:
    ends = [*(np.flatnonzero(styles[1:] != styles[:-1]) + 1).tolist(), len(codes)]
    begins = [0, *ends[:-1]]
    text = codes.tobytes().decode("utf-32-le")
    wide = chr(CONTINUED) in text
    segments = [
        Segment(
            text[begin:end].replace(chr(CONTINUED), "") if wide else text[begin:end], known[style]
        )
        for begin, end, style in zip(begins, ends, styles[begins].tolist(), strict=True)
    ]
    return Strip(segments, len(codes))
