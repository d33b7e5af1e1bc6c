"""Layout of a matrix that scrolls under fixed headings."""

from __future__ import annotations

from dataclasses import dataclass

from textual.geometry import Offset, Size

HEADING = 1
STATUS = 1
TOTALS = 14
"""Width of the two columns of row totals."""
WIDE = 100
"""From this width on, rows have totals even if the columns scroll."""
TALL = 10
"""From this height on, there is a line with the precision of each column."""
WIDEST_CELL = 7
NAMES_SHARE = 0.38
LEAST_NAMES = 16
"""Names that do not fit get NAMES_SHARE of the width, at least LEAST_NAMES."""


@dataclass(frozen=True)
class Layout:
    """Sizes in terminal cells: column of names, totals, and as many whole columns as fit.

    Lines from top to bottom: headings, rows, precision, status. Only the rows scroll vertically.
    """

    size: Size
    rows: int
    columns: int
    label: int
    totals: bool
    precision: bool
    cell: int

    @classmethod
    def fit(cls, size: Size, rows: int, columns: int, label: int, digits: int) -> Layout:
        """The layout for a view of ``size``, with the width of the longest label and number.

        Cells grow if there is more room than the columns need.
        """
        precision = size.height >= TALL
        cell = max(digits, 3 if precision else 2) + 1
        spare = size.width - columns * cell - TOTALS
        label = min(label + 1, max(LEAST_NAMES, int(size.width * NAMES_SHARE), spare))
        needed = label + columns * cell
        totals = needed + TOTALS <= size.width or (needed > size.width >= WIDE)
        room = (size.width - label - TOTALS * totals) // max(1, columns)
        cell = max(cell, min(room, WIDEST_CELL))
        return cls(size, rows, columns, label, totals, precision, cell)

    @property
    def frozen(self) -> int:
        """The width of the columns that do not scroll."""
        return self.label + TOTALS * self.totals

    @property
    def rows_shown(self) -> int:
        """The number of visible rows."""
        return max(1, min(self.rows, self.size.height - HEADING - STATUS - self.precision))

    @property
    def columns_shown(self) -> int:
        """The number of visible columns; only whole ones are shown."""
        return max(1, min(self.columns, (self.size.width - self.frozen) // self.cell))

    @property
    def virtual_size(self) -> Size:
        """The size of the whole matrix."""
        height = HEADING + self.rows + self.precision + STATUS
        return Size(self.frozen + self.columns * self.cell, height)

    def first_cell(self, scroll: Offset) -> Offset:
        """The cell (column, row) at the top left of the view. Columns are never cut."""
        column = min(-(-scroll.x // self.cell), self.columns - self.columns_shown)
        return Offset(column, min(scroll.y, self.rows - self.rows_shown))

    def scroll_to_show(self, cell: Offset, first: Offset) -> tuple[int | None, int | None]:
        """The scroll offsets x and y that make a cell visible; None for no change."""
        column = _first_to_show(cell.x, first.x, self.columns_shown)
        row = _first_to_show(cell.y, first.y, self.rows_shown)
        return None if column is None else column * self.cell, row

    def cell_at(self, place: Offset, first: Offset, cursor: Offset) -> Offset | None:
        """The cell at a place of the view. A heading selects its row or column."""
        column = (place.x - self.frozen) // self.cell
        row = place.y - HEADING
        if column >= self.columns_shown or row >= self.rows_shown or (column < 0 and row < 0):
            return None
        return Offset(
            cursor.x if column < 0 else first.x + column, cursor.y if row < 0 else first.y + row
        )


def _first_to_show(index: int, first: int, shown: int) -> int | None:
    if index < first:
        return index
    if index >= first + shown:
        return index - shown + 1
    return None
