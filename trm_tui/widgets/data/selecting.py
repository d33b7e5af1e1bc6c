"""SelectingRows: rows that keep their own cursor and say when it moves."""

from __future__ import annotations

from typing import Any

from textual import events
from textual.message import Message

from trm_tui.widgets.table.rows import CursorRows


class SelectingRows(CursorRows):
    """Rows with a cursor. Subclasses have messages of their own, so that each is told apart."""

    class Moved(Message):
        """The cursor is on another row."""

    class Activated(Message):
        """The row under the cursor was double-clicked."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._cursor = 0

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
