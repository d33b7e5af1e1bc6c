"""SelectingRows and SelectingList: rows with a cursor, and the pane that says what it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.message import Message

from trm_tui.widgets.table.rows import CursorRows
from trm_tui.widgets.table.search_pane import SearchRows


class SelectingRows(CursorRows):
    """Rows that keep their own cursor and say when it moves."""

    ALLOW_MAXIMIZE = False

    class Moved(Message):
        """The cursor is on another row."""

    class Activated(Message):
        """The row under the cursor was double-clicked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._items: Sequence[Any] = ()

    @property
    def selected(self) -> Any:
        """The item under the cursor; None if there is none."""
        return self._item

    @property
    def _item(self) -> Any:
        return self._items[self._cursor] if self._items else None

    def row_count(self) -> int:
        """One row an item."""
        return len(self._items)

    def put(self, items: Sequence[Any], empty: str, keep_row: bool = False) -> None:
        """Show items, or ``empty`` if there are none.

        The cursor stays on its item if it is among them. Otherwise it goes to the first row, or
        stays where it is if ``keep_row``.
        """
        before, row = self._item, self._cursor if keep_row else 0
        self._items, self.EMPTY = items, empty
        place = items.index(before) if before in items else row
        self._cursor = min(place, max(len(items) - 1, 0))
        self.invalidate()
        self.show_cursor()
        if not items or self._item is not before:
            self.post_message(self.Moved())

    def put_cursor(self, row: int) -> None:
        """Select a row."""
        before = self._cursor
        super().put_cursor(row)
        if before != row:
            self.post_message(self.Moved())

    def activate(self) -> None:
        """Say that the row was double-clicked."""
        self.post_message(self.Activated())


Rows = TypeVar("Rows", bound=SelectingRows)
Item = TypeVar("Item")


class SelectingList(SearchRows, Generic[Rows]):
    """A pane of rows with a search. Subclasses have messages of their own, so that screens can
    tell them apart."""

    @dataclass
    class Selected(Message):
        """The cursor of the list is on this item; None if there is none."""

        list: SelectingList[Any]
        item: Any

        def can_replace(self, message: Message) -> bool:
            """Of several moves in a list only the last one is handled."""
            return isinstance(message, SelectingList.Selected) and message.list is self.list

    class Opened(Message):
        """Request to open the selected item."""

    def __init__(self, rows: Rows, words: str, **options: Any) -> None:
        super().__init__(words, **options)
        self._rows = rows

    def compose(self) -> ComposeResult:
        yield self._rows
        yield self.search

    def rows(self) -> Rows:
        """The rows."""
        return self._rows

    @property
    def selected(self) -> Any:
        """The item under the cursor; None if there is none."""
        return self._rows.selected

    def action_open(self) -> None:
        """Request to open the selected item."""
        if self.selected is not None:
            self.post_message(self.Opened())

    @on(SelectingRows.Moved)
    def _say_selected(self, event: SelectingRows.Moved) -> None:
        event.stop()
        self.post_message(self.Selected(self, self.selected))

    @on(SelectingRows.Activated)
    def _open_clicked(self, event: SelectingRows.Activated) -> None:
        event.stop()
        self.action_open()


def having(words: str, items: Iterable[Item], text: Callable[[Item], str]) -> list[Item]:
    """The items whose ``text``, with case folded, has all of these words."""
    wanted = words.casefold().split()
    return [each for each in items if all(word in text(each) for word in wanted)]
