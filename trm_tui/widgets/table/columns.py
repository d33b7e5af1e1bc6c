"""Columns that fit a width: the least important are dropped, the most important grow first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trm_tui.text.figures import pad

Cell = tuple[str, str]
"""Text, and the name of its look ("" for the plain one)."""

Cells = Mapping[str, Cell]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``width`` is the least it needs, ``most`` what it may grow to; the higher its ``rank``, the
    sooner it is dropped (0: never) and the later it grows; ``gap`` are the blank cells before it.
    """

    name: str
    heading: str
    width: int
    rank: int = 0
    most: int = 0
    gap: int = 1
    left: bool = False


class Layout:
    """The columns that a width has room for, each with the cells it got."""

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        self.width = width
        self.columns = _that_fit(columns, width)
        self._widths = _grown(self.columns, width)

    def __getitem__(self, name: str) -> int:
        """How many cells a column has; 0 for one that was dropped."""
        return self._widths.get(name, 0)

    def headings(self, look: str) -> list[Cell]:
        """The line of headings."""
        return self.line({column.name: (column.heading, look) for column in self.columns})

    def line(self, cells: Cells) -> list[Cell]:
        """A row's cells, clipped and padded to their columns, with the gaps between them."""
        parts: list[Cell] = []
        for position, column in enumerate(self.columns):
            text, look = cells.get(column.name, ("", ""))
            if position and column.gap:
                parts.append((" " * column.gap, ""))
            parts.append((pad(text, self[column.name], column.left), look))
        return parts


def _that_fit(columns: Sequence[Column], width: int) -> list[Column]:
    kept = list(columns)
    while _needed(kept) > width:
        last = max(kept, key=lambda column: column.rank)
        if not last.rank:
            break
        kept.remove(last)
    return kept


def _needed(columns: Sequence[Column]) -> int:
    first_gap = columns[0].gap if columns else 0
    return sum(column.width + column.gap for column in columns) - first_gap


def _grown(columns: Sequence[Column], width: int) -> dict[str, int]:
    widths = {column.name: column.width for column in columns}
    spare = width - _needed(columns)
    for rank in sorted({column.rank for column in columns}):
        equals = [column for column in columns if column.rank == rank]
        while growing := [column for column in equals if widths[column.name] < column.most]:
            if spare < len(growing):
                break
            for column in growing:
                widths[column.name] += 1
            spare -= len(growing)
    return widths
