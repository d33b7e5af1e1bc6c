"""Rows under fixed headings, drawn on demand and cached."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Region, Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from trm_tui.keys import ROWS, bindings
from trm_tui.widgets.table.columns import Cell, Cells, Column, Layout

Line = list[Cell]

MAX_ROWS = 1000
"""Number of cached rows: more than any screen shows."""


@dataclass
class _Drawn:
    """The cached lines for one width."""

    layout: Layout
    head: list[Strip]
    foot: list[Strip]
    rows: dict[int, Strip] = field(default_factory=dict)


class RowsView(ScrollView, can_focus=True, inherit_bindings=False):
    """A table that scrolls under its headings. A subclass supplies the rows.

    Rows are drawn when they become visible. New data only invalidates the cache.
    """

    DEFAULT_CSS = """
    RowsView {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .rows--heading { color: $faint; }
        & > .rows--none { color: $faint; }
        & > .rows--good { color: $good; }
        & > .rows--fair { color: $fair; }
        & > .rows--poor { color: $poor; }
        & > .rows--curve { color: $series-1; }
        & > .rows--strong { text-style: bold; }
        & > .rows--best { color: $accent; text-style: bold; }
        & > .rows--cursor {
            color: $block-cursor-blurred-foreground;
            background: $block-cursor-blurred-background;
            text-style: $block-cursor-blurred-text-style;
        }
        &:ansi > .rows--cursor { text-style: underline; }
        &:focus > .rows--cursor {
            color: $block-cursor-foreground;
            background: $block-cursor-background;
            text-style: $block-cursor-text-style;
        }
    }
    """
    COMPONENT_CLASSES = {
        "rows--heading",
        "rows--none",
        "rows--good",
        "rows--fair",
        "rows--poor",
        "rows--curve",
        "rows--strong",
        "rows--best",
        "rows--cursor",
    }
    BINDINGS = bindings(ROWS)
    EMPTY = "No evaluation yet"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._drawn: _Drawn | None = None
        self._looks: dict[tuple[str, str], Style] = {}

    # For subclasses to override

    def row_count(self) -> int:
        """The number of rows."""
        raise NotImplementedError

    def columns(self) -> Sequence[Column]:
        """All columns. A narrow pane drops some."""
        raise NotImplementedError

    def cells(self, row: int, layout: Layout) -> Cells:
        """The cells of a row, by column."""
        raise NotImplementedError

    def head(self, layout: Layout) -> list[Line]:
        """The fixed lines at the top: the headings."""
        return [layout.headings("heading")]

    def head_height(self) -> int:
        """The number of fixed lines at the top."""
        return 1

    def foot(self, width: int, height: int) -> list[Line]:
        """The fixed lines at the bottom, at most ``height``."""
        return []

    def foot_height(self) -> int:
        """The number of fixed lines at the bottom."""
        return 0

    # For subclasses to call

    def invalidate(self) -> None:
        """Redraw everything."""
        self._drawn = None
        self._fit_scrolling()
        self.refresh()

    def invalidate_rows(self, rows: Sequence[int], foot: bool = False) -> None:
        """Redraw some rows, and the fixed lines at the bottom if ``foot``."""
        if foot:
            self._drawn = None
            self.refresh()
            return
        for row in rows:
            if self._drawn:
                self._drawn.rows.pop(row, None)
            line = self.head_height() + row - self.scroll_offset.y
            self.refresh(Region(0, line, self.size.width, 1))

    def body_height(self) -> int:
        """The number of rows that fit."""
        room = self.scrollable_content_region.height - self.head_height() - self.foot_height()
        return max(room, 0)

    def row_at(self, y: int) -> int | None:
        """The row on a line of the content."""
        line = y - self.head_height()
        row = line + self.scroll_offset.y
        return row if 0 <= line < self.body_height() and row < self.row_count() else None

    def look(self, row: int) -> str:
        """The style name of a whole row, applied over those of its cells."""
        return ""

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line of the pane."""
        width = self.scrollable_content_region.width
        if not self.row_count():
            return self._empty_line(y, width)
        drawn = self._drawn
        if drawn is None or drawn.layout.width != width:
            drawn = self._drawn = self._draw(width)
        if y < len(drawn.head):
            return drawn.head[y]
        line = y - len(drawn.head)
        body = min(self.body_height(), self.row_count())
        if line < body:
            return self._row(drawn, line + self.scroll_offset.y)
        line -= body
        return drawn.foot[line] if line < len(drawn.foot) else self._strip([], width)

    def _draw(self, width: int) -> _Drawn:
        layout = Layout(self.columns(), width)
        head = [self._strip(line, width) for line in self.head(layout)]
        foot = [self._strip(line, width) for line in self.foot(width, self.foot_height())]
        return _Drawn(layout, head, foot)

    def _row(self, drawn: _Drawn, row: int) -> Strip:
        strip = drawn.rows.get(row)
        if strip is None:
            if len(drawn.rows) >= MAX_ROWS:
                drawn.rows.clear()
            line = drawn.layout.line(self.cells(row, drawn.layout))
            strip = drawn.rows[row] = self._strip(line, drawn.layout.width, self.look(row))
        return strip

    def _empty_line(self, y: int, width: int) -> Strip:
        middle = (self.scrollable_content_region.height - 1) // 2
        line = [(self.EMPTY.center(width), "none")] if y == max(middle, 0) else []
        return self._strip(line, width)

    def _strip(self, line: Line, width: int, over: str = "") -> Strip:
        alike = groupby(line, itemgetter(1))  # every segment is handled many times until painted
        joined = (("".join([text for text, _ in cells]), look) for look, cells in alike)
        segments = [Segment(text, self._style(look, over)) for text, look in joined if text]
        return Strip(segments).adjust_cell_length(width, self._style("", over))

    def _style(self, look: str, over: str) -> Style:
        """The style of a cell, combined with that of its row. Cached until the theme changes."""
        style = self._looks.get((look, over))
        if style is None:
            style = self.rich_style + self._style_of(look) + self._style_of(over)
            self._looks[look, over] = style
        return style

    def _style_of(self, look: str) -> Style:
        if not look:
            return Style.null()
        name = f"rows--{look}"
        rules = self.get_component_styles(name)
        full = self.get_component_rich_style(name)
        return rules.text_style + Style(
            color=full.color if rules.has_rule("color") else None,
            bgcolor=full.bgcolor if rules.has_rule("background") else None,
        )

    # Sizes and keys

    def notify_style_update(self) -> None:
        """Redraw, as theme or focus changed."""
        super().notify_style_update()
        self._looks.clear()
        self._drawn = None

    def on_resize(self, event: events.Resize) -> None:
        """Redraw at the new size."""
        self._drawn = None
        self._fit_scrolling()

    def action_step(self, rows: int) -> None:
        """Scroll by some rows."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, force=True)

    def action_page(self, pages: int) -> None:
        """Scroll by a page."""
        self.action_step(pages * max(self.body_height(), 1))

    def action_first(self) -> None:
        """Scroll to the first row."""
        self.scroll_to(y=0, animate=False, force=True)

    def action_last(self) -> None:
        """Scroll to the last row."""
        self.scroll_to(y=self.max_scroll_y, animate=False, force=True)

    def _fit_scrolling(self) -> None:
        rows = self.row_count()
        lines = rows and self.head_height() + rows + self.foot_height()
        self._set_lines(lines)
        self.scroll_y = self.validate_scroll_y(self.scroll_y)

    def _set_lines(self, lines: int) -> None:
        """Set the height to scroll. The screen is laid out again only if the scrollbar changes."""
        scrolls = lines > self.size.height > 0
        if scrolls and self.show_vertical_scrollbar:
            self.set_reactive(Widget.virtual_size, Size(0, lines))
            self.vertical_scrollbar.window_virtual_size = lines
        else:
            self.virtual_size = Size(0, lines)


class CursorRows(RowsView):
    """A table with a cursor."""

    _cursor = 0

    def cursor(self) -> int:
        """The row of the cursor; 0 if there is none."""
        return self._cursor

    def put_cursor(self, row: int) -> None:
        """Move the cursor to an existing row."""
        before, self._cursor = self._cursor, row
        self.invalidate_rows([before, row])

    def activate(self) -> None:
        """The row of the cursor was double-clicked."""

    def look(self, row: int) -> str:
        """Highlight the cursor's row."""
        return "cursor" if row == self.cursor() else ""

    def show_cursor(self) -> None:
        """Scroll just enough to show the cursor's row."""
        row, seen, top = self.cursor(), max(self.body_height(), 1), self.scroll_offset.y
        self.scroll_to(y=min(max(top, row - seen + 1), row), animate=False, force=True)

    def on_resize(self, event: events.Resize) -> None:
        """Keep the cursor's row visible."""
        super().on_resize(event)
        self.show_cursor()

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the mouse. A double click activates the row."""
        offset = event.get_content_offset(self)
        row = None if offset is None else self.row_at(offset.y)
        if row is not None:
            self._go_to(row)
            if event.chain == 2:
                self.activate()

    def action_step(self, rows: int) -> None:
        """Move the cursor by some rows."""
        self._go_to(self.cursor() + rows)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self._go_to(0)

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self._go_to(self.row_count() - 1)

    def _go_to(self, row: int) -> None:
        if self.row_count():
            self.put_cursor(min(max(row, 0), self.row_count() - 1))
            self.show_cursor()
