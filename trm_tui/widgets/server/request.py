"""RequestPane: one conversation that a server was asked about, and what the model answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from textual.app import ComposeResult

from trm_engine.files.jsonl import to_json
from trm_engine.printable import one_line
from trm_tui.keys import ROWS, bindings
from trm_tui.store.placed_values import placed_values
from trm_tui.store.step_answer import PREDICTED
from trm_tui.store.unsure import Request
from trm_tui.widgets.conversation.marked import MarkedConversation
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys


class RequestPane(ScrollKeys):
    """Shows a request: the answer, then the turns with the values of the answer marked."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Request"
    BINDINGS = bindings(ROWS)
    DEFAULT_CSS = "RequestPane { height: 1fr; }"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._text = MarkedConversation()

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._text

    def show(self, request: Request | None) -> None:
        """Show a request from its start; None for none."""
        if request is None:
            self._text.show(None, ())
            return
        places = placed_values(request.sample()).marks
        marks = [each._replace(kind=PREDICTED) for each in places]
        self._text.show(request.conversation(), marks, "\n".join(_answer(request)))
        self.action_first()


def _answer(request: Request) -> Iterator[str]:
    served = request.served
    yield one_line(f"{served.interface}: {served.outcome}, confidence {served.confidence:.3f}")
    for call in served.calls:
        yield one_line(f"call {call.get('name')} {to_json(call.get('arguments'))}")
    if served.reason:
        yield one_line(f"abstained: {served.reason}")
