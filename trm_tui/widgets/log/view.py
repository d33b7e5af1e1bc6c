"""LogView: the log of a run, with search and a filter by level."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from trm_tui.keys import LOG, bindings
from trm_tui.store.log import LogLine
from trm_tui.widgets.log.buffer import MAX_LINES
from trm_tui.widgets.log.rows import LogRows
from trm_tui.widgets.table.scrolling import ScrollKeys
from trm_tui.widgets.table.search_bar import SearchBar

FILTERS = ("", "warnings and errors", "only errors")


class LogView(ScrollKeys):
    """A growing log. It follows the newest line, unless scrolled up or searched."""

    ALLOW_MAXIMIZE = True
    BINDINGS = bindings(LOG)

    def __init__(self, max_lines: int = MAX_LINES, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = "Log"
        self._rows = LogRows(max_lines)
        self._search = SearchBar("search the log")
        self._level = 0

    def compose(self) -> ComposeResult:
        yield self._rows
        yield self._search

    def add(self, entries: Iterable[LogLine]) -> None:
        """Append entries, oldest first."""
        self._rows.add(entries)

    def clear(self) -> None:
        """Remove all lines."""
        self._rows.clear()

    def scrolled(self) -> Widget:
        """The rows."""
        return self._rows

    # Keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the search keys while there is no search."""
        return self._search.is_open if action in ("find", "close_search") else True

    def action_search(self) -> None:
        """Open the search."""
        self._search.open()

    def action_close_search(self) -> None:
        """End the search."""
        self._rows.focus()
        self._search.close()

    def action_find(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) match."""
        self._rows.find(direction)

    def action_level(self) -> None:
        """Switch between all lines, warnings and errors, and only errors."""
        self._level = (self._level + 1) % len(FILTERS)
        self._rows.show_level(self._level)

    # Messages ---------------------------------------------------------------------------------

    @on(SearchBar.Changed)
    def _search_for(self, event: SearchBar.Changed) -> None:
        event.stop()
        self._rows.search(event.words)

    @on(SearchBar.Submitted)
    def _next(self, event: SearchBar.Submitted) -> None:
        event.stop()
        self._rows.focus()
        self._rows.find(1)

    @on(LogRows.Changed)
    def _show_status(self, event: LogRows.Changed) -> None:
        event.stop()
        self.border_subtitle = " · ".join(filter(None, self._status()))

    def _status(self) -> Iterable[str]:
        buffer, found = self._rows.buffer, len(self._rows.found)
        if self._search.is_open and self._search.words:
            yield f"{self._rows.position}/{found:,} found" if found else "not found"
        yield FILTERS[self._level]
        if buffer.dropped:
            yield f"the newest {len(buffer):,} of {buffer.total:,} lines"
        if self._rows.is_following:
            yield "following"
