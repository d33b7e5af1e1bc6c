"""LogRows: the wrapped rows of a log, with following and search."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.style import Style
from rich.text import Text
from textual import events
from textual.cache import LRUCache
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.widget import Widget

from trm_tui.store.log import LogLine
from trm_tui.text.clock import local_time
from trm_tui.widgets.log.buffer import LogBuffer, Row, TextLine, fold

WORDS = {"info": "info ", "warning": "warn ", "error": "ERROR"}
WIDE = 100
"""From this width on, rows start with date, time and step instead of the time."""

STAMP, FULL_STAMP = "%H:%M:%S", "%Y-%m-%d %H:%M:%S"
STEP_WIDTH = 11
STRIPS = 1000


class LogRows(ScrollView, can_focus=True, inherit_bindings=False):
    """The rows of a log. A hidden log is not laid out.

    Attributes:
        is_following: whether the newest line stays visible.
        found: numbers of the lines that match the search.
    """

    ALLOW_MAXIMIZE = False
    DEFAULT_CSS = """
    LogRows { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }
    LogRows > .log--faint { color: $faint; }
    LogRows > .log--warning { color: $fair; text-style: bold; }
    LogRows > .log--error { color: $poor; text-style: bold; }
    LogRows > .log--found { color: $accent; text-style: underline; }
    LogRows > .log--current { color: $accent; text-style: reverse; }
    """
    COMPONENT_CLASSES = {
        "log--faint",
        "log--warning",
        "log--error",
        "log--found",
        "log--current",
    }

    class Changed(Message):
        """Scrolling, filter or search changed."""

    def __init__(self, max_lines: int) -> None:
        super().__init__()
        self.buffer = LogBuffer(max_lines)
        self.is_following = True
        self.found: list[int] = []
        self._words = ""
        self._current: int | None = None
        self._top: Row | None = None
        self._is_arranged = False
        self._is_arranging = False
        self._strips: LRUCache[Row, Strip] = LRUCache(STRIPS)

    # Content ----------------------------------------------------------------------------------

    def add(self, entries: Iterable[LogLine]) -> None:
        """Append entries. The scroll position stays, unless the newest line is followed."""
        known = self.buffer.total
        self.buffer.add(entries)
        del self.found[: bisect_left(self.found, self.buffer.dropped)]
        self.found += self.buffer.find(self._words, known)
        self._arrange()

    def clear(self) -> None:
        """Remove all lines."""
        self.buffer.clear()
        self.found.clear()
        self._current, self._top, self.is_following = None, None, True
        self._strips.clear()
        self._arrange()

    def show_level(self, level: int) -> None:
        """Show only lines of this level (a position in LEVELS) or above."""
        self.buffer.set_min_level(level)
        self.found = self.buffer.find(self._words)
        self._arrange()

    # Search -----------------------------------------------------------------------------------

    @property
    def position(self) -> int:
        """The number of the current match, from 1; 0 if there is none."""
        if self._current is None:
            return 0
        position = bisect_right(self.found, self._current)
        return position if position and self.found[position - 1] == self._current else 0

    def search(self, words: str) -> None:
        """Mark matches and go to the nearest one; "" ends the search."""
        self._words = words
        self._strips.clear()
        self.found = self.buffer.find(words)
        if self.found:
            self._go_to(self._nearest())
        else:
            self._current = None
            self.is_following = not words and self._is_at_end()
            self._changed()

    def find(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) match. Wraps around."""
        if not self.found:
            return
        here = self._current if self._current is not None else -1
        after = bisect_right(self.found, here)
        position = after if direction > 0 else bisect_left(self.found, here) - 1
        self._go_to(self.found[position % len(self.found)])

    def _nearest(self) -> int:
        """The current match, or the next one from the top of the screen."""
        top = self._top.number if self._top else 0
        here = top if self._current is None else self._current
        return self.found[min(bisect_left(self.found, here), len(self.found) - 1)]

    def _go_to(self, number: int) -> None:
        self._current = number
        self._strips.clear()
        self.is_following = False
        first, seen = self.buffer.position_of(number), self._visible_rows()
        top = self.scroll_offset.y
        if not top <= first <= top + seen - self.buffer.height_of(number):
            self.scroll_to(y=max(first - seen // 2, 0), animate=False)
        self._changed()

    # Scrolling --------------------------------------------------------------------------------

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow if scrolled to the end."""
        super().watch_scroll_y(old_value, new_value)
        if not self._is_arranging:
            self._moved()
            self.post_message(self.Changed())

    def on_resize(self, event: events.Resize) -> None:
        """Wrap the lines again."""
        self._strips.clear()
        self._arrange()

    def notify_style_update(self) -> None:
        """Redraw with new colours."""
        super().notify_style_update()
        self._strips.clear()

    def _arrange(self) -> None:
        """Update the layout. The top line stays, unless the newest line is followed."""
        self._is_arranged = self._is_displayed()
        if self._is_arranged:
            with self._arranging():
                self.buffer.set_width(self._text_width())
                self.virtual_size = Size(0, self.buffer.rows)
                self.scroll_to(y=self._wanted_top(), animate=False)
            self._moved()
        self._changed()

    def _moved(self) -> None:
        self._top = self.buffer.row(self.scroll_offset.y)
        self.is_following = self._is_at_end() and not self._words

    def _is_displayed(self) -> bool:
        """Whether the pane is visible: it is not in a hidden tab."""
        around = (node for node in self.ancestors_with_self if isinstance(node, Widget))
        return bool(self.size.width) and all(node.display for node in around)

    @contextmanager
    def _arranging(self) -> Iterator[None]:
        self._is_arranging = True
        try:
            yield
        finally:
            self._is_arranging = False

    def _wanted_top(self) -> int:
        if self.is_following:
            return self.max_scroll_y
        return self.buffer.position_of(self._top.number, self._top.part) if self._top else 0

    def _is_at_end(self) -> bool:
        return self.scroll_offset.y >= self.max_scroll_y

    def _changed(self) -> None:
        self.refresh()
        self.post_message(self.Changed())

    def _visible_rows(self) -> int:
        return self.scrollable_content_region.height

    # Drawing ----------------------------------------------------------------------------------

    def render_lines(self, crop: Region) -> list[Strip]:
        """Update the layout after the pane was hidden."""
        if not self._is_arranged or self.buffer.width != self._text_width():
            self.call_later(self._arrange)
        return super().render_lines(crop)

    def render_line(self, y: int) -> Strip:
        """One row of the screen."""
        row = self.buffer.row(self.scroll_offset.y + y)
        if row is None:
            return Strip.blank(self.scrollable_content_region.width, self.rich_style)
        strip = self._strips.get(row)
        if strip is None:
            strip = self._strips[row] = self._strip(row)
        return strip

    def _strip(self, row: Row) -> Strip:
        strip = Strip(self._text(row).render(self.app.console))
        width = self.scrollable_content_region.width
        return strip.adjust_cell_length(width).apply_style(self.rich_style)

    def _text(self, row: Row) -> Text:
        line = self.buffer.line(row.number)
        is_head = line.is_first and row.part == 0
        text = self._head(line.entry) if is_head else Text(" " * self._head_width())
        return text.append_text(self._marked(line, row))

    def _marked(self, line: TextLine, row: Row) -> Text:
        """A row's part of a line, with marked matches."""
        text = Text(line.text[row.start : row.end].rstrip())
        look = self._look("current" if row.number == self._current else "found")
        length = len(self._words)
        for place in _places(line.folded, fold(self._words)):
            start = place - row.start
            text.stylize(look, max(start, 0), max(start + length, 0))
        return text

    def _head(self, entry: LogLine) -> Text:
        stamp = local_time(entry.t, FULL_STAMP if self._is_wide() else STAMP)
        text = Text().append(stamp, self._look("faint"))
        if self._is_wide():
            step = "" if entry.step is None else f"{entry.step:,}"
            text.append(step.rjust(STEP_WIDTH), self._look("faint"))
        look = self._look(entry.level if entry.level in ("warning", "error") else "faint")
        text.append("  ").append(WORDS.get(entry.level, WORDS["info"]), look)
        return text.append("  ")

    def _head_width(self) -> int:
        stamp = len("2000-01-01 00:00:00") + STEP_WIDTH if self._is_wide() else len("00:00:00")
        return stamp + len("  info   ")

    def _text_width(self) -> int:
        return max(self.scrollable_content_region.width - self._head_width(), 1)

    def _is_wide(self) -> bool:
        return self.scrollable_content_region.width >= WIDE

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(f"log--{name}", partial=True)


def _places(text: str, words: str) -> Iterator[int]:
    """Start of each occurrence of ``words`` in ``text``."""
    start = text.find(words) if words else -1
    while start >= 0:
        yield start
        start = text.find(words, start + len(words))
