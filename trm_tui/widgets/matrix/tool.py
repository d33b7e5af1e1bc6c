"""ToolMatrix: the confusion matrix of tools, with a cursor that opens the samples of a cell."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Offset, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trm_engine.runs.schema.evaluation import Tools
from trm_engine.wording import counted
from trm_tui.keys import MATRIX, bindings
from trm_tui.store.confusion import ORDERS, SHARES, Confusion
from trm_tui.text.figures import share_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.matrix.heat import heat
from trm_tui.widgets.matrix.layout import TALL, Layout
from trm_tui.widgets.matrix.picture import Picture, Styles

TITLE = "Tools"
NO_TOOLS = "No tools in this data"
FIXED_ROWS = 5
"""Headings, precision, status and border."""
LOW = 10
"""Below this height a horizontal scrollbar would cost too many rows."""


class ToolMatrix(ScrollView, AwaitsEvaluation, can_focus=True, inherit_bindings=False):
    """True tools are rows, predicted tools are columns. The headings do not scroll."""

    DEFAULT_CSS = """
    ToolMatrix {
        overflow: auto;
        scrollbar-size: 1 1;
        &.-low { scrollbar-size-horizontal: 0; }
        & > .tool-matrix--right { background: $heat; }
        & > .tool-matrix--wrong { background: $poor; }
        & > .tool-matrix--empty, & > .tool-matrix--heading { color: $faint; }
        & > .tool-matrix--name { color: $foreground; }
        & > .tool-matrix--selected { color: $foreground; text-style: bold; }
        & > .tool-matrix--cursor { color: $faint; text-style: bold reverse; }
        &:focus > .tool-matrix--cursor { color: $accent; }
    }
    """
    COMPONENT_CLASSES = {
        "tool-matrix--right",
        "tool-matrix--wrong",
        "tool-matrix--empty",
        "tool-matrix--heading",
        "tool-matrix--name",
        "tool-matrix--selected",
        "tool-matrix--cursor",
    }
    BINDINGS = bindings(MATRIX)

    @dataclass
    class Opened(Message):
        """Request to show the samples of a cell: their count, and their lines if known."""

        title: str
        lines: list[int]
        count: int

    @dataclass
    class Moved(Message):
        """The cursor is on a cell with other samples."""

        title: str
        lines: list[int]
        count: int

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = TITLE
        self._confusion: Confusion | None = None
        self._has_evaluation = False
        self._evaluation = ""
        self._of = SHARES[0]
        self._order = ORDERS[0]
        self._cursor = Offset()
        self._picture: Picture | None = None
        self._posted: tuple[str, list[int], int] | None = None

    @property
    def whole_height(self) -> int | None:
        """The height with borders at which all rows are visible; None without a matrix."""
        return max(len(self._confusion.rows) + FIXED_ROWS, TALL + 2) if self._confusion else None

    def show(self, tool: Tools | None, evaluation: str = "") -> None:
        """Show the tools of an evaluation; None if there is no evaluation yet.

        ``evaluation`` names it in the border.
        """
        self._evaluation = evaluation
        confusion = Confusion.of(tool) if tool else None
        self.border_title = f"{TITLE}  {_summary(tool)}" if tool else TITLE
        self._has_evaluation = tool is not None
        self._replace(confusion if confusion and confusion.counts.size else None)

    @property
    def selected(self) -> tuple[str, str] | None:
        """The true and the predicted tool of the cursor's cell."""
        if self._confusion is None:
            return None
        return self._confusion.rows[self._cursor.y], self._confusion.columns[self._cursor.x]

    # Keys and mouse

    def action_move(self, down: int, right: int) -> None:
        """Move the cursor, and scroll if it leaves the view."""
        self._select(self._cursor + Offset(right, down))

    def action_page(self, pages: int) -> None:
        """Move the cursor by the number of visible rows."""
        if self._picture:
            self.action_move(pages * self._picture.layout.rows_shown, 0)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._select(Offset(self._cursor.x, 0))

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._select(Offset(self._cursor.x, sys.maxsize))

    def action_next_error(self) -> None:
        """Move the cursor to the next smaller error cell, or to the largest one."""
        errors = self._confusion.errors() if self._confusion else []
        here = (self._cursor.y, self._cursor.x)
        if errors:
            following = errors.index(here) + 1 if here in errors else 0
            row, column = errors[following % len(errors)]
            self._select(Offset(column, row))

    def action_normalise(self) -> None:
        """Cycle through counts, shares of the row and shares of the column."""
        self._of = SHARES[(SHARES.index(self._of) + 1) % len(SHARES)]
        self._refit()

    def action_order(self) -> None:
        """Cycle through orders: by name, by samples, by errors."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._replace(self._confusion)
        self._follow()

    def action_open(self) -> None:
        """Request the samples of the cursor's cell if it has any."""
        title, lines, count = self._samples()
        if count:
            self.post_message(self.Opened(title, lines, count))

    def on_click(self, event: events.Click) -> None:
        """Select a cell. A double click opens it."""
        place = event.get_content_offset(self)
        if place is None or self._picture is None:
            return
        cell = self._picture.layout.cell_at(place, self._first_cell, self._cursor)
        if cell is not None:
            self._select(cell)
            if event.chain == 2:
                self.action_open()

    # State

    def _replace(self, confusion: Confusion | None) -> None:
        """Sort and show a matrix. The cursor stays on its pair of tools."""
        selected = self.selected
        self._confusion = confusion.ordered(self._order) if confusion else None
        if self._confusion:
            self._cursor = _place(self._confusion, selected, self._cursor)
        self._renew()
        self._post_moved()

    def _samples(self) -> tuple[str, list[int], int]:
        """The title of the cursor's cell, the lines of its samples that are known, their count."""
        if not self._confusion or not self.selected:
            return "", [], 0
        true, predicted = self.selected
        lines = self._confusion.lines.get(self.selected, [])
        count = int(self._confusion.counts[self._cursor.y, self._cursor.x])
        return f"true {true} → predicted {predicted}", lines, count

    def _post_moved(self) -> None:
        if (samples := self._samples()) != self._posted:
            self._posted = samples
            self.post_message(self.Moved(*samples))

    def _select(self, cell: Offset) -> None:
        if self._confusion:
            self._cursor = _inside(self._confusion, cell)
            self._follow()
            self.refresh()
            self._post_moved()

    def _follow(self) -> None:
        """Scroll to the cursor's cell if it is not visible."""
        if self._picture:
            x, y = self._picture.layout.scroll_to_show(self._cursor, self._first_cell)
            self.scroll_to(x, y, animate=False, force=True)

    @property
    def _first_cell(self) -> Offset:
        assert self._picture is not None
        return self._picture.layout.first_cell(self.scroll_offset)

    # Painting

    def on_resize(self) -> None:
        self.set_class(self.outer_size.height < LOW, "-low")
        self._refit()

    def watch_show_horizontal_scrollbar(self) -> None:
        self._refit()

    def watch_show_vertical_scrollbar(self) -> None:
        self._refit()

    def _refit(self) -> None:
        """Redraw, and keep the cursor in view."""
        self._renew()
        self._follow()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.call_later(self._recolour)  # the styles of the components come after this

    def _recolour(self) -> None:
        if self._picture and self._picture.styles != self._styles():
            self._renew()

    def _renew(self) -> None:
        """Make the picture again, after a change of matrix, shares, size or theme."""
        before, self._picture = self._picture, None
        if self._confusion and self.is_attached:
            size = self.scrollable_content_region.size
            self._picture = Picture(self._confusion, self._of, size, self._styles())
        self.virtual_size = self._picture.layout.virtual_size if self._picture else Size()
        if before and self._picture:
            self._keep_column(before.layout, self._picture.layout)
        order = f"{self._of} · by {self._order}" if self._confusion else ""
        self.border_subtitle = " · ".join(filter(None, (self._evaluation, order)))
        self.refresh()

    def _keep_column(self, before: Layout, now: Layout) -> None:
        """Keep the first visible column if the width of the cells changed."""
        if before.cell != now.cell:
            column = before.first_cell(self.scroll_offset).x
            self.scroll_to(x=column * now.cell, animate=False, force=True)

    def _styles(self) -> Styles:
        right = self.get_component_styles("tool-matrix--right").background
        wrong = self.get_component_styles("tool-matrix--wrong").background
        return Styles(
            plain=self.rich_style,
            heat=heat(self.background_colors[1], right, wrong),
            empty=self._style("empty"),
            heading=self._style("heading"),
            name=self._style("name"),
            selected=self._style("selected"),
            cursor=self._style("cursor"),
        )

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"tool-matrix--{name}")

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        if self._picture:
            return self._picture.line(y, self._first_cell, self._cursor)
        if y == self.size.height // 2:
            text = (NO_TOOLS if self._has_evaluation else self.EMPTY).center(self.size.width)
            return Strip([Segment(text, self._style("heading"))])
        return Strip.blank(self.size.width, self.rich_style)


def _summary(tool: Tools) -> str:
    calls = f"{share_text(tool.accuracy, 4)} of {counted(tool.samples, 'call')}"
    if tool.new:
        calls = f"{calls} · new tools {share_text(tool.new_accuracy, 4)} of {tool.new:,}"
    return f"{calls} · {tool.unknown:,} of undefined tools" if tool.unknown else calls


def _place(confusion: Confusion, names: tuple[str, str] | None, cursor: Offset) -> Offset:
    """The cell of a pair of tools; the cursor's old position if one is missing."""
    if names and names[0] in confusion.rows and names[1] in confusion.columns:
        return Offset(confusion.columns.index(names[1]), confusion.rows.index(names[0]))
    return _inside(confusion, cursor)


def _inside(confusion: Confusion, cell: Offset) -> Offset:
    rows, columns = confusion.counts.shape
    return Offset(max(0, min(columns - 1, cell.x)), max(0, min(rows - 1, cell.y)))
