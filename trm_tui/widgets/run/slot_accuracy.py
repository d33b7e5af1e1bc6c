"""SlotAccuracy: presence and value accuracy of each slot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from trm_engine.printable import one_line
from trm_engine.runs.schema.evaluation import Slot, Slots
from trm_tui.text.figures import (
    DOWN,
    MARKS,
    UP,
    bar,
    change,
    clip_middle,
    grade,
    share_text,
)
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.rows import Line, RowsView

ALL = "all slots"
NO_SLOTS = "This model has no slots"
LEAST_NAME, MOST_NAME = 8, 36
DIRECTIONS = {UP: "good", DOWN: "poor"}


class SlotAccuracy(RowsView, AwaitsEvaluation):
    """One row for each slot: accuracy of presence and accuracy of the value."""

    BORDER_TITLE = "Slot accuracy"

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._slots: Slots | None = None
        self._previous: Slots | None = None
        self._names: list[str] = []

    def show(self, slots: Slots | None, previous: Slots | None = None) -> None:
        """Show the slots of an evaluation, compared with those of the previous one."""
        self._slots, self._previous = slots, previous
        self._names = list(_per_slot(slots))
        self.wait(self.EMPTY)
        self.invalidate()

    def wait(self, text: str) -> None:
        """Say what the pane waits for; nothing, if there are no slots to judge."""
        super().wait(NO_SLOTS if self._slots and not self._names else text)

    def row_count(self) -> int:
        """One row for each slot."""
        return len(self._names)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep name, presence, direction and value."""
        longest = max(cell_len(one_line(name)) for name in [ALL, *self._names])
        most = min(longest, MOST_NAME)
        return [
            Column("mark", "", 1),
            Column("name", "slot", LEAST_NAME, most=most, left=True),
            Column("presence", "presence", 5, most=8),
            Column("bar", "", 4, rank=3, most=24, left=True),
            Column("arrow", "", 1, rank=2),
            Column("change", "change", 6, rank=5, left=True),
            Column("value", "value", 5, rank=1, gap=2),
            Column("value mark", "", 1, rank=4),
            Column("value bar", "", 8, rank=7, most=24, left=True),
            Column("filled", "filled", 7, rank=6, gap=2),
        ]

    def head(self, layout: Layout) -> list[Line]:
        """The headings, and the average over all slots."""
        filled = self._slots.values if self._slots else None
        overall = self._cells(ALL, self._slots, self._previous, filled, layout)
        return [*super().head(layout), layout.line({**overall, "name": (ALL, "strong")})]

    def head_height(self) -> int:
        """Two lines."""
        return 2

    def foot_height(self) -> int:
        """One line if there is room below the slots."""
        room = self.scrollable_content_region.height - self.head_height() - len(self._names)
        return 1 if room > 0 else 0

    def foot(self, width: int, height: int) -> list[Line]:
        """The share of samples in which the presence of all slots is right."""
        all_right = share_text(self._slots.all_right if self._slots else None)
        return [[(f"every slot right in {all_right} of the samples", "none")]] if height else []

    def cells(self, row: int, layout: Layout) -> Cells:
        """One slot."""
        name = self._names[row]
        now, before = _per_slot(self._slots)[name], _per_slot(self._previous).get(name)
        return self._cells(name, now, before, now.filled, layout)

    def _cells(
        self,
        name: str,
        now: Slots | Slot | None,
        before: Slots | Slot | None,
        filled: int | None,
        layout: Layout,
    ) -> Cells:
        presence, value = (now.accuracy, now.value_accuracy) if now else (None, None)
        arrow, difference = change(presence, before.accuracy if before else None)
        look, value_look = grade(presence), grade(value)
        direction = DIRECTIONS.get(arrow, "none")
        return {
            "mark": (MARKS[look], look),
            "name": (clip_middle(one_line(name), layout["name"]), ""),
            "presence": (share_text(presence), look),
            "bar": (bar(presence, layout["bar"]), look),
            "arrow": (arrow, direction),
            "change": (difference, direction),
            "value": (share_text(value), value_look),
            "value mark": (MARKS[value_look], value_look),
            "value bar": (bar(value, layout["value bar"]), value_look),
            "filled": ("" if filled is None else f"{filled:,}", "none"),
        }


def _per_slot(slots: Slots | None) -> Mapping[str, Slot]:
    return (slots and slots.per_slot) or {}
