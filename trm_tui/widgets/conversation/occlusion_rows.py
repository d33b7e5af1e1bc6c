"""OcclusionRows: how the answer changes when a turn is left out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import OCCLUSION, bindings
from trm_tui.store.draft import Draft
from trm_tui.store.occlusion import Occlusion, WithoutTurn
from trm_tui.text.figures import share_text
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import CursorRows

ASK = "Press w to measure the effect of each turn"
ASKING = "Measuring the effect of each turn…"
CHANGED = "The conversation has changed. Press w to measure again."
ONLY_TURN = "The only turn of a conversation cannot be left out"
LARGE = 0.1
"""Changes of P(call) from this on are coloured."""


class OcclusionRows(CursorRows):
    """One row per turn: P(call) without it, the change, and other changes of the answer."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Why: leaving turns out"
    BINDINGS = bindings(OCCLUSION)
    EMPTY = ASK

    @dataclass
    class Chosen(Message):
        """The user wants the turn at ``place``."""

        place: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._results: Sequence[WithoutTurn] = ()
        self._draft = Draft()

    def show(self, occlusion: Occlusion | None, draft: Draft, status: str = ASK) -> None:
        """Show the results so far for a draft. None shows ``status`` instead."""
        self._results = list(occlusion.results) if occlusion else ()
        self._draft = draft
        self._cursor = min(self._cursor, max(len(self._results) - 1, 0))
        self.EMPTY = status
        base = occlusion.base if occlusion else None
        tool = f", {one_line(base.tool)}" if base and base.tool else ""
        share = base.prediction.decision_probability if base else 0.0
        whole = f"all turns: P(call) {share:.3f}{tool}" if base else ""
        self.border_subtitle = Content(whole)
        self.invalidate()

    def row_count(self) -> int:
        """One row per turn."""
        return len(self._results)

    def columns(self) -> Sequence[Column]:
        """The columns. Narrow panes keep turn, change and what changes."""
        return [
            Column("turn", "turn", 4),
            Column("role", "left out", 9, rank=3, most=13, left=True),
            Column("probability", "P(call)", 7, rank=2),
            Column("change", "change", 7),
            Column("changes", "what changes", 12, rank=1, most=48, gap=2, left=True),
            Column("text", "text", 16, rank=4, most=120, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """The cells of one turn."""
        result = self._results[row]
        turn = self._draft.turns[result.place]
        look = "none" if abs(result.change) < LARGE else "good" if result.change > 0 else "poor"
        return {
            "turn": (str(result.place + 1), "none"),
            "role": (turn.role, ""),
            "probability": (share_text(result.probability), ""),
            "change": (f"{result.change:+.3f}", look),
            "changes": (one_line(", ".join(result.changes)), "strong"),
            "text": (one_line(turn.shown[:400]), "none"),
        }

    def action_choose(self) -> None:
        """Go to the turn."""
        if self._results:
            self.post_message(self.Chosen(self._results[self._cursor].place))
