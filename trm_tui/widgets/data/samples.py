"""SampleList: the samples behind a figure or a problem, with a filter by note and a search."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import SAMPLES_BEHIND, bindings
from trm_tui.store.listing import Listed, Listing, Rows, empty
from trm_tui.widgets.conversation.sample import last_user_text
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.selecting import SelectingList, SelectingRows

Load = Callable[[int], Mapping[str, Any] | None]
"""Reads a sample by its row in the file; None if it cannot be read."""

Line = Callable[[int], int]
"""The line of a row."""

UNREADABLE = "cannot be read: the file has changed"
ANSWER = "answer"
WHOLE_TEXT = 200


class ListedRows(SelectingRows):
    """One row for each entry of a listing. Texts are read when they become visible."""

    EMPTY = ""

    def __init__(self, load: Load, line: Line) -> None:
        super().__init__()
        self._load, self._line = load, line
        self._listing = empty()
        self._places: Rows = np.empty(0, np.int64)

    @property
    def selected(self) -> Listed | None:
        """The entry under the cursor."""
        return self._listing[int(self._places[self._cursor])] if len(self._places) else None

    def show(self, listing: Listing, places: Rows, from_top: bool = True) -> None:
        """Show the entries of a listing at some places."""
        self._listing, self._places, self.EMPTY = listing, places, "No sample"
        self._cursor = 0 if from_top else min(self._cursor, max(len(places) - 1, 0))
        self.invalidate()
        self.show_cursor()
        self.post_message(self.Moved())

    def row_count(self) -> int:
        """The number of entries shown."""
        return len(self._places)

    def columns(self) -> Sequence[Column]:
        """Line, answer, how alike, note, text."""
        last = int(self._listing.rows.max()) if len(self._listing) else 0
        alike = [Column("alike", "alike", 6, rank=2)] if self._listing.has_partners else []
        has_notes = len(self._listing.counts()) > 1
        note = [Column("note", "note", 16, rank=4, most=48, gap=2, left=True)] if has_notes else []
        return [
            Column("line", "line", max(len(str(last + 1)), 4)),
            Column("answer", "answer", 8, rank=1, most=16, gap=2, left=True),
            *alike,
            *note,
            Column("text", "last user turn", 18, rank=3, most=WHOLE_TEXT, gap=2, left=True),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One entry."""
        listed = self._listing[int(self._places[row])]
        sample = self._load(listed.row)
        text = UNREADABLE if sample is None else last_user_text(sample)
        return {
            "line": (str(self._line(listed.row)), "none"),
            "answer": (_answer(sample or {}), ""),
            "alike": (f"{listed.alike:.0%}" if listed.partner >= 0 else "", ""),
            "note": (one_line(listed.note), ""),
            "text": (text, "none" if sample else "poor"),
        }


class SampleList(SelectingList[ListedRows]):
    """The samples of a listing."""

    BORDER_TITLE = "Samples"
    DEFAULT_CSS = "SampleList { height: 1fr; }"
    BINDINGS = bindings(SAMPLES_BEHIND)

    class Selected(SelectingList.Selected):
        """The cursor is on another sample."""

    class Opened(SelectingList.Opened):
        """Request to read the selected sample."""

    class Left(Message):
        """Request to go back to the figures or problems."""

    @dataclass
    class Searched(Message):
        """Request to find the ``places`` whose samples have these words."""

        places: Rows
        words: str

    @dataclass
    class ExportRequested(Message):
        """Request to write the samples of these rows."""

        rows: list[int]

    def __init__(self, load: Load, line: Line, **options: Any) -> None:
        super().__init__(ListedRows(load, line), "words of a conversation, tool or slot", **options)
        self.listing = empty()
        self._note: str | None = None
        self._shown: Rows = self.listing.places()
        self._progress = 1.0

    def show(self, listing: Listing) -> None:
        """Show the samples of another figure or problem. A search goes on."""
        self.listing, self._note = listing, None
        self.narrow(self.words)

    def narrow(self, words: str) -> None:
        """Show only samples with these words; they are looked for elsewhere."""
        places = self.listing.places(self._note)
        if words.strip():
            self._shown, self._progress = places[:0], 0.0
            self.post_message(self.Searched(places, words))
        else:
            self._shown, self._progress = places, 1.0
            self.post_message(self.Searched(places[:0], ""))
        self._refresh()

    def found(self, places: Rows, progress: float) -> None:
        """Show more places that a search found."""
        if len(places):
            self._shown = np.concatenate([self._shown, places])
        self._progress = progress
        self._refresh(from_top=False)

    # Keys -------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a search, escape goes back."""
        if action == "leave":
            return not self.search.is_open
        if action == "note":
            return len(self.listing.counts()) > 1
        return super().check_action(action, parameters)

    def action_note(self, direction: int) -> None:
        """Show only samples with the next note (1) or the previous one (-1), or all."""
        notes: list[str | None] = [None, *(note for note, _ in self.listing.counts())]
        self._note = notes[(notes.index(self._note) + direction) % len(notes)]
        self.narrow(self.words)

    def action_leave(self) -> None:
        """Request to go back."""
        self.post_message(self.Left())

    def action_export(self) -> None:
        """Request to write the listed samples, each once."""
        if len(self._shown):
            rows = np.unique(self.listing.rows[self._shown]).tolist()
            self.post_message(self.ExportRequested(rows))

    def _refresh(self, from_top: bool = True) -> None:
        self._rows.show(self.listing, self._shown, from_top)
        title = " · ".join(filter(None, ("Samples", one_line(self.listing.title))))
        self.border_title = Content(title)
        self.border_subtitle = Content(self._subtitle())
        self.refresh_bindings()

    def _subtitle(self) -> str:
        parts = [f"{len(self._shown):,}"]
        if len(self._shown) < len(self.listing):
            parts[0] += f" of {len(self.listing):,}"
        if self._note is not None:
            parts.append(one_line(self._note))
        elif len(counts := self.listing.counts()) > 1:
            parts.append(f"{len(counts)} notes")
        if self._progress < 1:
            parts.append(f"searching {self._progress:.0%}")
        return " · ".join(parts)


def _answer(sample: Mapping[str, Any]) -> str:
    """The tool that is called, or "answer"."""
    tool = sample.get("tool")
    name = tool.get("name") if isinstance(tool, dict) else None
    return one_line(str(name)) if name else ANSWER
