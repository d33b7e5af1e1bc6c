"""Panes with a list and a search bar that filters it."""

from __future__ import annotations

from textual import on
from textual.widget import Widget

from trm_tui.widgets.table.rows import CursorRows
from trm_tui.widgets.table.scrolling import ScrollKeys
from trm_tui.widgets.table.search_bar import SearchBar


class SearchPane(ScrollKeys):
    """A pane with a search. A subclass yields ``search`` in its ``compose``."""

    ALLOW_MAXIMIZE = True

    def __init__(self, placeholder: str, *, id: str | None = None, classes: str | None = None):
        super().__init__(id=id, classes=classes)
        self.search = SearchBar(placeholder)

    @property
    def words(self) -> str:
        """The words to search for; "" if there is no search."""
        return self.search.words if self.search.is_open else ""

    def narrow(self, words: str) -> None:
        """Show only entries with these words; "" shows all."""
        raise NotImplementedError

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Disable the key that closes a search while there is none."""
        return self.search.is_open if action == "close_search" else True

    def action_search(self) -> None:
        """Open the search."""
        self.search.open()

    def action_close_search(self) -> None:
        """Close the search."""
        self.scrolled().focus()
        self.search.close()

    @on(SearchBar.Changed)
    def _search_for(self, event: SearchBar.Changed) -> None:
        event.stop()
        self.narrow(event.words)

    @on(SearchBar.Submitted)
    def _leave_search(self, event: SearchBar.Submitted) -> None:
        event.stop()
        self.scrolled().focus()


class SearchRows(SearchPane):
    """A pane of rows whose cursor also moves while the user types."""

    def rows(self) -> CursorRows:
        """The rows."""
        return self.query_one(CursorRows)

    def scrolled(self) -> Widget:
        """The rows."""
        return self.rows()

    def action_step(self, rows: int) -> None:
        """Move the cursor by some rows."""
        self.rows().action_step(rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by a page."""
        self.rows().action_page(pages)

    def action_first(self) -> None:
        """Move the cursor to the first row."""
        self.rows().action_first()

    def action_last(self) -> None:
        """Move the cursor to the last row."""
        self.rows().action_last()
