"""FigureList: the figures of a data file in sections, each with a bar for its share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from trm_engine.data.problems.figures import Figure
from trm_engine.printable import one_line
from trm_tui.keys import FIGURES, bindings
from trm_tui.text.figures import BLOCKS
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.selecting import SelectingList, SelectingRows, having

READING = "reading…"
BAR_WIDTH = 8
INDENT = "  "


class FigureRows(SelectingRows):
    """Headings and figures. The cursor passes over headings."""

    EMPTY = READING

    @property
    def selected(self) -> Figure | None:
        """The figure under the cursor."""
        entry = self._item
        return entry if isinstance(entry, Figure) else None

    def show(self, figures: Sequence[Figure], empty: str = "No such figure") -> None:
        """Show figures under the headings of their sections."""
        entries: list[Figure | str] = []
        for figure in figures:
            if figure.section not in entries:
                entries.append(figure.section)
            entries.append(figure)
        self.put(entries, empty)
        self._cursor = self._off_headings(self._cursor, 1)

    def columns(self) -> Sequence[Column]:
        """Name, count, share, bar and facts."""
        return [
            Column("name", "", 18, most=30, left=True),
            Column("count", "number", 8),
            Column("share", "share", 6, rank=1),
            Column("bar", "", BAR_WIDTH, rank=3, gap=1, left=True),
            Column("more", "", 20, rank=2, most=60, gap=1, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """A heading or a figure."""
        entry = self._items[row]
        if isinstance(entry, str):
            return {"name": (entry, "strong")}
        share = entry.share
        return {
            "name": (INDENT + one_line(entry.name), ""),
            "count": (f"{entry.count:,}", ""),
            "share": ("" if share is None else percent(share), "none"),
            "bar": ("" if share is None else bar(share), "curve"),
            "more": (one_line(" · ".join(entry.more)), "none"),
        }

    def put_cursor(self, row: int) -> None:
        """Select the figure on a row, or the next one after a heading."""
        before = self._cursor
        self._cursor = self._off_headings(row, 1 if row >= before else -1)
        self.invalidate_rows([before, self._cursor])
        if self._cursor != before:
            self.post_message(self.Moved())

    def show_cursor(self) -> None:
        """Also show the heading above the first figure of a section."""
        if self._cursor == 1:
            self.scroll_to(y=0, animate=False, force=True)
        else:
            super().show_cursor()

    def _off_headings(self, row: int, direction: int) -> int:
        for way in (direction, -direction):
            place = row
            while 0 <= place < len(self._items):
                if not isinstance(self._items[place], str):
                    return place
                place += way
        return 0


class FigureList(SelectingList[FigureRows]):
    """The overview of a data file."""

    BORDER_TITLE = "Overview"
    DEFAULT_CSS = "FigureList { height: 1fr; }"
    BINDINGS = bindings(FIGURES)

    class Selected(SelectingList.Selected):
        """The cursor is on another figure."""

    class Opened(SelectingList.Opened):
        """Request to go to the samples."""

    def __init__(self, **options: Any) -> None:
        super().__init__(FigureRows(), "words of a figure", **options)
        self._figures: Sequence[Figure] = ()

    def show(self, figures: Sequence[Figure]) -> None:
        """Show all figures of a file."""
        self._figures = figures
        self.narrow(self.words)

    def say(self, status: str) -> None:
        """Show a status while there are no figures."""
        if not self._figures:
            self._rows.show([], status)

    def narrow(self, words: str) -> None:
        """Show only figures whose name, section or facts have these words."""
        shown = having(words, self._figures, _text)
        self._rows.show(shown)
        self.border_subtitle = Content(f"{len(shown):,} of {len(self._figures):,}" if words else "")


def bar(share: float, width: int = BAR_WIDTH) -> str:
    """A bar for a share from 0 to 1. It is not empty if the share is not 0."""
    eighths = max(round(share * width * 8), 1 if share else 0)
    whole, part = divmod(min(eighths, width * 8), 8)
    return BLOCKS[8] * whole + (BLOCKS[part] if part else "")


def percent(share: float) -> str:
    """A share as a percentage. It is "0 %" only if there is none."""
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}"


def _text(figure: Figure) -> str:
    return " ".join((figure.section, figure.name, *figure.more)).casefold()
