"""OcclusionRows: what the answer would be without each turn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import OCCLUSION, ROWS, bindings
from trm_tui.store.draft import Draft
from trm_tui.store.occlusion import Left, Occlusion
from trm_tui.text.figures import share_text
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows

ASK = "w asks what each turn does to the answer"
ASKING = "Asking what each turn does …"
CHANGED = "The conversation is another one now: w asks again"
ONLY_TURN = "A conversation's only turn cannot be left out"
LARGE = 0.1
"""A change of P(call) that is pointed out."""


class OcclusionRows(CursorRows):
    """A row a turn: P(call) without it, what that changes, the tool, what else is another."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Why: leaving turns out"
    BINDINGS = [*bindings(OCCLUSION), *bindings(ROWS)]
    EMPTY = ASK

    @dataclass
    class Chosen(Message):
        """The turn at ``place`` shall be looked at."""

        place: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._left: Sequence[Left] = ()
        self._draft = Draft()
        self._cursor = 0

    def show(self, occlusion: Occlusion | None, draft: Draft, standing: str = ASK) -> None:
        """Show what is known so far about a draft; None for nothing, ``standing`` says why."""
        self._left = list(occlusion.left) if occlusion else ()
        self._draft = draft
        self._cursor = min(self._cursor, max(len(self._left) - 1, 0))
        self.EMPTY = standing
        base = occlusion.base if occlusion else None
        tool = f", {one_line(str(base['tool']))}" if base and base["tool"] else ""
        whole = f"all turns: P(call) {base['decision_probability']:.3f}{tool}" if base else ""
        self.border_subtitle = Content(whole)
        self.outdate()

    def row_count(self) -> int:
        """One row a turn."""
        return len(self._left)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep turn, change and what else is another."""
        return [
            Column("turn", "turn", 4),
            Column("role", "left out", 9, rank=3, most=13, left=True),
            Column("probability", "P(call)", 7, rank=2),
            Column("change", "change", 7),
            Column("changes", "what changes", 12, rank=1, most=48, gap=2, left=True),
            Column("text", "text", 16, rank=4, most=120, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One turn."""
        left = self._left[row]
        turn = self._draft.turns[left.place]
        look = "none" if abs(left.change) < LARGE else "good" if left.change > 0 else "poor"
        return {
            "turn": (str(left.place + 1), "none"),
            "role": (turn.role, ""),
            "probability": (share_text(left.probability), ""),
            "change": (f"{left.change:+.3f}", look),
            "changes": (one_line(", ".join(left.changes)), "strong"),
            "text": (one_line(turn.shown[:400]), "none"),
        }

    def cursor(self) -> int:
        """The selected row."""
        return self._cursor

    def put_cursor(self, row: int) -> None:
        """Select a row."""
        before, self._cursor = self._cursor, row
        self.outdate_rows([before, row])

    def action_choose(self) -> None:
        """To the turn."""
        if self._left:
            self.post_message(self.Chosen(self._left[self._cursor].place))
