"""JudgedList: the judged samples of an evaluation, with filter, order and search."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.cells import cell_len
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import JUDGED, bindings
from trm_tui.store.judged import (
    ALL,
    CONFIDENT,
    FILE,
    KINDS,
    LOSS,
    ONLY_OTHER,
    ONLY_THIS,
    ORDERS,
    RIGHT,
    UNSURE,
    WRONG,
    Judged,
    JudgedSamples,
    View,
)
from trm_tui.text import figures
from trm_tui.text.figures import loss_text, share_text
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.selecting import SelectingList, SelectingRows

ANSWER = "answer"
NO_TOOL = "no tool"
SHORT = {"slot presence": "slots", "slot value": "values", "arguments": "args"}
"""Short names of the parts of an answer, for a column."""

KIND_NAMES = {
    **{kind: f"{kind} wrong" for kind in KINDS},
    WRONG: "wrong",
    RIGHT: "right",
    ALL: "all",
    ONLY_THIS: "only this model right",
    ONLY_OTHER: "only the other model right",
}
ORDER_NAMES = {
    LOSS: "highest loss first",
    CONFIDENT: "most confident first",
    UNSURE: "least confident first",
    FILE: "in file order",
}
EMPTY = "No sample judged yet"
LEAST_NAME, MOST_NAME = 8, 28
LEAST_WRONG, MOST_WRONG = 8, 20
WHOLE_TEXT = 220


class JudgedRows(SelectingRows):
    """One row for each sample. The cursor stays on its sample when the rows change."""

    EMPTY = EMPTY

    def __init__(self) -> None:
        super().__init__()
        self._samples = JudgedSamples()
        self.view: View = np.empty(0, np.intp)
        self._was_moved = False

    @property
    def selected(self) -> Judged | None:
        """The sample under the cursor; None if there is none."""
        return self._samples[int(self.view[self._cursor])] if len(self.view) else None

    def show(
        self, samples: JudgedSamples, view: View, from_top: bool = False, empty: str = EMPTY
    ) -> None:
        """Show some samples, or the text ``empty`` if none is judged yet.

        The cursor stays on its sample if it is still shown. With ``from_top`` it goes to the first
        row, and stays there until the user moves it.
        """
        selected = self.selected
        self._was_moved = self._was_moved and not from_top
        self._samples, self.view = samples, view
        self.EMPTY = "No such sample" if len(samples) else empty
        self._cursor = self._place_of(selected) if self._was_moved and selected else 0
        self.invalidate()
        self.show_cursor()
        if self.selected and (selected is None or selected.line != self.selected.line):
            self.post_message(self.Moved())

    def row_count(self) -> int:
        """One row for each sample."""
        return len(self.view)

    def columns(self) -> Sequence[Column]:
        """Narrow panes keep line, truth, prediction and wrong parts."""
        names = [ANSWER, *map(one_line, self._samples.tools)]
        name = min(max(map(cell_len, names)), MOST_NAME)
        line = max(len(str(self._samples.last_line(self.view))), 4)
        return [
            Column("mark", "", 1),
            Column("line", "line", line),
            Column("truth", "truth", LEAST_NAME, rank=2, most=name, gap=2, left=True),
            Column("predicted", "model", LEAST_NAME, rank=2, most=name, left=True),
            Column("wrong", "wrong", LEAST_WRONG, rank=3, most=MOST_WRONG, gap=2, left=True),
            Column("confidence", "conf.", 5, rank=5, gap=2),
            Column("loss", "loss", 6, rank=4),
            Column("text", "last turn", 18, rank=6, most=WHOLE_TEXT, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One sample."""
        sample = self._samples[int(self.view[row])]
        look = "poor" if sample.wrong else "good"
        truth, predicted = _name(sample.truth), _name(sample.predicted)
        return {
            "mark": (figures.WRONG if sample.wrong else figures.RIGHT, look),
            "line": (str(sample.line), "none"),
            "truth": (truth, ""),
            "predicted": (predicted, "" if truth == predicted else look),
            "wrong": (short_names(sample.wrong), look),
            "confidence": (share_text(sample.confidence), ""),
            "loss": (loss_text(sample.loss), ""),
            "text": (one_line(sample.text), "none"),
        }

    def put_cursor(self, row: int) -> None:
        """Select a sample."""
        self._was_moved = True
        super().put_cursor(row)

    def _place_of(self, sample: Judged) -> int:
        """The row of a sample; if it is not shown, the cursor's row."""
        row = self._samples.place_of(sample.line, self.view)
        return min(self._cursor, max(len(self.view) - 1, 0)) if row is None else row


class JudgedList(SelectingList[JudgedRows]):
    """Judged samples. At first it shows the wrong ones, by loss."""

    BORDER_TITLE = "Samples"
    DEFAULT_CSS = "JudgedList { height: 1fr; }"
    BINDINGS = bindings(JUDGED)

    class Selected(SelectingList.Selected):
        """The cursor is on another sample."""

    class Opened(SelectingList.Opened):
        """Request to open the conversation of the selected sample."""

    @dataclass
    class ExportRequested(Message):
        """Request to export the samples on these lines, which are of a ``kind``."""

        lines: list[int]
        kind: str

    def __init__(self, **options: Any) -> None:
        super().__init__(JudgedRows(), "words of a text or a tool", **options)
        self._samples = JudgedSamples()
        self._empty = EMPTY
        self._kind, self._order = WRONG, LOSS

    def show(self, samples: JudgedSamples, empty: str = "") -> None:
        """Show samples, or update them. Filter, order and cursor stay.

        ``empty`` is the text while no sample is judged.
        """
        self._samples, self._empty = samples, empty or EMPTY
        self._refilter()

    def narrow(self, words: str) -> None:
        """Show only samples with these words."""
        self._refilter(from_top=True)

    # Keys -------------------------------------------------------------------------------------

    def action_kind(self, direction: int) -> None:
        """Show the next (1) or the previous (-1) kind that has samples."""
        kinds, counts = self._samples.kinds, self._samples.counts()
        at = kinds.index(self._kind) if self._kind in kinds else 0
        following = (kinds[(at + direction * by) % len(kinds)] for by in range(1, len(kinds) + 1))
        self._kind = next((kind for kind in following if counts[kind]), WRONG)
        self._refilter(from_top=True)

    def action_order(self) -> None:
        """Cycle through the orders: by loss, by confidence, as in the file."""
        self._order = ORDERS[(ORDERS.index(self._order) + 1) % len(ORDERS)]
        self._refilter(from_top=True)

    def action_export(self) -> None:
        """Request to export the listed samples, in their order."""
        if lines := self._samples.lines(self._rows.view):
            self.post_message(self.ExportRequested(lines, self._kind))

    def _refilter(self, from_top: bool = False) -> None:
        if self._kind not in self._samples.kinds:
            self._kind = WRONG
        view = self._samples.view(self._kind, self._order, self.words)
        self._rows.show(self._samples, view, from_top, self._empty)
        self.border_subtitle = Content(" · ".join(self._subtitle(len(view))))

    def _subtitle(self, shown: int) -> Iterator[str]:
        if len(self._samples):
            of = "" if self._kind == ALL and not self.words else f" of {len(self._samples):,}"
            yield f"{KIND_NAMES[self._kind]}: {shown:,}{of}"
            yield ORDER_NAMES[self._order]


def short_names(wrong: Sequence[str]) -> str:
    """The wrong parts of an answer, abbreviated."""
    return one_line(" ".join(SHORT.get(part, part) for part in wrong))


def _name(tool: str | None) -> str:
    return ANSWER if tool is None else one_line(tool) or NO_TOOL
