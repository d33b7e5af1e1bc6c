"""Column layout: unimportant columns are dropped, important ones grow first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trm_tui.text.figures import pad

Cell = tuple[str, str]
"""Text and style name ("" is plain)."""

Cells = Mapping[str, Cell]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    ``width`` is the minimum width and ``most`` the maximum. A column with a higher ``rank`` is
    dropped earlier (0: never) and grows later. ``gap`` is the number of blank cells before it.
    """

    name: str
    heading: str
    width: int
    rank: int = 0
    most: int = 0
    gap: int = 1
    left: bool = False


class Layout:
    """The columns that fit into a width, and their widths."""

    def __init__(self, columns: Sequence[Column], width: int) -> None:
        self.width = width
        self.columns = _fitting(columns, width)
        self._widths = _final_widths(self.columns, width)

    def __getitem__(self, name: str) -> int:
        """The width of a column in cells; 0 if it was dropped."""
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


def _fitting(columns: Sequence[Column], width: int) -> list[Column]:
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


def _final_widths(columns: Sequence[Column], width: int) -> dict[str, int]:
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
