"""SuspectList: the labels that are probably wrong, the surest first, and what was decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from textual.content import Content

from trm_engine.data.values import value_text
from trm_engine.label_errors.corrections import Decision
from trm_engine.label_errors.review import Review, label_of
from trm_engine.label_errors.suspect import Suspect
from trm_engine.printable import one_line
from trm_tui.keys import SUSPECTS, bindings
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.selecting import SelectingList, SelectingRows, having

READING = "reading…"
NO_SEARCH = "Find them with data errors FILE, then open the file again"
NONE = "No label is suspected"
NO_VALUE = "–"
DROPPED_WITH = "dropped"
"""What stands in the rows of the other labels of a sample that is dropped."""

LONGEST = 200


class SuspectRows(SelectingRows):
    """One row a suspect."""

    EMPTY = READING

    def __init__(self) -> None:
        super().__init__()
        self._review: Review | None = None

    def show(self, review: Review | None, suspects: Sequence[Suspect], empty: str) -> None:
        """Show some suspects of a review."""
        self._review = review
        self.put(suspects, empty)

    def columns(self) -> Sequence[Column]:
        """Decision, score, label, given, the model's, line."""
        last = max((each.line for each in self._items), default=0)
        return [
            Column("decision", "decision", 8, most=12, left=True),
            Column("score", "score", 5, rank=2),
            Column("label", "label", 10, most=28, gap=2, left=True),
            Column("given", "given", 8, most=32, gap=2, left=True),
            Column("predicted", "model's", 8, most=32, gap=2, left=True),
            Column("line", "line", max(len(str(last)), 4), rank=1),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One suspect."""
        suspect = self._items[row]
        decision = self._review.decision(suspect) if self._review else None
        return {
            "decision": decided(suspect, decision),
            "score": (f"{suspect.score:.2f}", "none"),
            "label": (name_of(suspect), ""),
            "given": (_shown(suspect.given), ""),
            "predicted": (_shown(suspect.predicted), ""),
            "line": (str(suspect.line), "none"),
        }


class SuspectList(SelectingList[SuspectRows]):
    """The suspects of a review, with a search."""

    BORDER_TITLE = "Suspected labels"
    DEFAULT_CSS = "SuspectList { height: 1fr; }"
    BINDINGS = bindings(SUSPECTS)

    class Selected(SelectingList.Selected):
        """The cursor is on another suspect."""

    class Opened(SelectingList.Opened):
        """Request to read the sample of the selected suspect."""

    def __init__(self, **options: Any) -> None:
        super().__init__(SuspectRows(), "kind, field, label or decision", **options)
        self._review: Review | None = None

    def show(self, review: Review | None) -> None:
        """Show the suspects of a review; None says how to find some."""
        self._review = review
        self.narrow(self.words)

    def say(self, status: str) -> None:
        """Show a status while the file is read."""
        self._rows.show(None, [], status)

    def narrow(self, words: str) -> None:
        """Show only suspects with these words."""
        shown = having(words, self._review.suspects if self._review else [], self._text)
        empty = NONE if self._review else NO_SEARCH
        self._rows.show(self._review, shown, "No such label" if words else empty)
        self.changed()

    def changed(self) -> None:
        """Show the decisions again, and the sample with its own."""
        self._rows.invalidate()
        self.post_message(self.Selected(self, self.selected))
        if self._review:
            whole = len(self._review.suspects)
            self.border_subtitle = Content(f"{self._review.decided():,} of {whole:,} decided")

    def _text(self, suspect: Suspect) -> str:
        decision = self._review.decision(suspect) if self._review else None
        values = (_shown(suspect.given), _shown(suspect.predicted))
        return " ".join((name_of(suspect), *values, decided(suspect, decision)[0])).casefold()


def name_of(suspect: Suspect) -> str:
    """The kind of a label, and its field."""
    return one_line(f"{suspect.kind} {suspect.field}".strip())


def decided(suspect: Suspect, decision: Decision | None) -> tuple[str, str]:
    """What is to become of a label, and how it looks."""
    if decision is None:
        return "", ""
    if decision.label != label_of(suspect):
        return DROPPED_WITH, "none"
    looks = {"keep": "good", "take": "fair", "edit": "fair", "drop": "poor"}
    value = f": {_shown(decision.value)}" if decision.action == "edit" else ""
    return decision.action + value, looks[decision.action]


def difference(suspect: Suspect) -> str:
    """What the models think of a label."""
    values = (_shown(suspect.predicted), _shown(suspect.given))
    return f"{name_of(suspect)}: rather {values[0]} than {values[1]}"


def _shown(value: Any) -> str:
    return one_line(value_text(value))[:LONGEST] or NO_VALUE
