"""SelectingRows and SelectingList: rows with a cursor, and the pane that says what it is on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from textual import events, on
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
        self._cursor = 0

    @property
    def selected(self) -> Any:
        """The item under the cursor; None if there is none."""
        raise NotImplementedError

    def cursor(self) -> int:
        """The selected row."""
        return self._cursor

    def put_cursor(self, row: int) -> None:
        """Select a row."""
        before, self._cursor = self._cursor, row
        self.invalidate_rows([before, row])
        if before != row:
            self.post_message(self.Moved())

    def on_click(self, event: events.Click) -> None:
        """Select a row. A double click opens it."""
        super().on_click(event)
        offset = event.get_content_offset(self)
        if event.chain == 2 and offset and self.row_at(offset.y) is not None:
            self.post_message(self.Activated())


Rows = TypeVar("Rows", bound=SelectingRows)


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
