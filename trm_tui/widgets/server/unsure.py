"""UnsureList: the requests that a server's model was least sure of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import UNSURE, bindings
from trm_tui.store.unsure import Request, Unsure
from trm_tui.text.clock import local_time
from trm_tui.text.figures import RIGHT
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.selecting import SelectingList, SelectingRows, having

LONGEST_TEXT = 400
NONE_YET = "No request yet"
LOOKS = {"abstain": "fair", "forward": "curve", "call": "good", "answer": "good"}


class UnsureRows(SelectingRows):
    """One row a request, the least sure first."""

    EMPTY = NONE_YET

    def __init__(self) -> None:
        super().__init__()
        self._saved: frozenset[int] = frozenset()

    def show(self, requests: Sequence[Request], saved: frozenset[int], empty: str) -> None:
        """Show some requests."""
        self._saved = saved
        self.put(requests, empty, keep_row=True)

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
        request: Request = self._items[row]
        served = request.served
        return {
            "saved": (RIGHT if request.number in self._saved else "", "good"),
            "confidence": (f"{served.confidence:.3f}", ""),
            "outcome": (one_line(served.outcome), LOOKS.get(served.outcome, "none")),
            "answer": (one_line(request.answer), ""),
            "time": (local_time(served.time, "%H:%M:%S"), "none"),
            "text": (one_line(request.text[:LONGEST_TEXT]), ""),
        }


class UnsureList(SelectingList[UnsureRows]):
    """The requests, with a search."""

    BORDER_TITLE = "Least sure requests"
    DEFAULT_CSS = "UnsureList { height: 1fr; }"
    BINDINGS = bindings(UNSURE)

    class Selected(SelectingList.Selected):
        """The cursor is on another request."""

    class Opened(SelectingList.Opened):
        """Request to try the selected conversation."""

    @dataclass
    class CorrectionRequested(Message):
        """Request to correct the answer to a conversation."""

        request: Request

    def __init__(self, **options: Any) -> None:
        super().__init__(UnsureRows(), "text, answer or reason", **options)
        self._unsure = Unsure()
        self._empty = NONE_YET

    def show(self, unsure: Unsure, empty: str = "") -> None:
        """Show the queue. ``empty`` says why there is nothing in it."""
        self._unsure, self._empty = unsure, empty or NONE_YET
        self.narrow(self.words)

    def narrow(self, words: str) -> None:
        """Show only requests with these words."""
        shown = having(words, self._unsure.requests, _text)
        empty = "No such request" if words else self._empty
        self._rows.show(shown, frozenset(self._unsure.saved), empty)
        self.border_subtitle = Content(f"of {self._unsure.seen:,} kept, {len(shown):,} shown")

    def action_correct(self) -> None:
        """Request to correct the answer."""
        if self.selected:
            self.post_message(self.CorrectionRequested(self.selected))

    def action_drop(self) -> None:
        """Take the request out of the queue."""
        if self.selected:
            self._unsure.remove(self.selected)
            self.narrow(self.words)


def _text(request: Request) -> str:
    served = request.served
    return " ".join((request.text, request.answer, served.outcome, served.reason)).casefold()
