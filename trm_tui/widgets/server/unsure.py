"""UnsureList: the requests that a server's model was least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import UNSURE, bindings
from trm_tui.store.unsure import Request, Unsure
from trm_tui.text.clock import local_time
from trm_tui.text.figures import RIGHT
from trm_tui.widgets.data.selecting import SelectingRows
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.search_pane import SearchRows

LONGEST_TEXT = 400
NONE_YET = "No request yet"
LOOKS = {"abstain": "fair", "forward": "curve", "call": "good", "answer": "good"}


class UnsureRows(SelectingRows):
    """One row a request, the least sure first."""

    ALLOW_MAXIMIZE = False
    EMPTY = NONE_YET

    class Moved(SelectingRows.Moved):
        """The cursor is on another request."""

    class Activated(SelectingRows.Activated):
        """The request under the cursor was double-clicked."""

    def __init__(self) -> None:
        super().__init__()
        self._requests: Sequence[Request] = ()
        self._saved: frozenset[int] = frozenset()

    @property
    def selected(self) -> Request | None:
        """The request under the cursor."""
        return self._requests[self._cursor] if self._requests else None

    def show(self, requests: Sequence[Request], saved: frozenset[int], empty: str) -> None:
        """Show some requests. The cursor stays on its request if it is among them."""
        selected = self.selected
        self._requests, self._saved, self.EMPTY = requests, saved, empty
        if selected in requests:
            self._cursor = requests.index(selected)
        self._cursor = min(self._cursor, max(len(requests) - 1, 0))
        self.invalidate()
        self.show_cursor()
        if self.selected is not selected:
            self.post_message(self.Moved())

    def row_count(self) -> int:
        """The number of requests shown."""
        return len(self._requests)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep confidence, answer and text."""
        return [
            Column("saved", "", 1),
            Column("confidence", "conf.", 5),
            Column("outcome", "became", 7, rank=1, left=True),
            Column("answer", "answer", 8, most=16, left=True),
            Column("time", "time", 8, rank=2, left=True),
            Column("text", "text", 10, most=LONGEST_TEXT, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One request."""
        request = self._requests[row]
        served = request.served
        return {
            "saved": (RIGHT if request.number in self._saved else "", "good"),
            "confidence": (f"{served.confidence:.3f}", ""),
            "outcome": (one_line(served.outcome), LOOKS.get(served.outcome, "none")),
            "answer": (one_line(request.answer), ""),
            "time": (local_time(served.time, "%H:%M:%S"), "none"),
            "text": (one_line(request.text[:LONGEST_TEXT]), ""),
        }


class UnsureList(SearchRows):
    """The requests, with a search."""

    BORDER_TITLE = "Least sure requests"
    DEFAULT_CSS = "UnsureList { height: 1fr; }"
    BINDINGS = bindings(UNSURE)

    @dataclass
    class Selected(Message):
        """The cursor is on this request; None if there is none."""

        request: Request | None

        def can_replace(self, message: Message) -> bool:
            """Of several moves only the last one is handled."""
            return isinstance(message, UnsureList.Selected)

    @dataclass
    class Opened(Message):
        """Request to try a conversation."""

        request: Request

    @dataclass
    class CorrectionRequested(Message):
        """Request to correct the answer to a conversation."""

        request: Request

    def __init__(self, **options: Any) -> None:
        super().__init__("text, answer or reason", **options)
        self._unsure = Unsure()
        self._empty = NONE_YET
        self._rows = UnsureRows()

    def compose(self) -> ComposeResult:
        yield self._rows
        yield self.search

    def rows(self) -> UnsureRows:
        """The rows of requests."""
        return self._rows

    @property
    def selected(self) -> Request | None:
        """The request under the cursor."""
        return self._rows.selected

    def show(self, unsure: Unsure, empty: str = "") -> None:
        """Show the queue. ``empty`` says why there is nothing in it."""
        self._unsure, self._empty = unsure, empty or NONE_YET
        self.narrow(self.words)

    def narrow(self, words: str) -> None:
        """Show only requests with these words."""
        wanted = words.casefold().split()
        shown = [
            each for each in self._unsure.requests if all(word in _text(each) for word in wanted)
        ]
        empty = "No such request" if words else self._empty
        self._rows.show(shown, frozenset(self._unsure.saved), empty)
        self.border_subtitle = Content(f"of {self._unsure.seen:,} kept, {len(shown):,} shown")

    def action_open(self) -> None:
        """Request to try the selected conversation."""
        if self.selected:
            self.post_message(self.Opened(self.selected))

    def action_correct(self) -> None:
        """Request to correct the answer."""
        if self.selected:
            self.post_message(self.CorrectionRequested(self.selected))

    def action_drop(self) -> None:
        """Take the request out of the queue."""
        if self.selected:
            self._unsure.remove(self.selected)
            self.narrow(self.words)

    def on_unsure_rows_moved(self, event: UnsureRows.Moved) -> None:
        """Say which request is selected."""
        event.stop()
        self.post_message(self.Selected(self.selected))

    def on_unsure_rows_activated(self, event: UnsureRows.Activated) -> None:
        """Open the conversation that was clicked."""
        event.stop()
        self.action_open()


def _text(request: Request) -> str:
    served = request.served
    return " ".join((request.text, request.answer, served.outcome, served.reason)).casefold()
