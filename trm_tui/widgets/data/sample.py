"""SamplePane: one sample of a data file: what is wrong with it, its turns and its label."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.text import Text
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line, printable
from trm_tui.keys import VIEWED, bindings
from trm_tui.store.placed_values import placed_values
from trm_tui.store.step_answer import Mark
from trm_tui.text.figures import WRONG
from trm_tui.widgets.conversation.marked import INDENT, MarkedConversation
from trm_tui.widgets.conversation.sample import truth
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys

Record = Mapping[str, Any]

LONGEST_VALUE = 80
NAME_WIDTH = 10
LEGEND = "underlined: values of the label"


class LabelledConversation(MarkedConversation):
    """A conversation with its label below it."""

    def _paragraphs(self) -> Iterator[tuple[int, Text]]:
        yield from super()._paragraphs()
        if self._sample is None:
            return
        for paragraph in truth(self._sample):
            if paragraph.look == "heading":
                yield 0, Text(paragraph.text, self.look("marked--heading"))
            else:
                name = paragraph.lead.strip().ljust(NAME_WIDTH)
                yield INDENT, Text(name + printable(paragraph.text))

    def _legend(self) -> Text:
        return Text(LEGEND, self.look("marked--faint"))


class SamplePane(ScrollKeys):
    """Shows a sample, or the one that it is compared with."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Sample"
    BINDINGS = bindings(VIEWED)
    DEFAULT_CSS = """
    SamplePane {
        height: 1fr;
        & MarkedConversation > .marked--true { color: $good; text-style: bold underline; }
    }
    """

    @dataclass
    class Moved(Message):
        """Request to show the sample that is ``rows`` further down the list."""

        rows: int

    class Swapped(Message):
        """Request to show the sample that this one is compared with, or to go back to it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._text = LabelledConversation()
        self._sample: Record | None = None
        self.has_partner = False

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._text

    def show(
        self,
        sample: Record | None,
        name: str = "",
        notes: Sequence[str] = (),
        has_partner: bool = False,
        choices: frozenset[str] = frozenset(),
    ) -> None:
        """Show a sample from its start; None for none.

        ``name`` is for the title, ``notes`` stand above. ``choices`` are the fields whose values
        need not be said.
        """
        is_other = sample is not self._sample
        self._sample, self.has_partner = sample, has_partner
        marks: list[Mark] = []
        lines = list(map(one_line, notes))
        if sample is not None:
            placed = placed_values(sample)
            marks = placed.marks
            lines += [
                f"{WRONG} {one_line(field)} stands nowhere: {one_line(value)[:LONGEST_VALUE]}"
                for field, value in placed.nowhere
                if field not in choices
            ]
        self._text.show(sample, marks, "\n".join(lines))
        self.border_title = Content(" · ".join(filter(None, ("Sample", one_line(name)))))
        self.refresh_bindings()
        if is_other:
            self.action_first()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only some samples are compared with another one."""
        return self.has_partner if action == "swap" else True

    def action_sample(self, rows: int) -> None:
        """Request the next sample (1) or the previous one (-1)."""
        self.post_message(self.Moved(rows))

    def action_swap(self) -> None:
        """Request the other sample."""
        self.post_message(self.Swapped())
