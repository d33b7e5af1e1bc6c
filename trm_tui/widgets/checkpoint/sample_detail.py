"""SampleDetail: one judged sample, its marked texts, and the model's answer at each step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import Answer
from trm_engine.wording import counted
from trm_tui.keys import DETAIL, bindings
from trm_tui.store.step_answer import marks
from trm_tui.text.figures import RIGHT, WRONG
from trm_tui.widgets.conversation.marked import MarkedConversation
from trm_tui.widgets.conversation.step_answer import StepAnswer, wrong_words
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys

Record = Mapping[str, Any]

WIDE = 120
"""From this width on, text and answer are side by side."""


class SampleDetail(ScrollKeys):
    """A sample of the data file, and the answer to a ``predict`` request about it.

    They are side by side if there is room, otherwise the answer is below the text.
    """

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Sample"
    BINDINGS = bindings(DETAIL)
    DEFAULT_CSS = """
    SampleDetail {
        height: 1fr;
        & #both { height: 1fr; scrollbar-gutter: auto; padding-right: 1; }
        & #text, & #answer { height: auto; overflow-y: hidden; scrollbar-gutter: auto; }
        & #answer { margin-top: 1; }
        &.-side-by-side #both { layout: horizontal; overflow-y: hidden; }
        &.-side-by-side #text { width: 1fr; height: 1fr; overflow-y: auto; margin-right: 2; }
        &.-side-by-side #answer { width: 1fr; height: 1fr; overflow-y: auto; margin-top: 0; }
    }
    """

    @dataclass
    class Moved(Message):
        """Request to show the sample that is ``rows`` further down the list."""

        rows: int

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._sample: Record | None = None
        self._answered: Answer | None = None
        self._title = ""
        self._step: int | None = None
        self._left_at: float | None = None
        self._text = MarkedConversation()
        self._answer = StepAnswer()

    def compose(self) -> ComposeResult:
        with Scroller(id="both"):
            with Scroller(id="text"):
                yield self._text
            with Scroller(id="answer"):
                yield self._answer

    def on_mount(self) -> None:
        self._arrange()
        self._refresh()

    def on_resize(self, event: events.Resize) -> None:
        """Choose the layout for the new width."""
        self._arrange()

    # What is shown ----------------------------------------------------------------------------

    def show(self, sample: Record | None, answer: Answer | None = None, name: str = "") -> None:
        """Show a sample (None for none), scrolled to its last turn. ``name`` is for the title.

        When the answer arrives, call this again with the same sample. The pane then scrolls to
        show the answer, unless the user has scrolled.
        """
        is_other = sample != self._sample
        is_answered = answer is not None and self._answered is None
        scrolls = is_other or (is_answered and not self._was_scrolled())
        self._sample, self._answered, self._title = sample, answer, name
        self._refresh()
        if is_other:
            self._left_at = None
        if scrolls and self.is_mounted:
            self.call_after_refresh(self._show_newest)

    @property
    def step(self) -> int:
        """The shown supervision step, from 0; by default the last one."""
        last = len(self._answered.steps) - 1 if self._answered else 0
        return last if self._step is None else min(self._step, last)

    def scrolled(self) -> Widget:
        """The widget that the keys scroll: everything, or the focused side."""
        if not self.has_class("-side-by-side"):
            return self.query_one("#both")
        answer = self.query_one("#answer")
        return answer if answer.has_focus else self.query_one("#text")

    # Keys -------------------------------------------------------------------------------------

    def action_sample(self, rows: int) -> None:
        """Request the next sample (1) or the previous one (-1)."""
        self.post_message(self.Moved(rows))

    def action_move_step(self, steps: int) -> None:
        """Show another supervision step."""
        if self._answered:
            last = len(self._answered.steps) - 1
            chosen = min(max(self.step + steps, 0), last)
            self._step = None if chosen == last else chosen
            self._refresh()

    # Parts ------------------------------------------------------------------------------------

    def _refresh(self) -> None:
        answer = self._answered
        marked = list(marks(answer, answer.steps[self.step])) if answer else []
        self._text.show(self._sample, marked, _warnings(answer))
        self._answer.show(answer, self.step)
        self._answer.display = self._sample is not None
        self.border_title = Content(" · ".join(filter(None, ("Sample", one_line(self._title)))))
        self.border_subtitle = Content(self._subtitle())

    def _subtitle(self) -> str:
        if not self._answered:
            return ""
        count = len(self._answered.steps)
        words = [f"step {self.step + 1} of {count}"] if count > 1 else []
        if self._answered.truth is not None:
            wrong = wrong_words(self._answered, self.step)
            words.append(f"{WRONG} {wrong}" if wrong else f"{RIGHT} right")
        return ": ".join(words)

    def _arrange(self) -> None:
        """Set the layout. Only the widgets that scroll can take the focus."""
        is_wide = self.size.width >= WIDE
        self.set_class(is_wide, "-side-by-side")
        had_focus = self.has_focus_within
        for name, scrolls in (("#both", not is_wide), ("#text", is_wide), ("#answer", is_wide)):
            self.query_one(name).can_focus = scrolls
        if had_focus:
            self.scrolled().focus()

    def _show_newest(self) -> None:
        """Scroll to the last turn, with as much of the answer below as fits."""
        scrolled = self.scrolled()
        scrolled.scroll_to(y=self._text.last_turn(), animate=False, on_complete=self._note_place)
        self.query_one("#answer").scroll_to(y=0, animate=False)

    def _note_place(self) -> None:
        self._left_at = self.scrolled().scroll_y

    def _was_scrolled(self) -> bool:
        return self._left_at is not None and self._left_at != self.scrolled().scroll_y


def _warnings(answer: Answer | None) -> str:
    """Warnings about parts of the sample that the model cannot see, one per line."""
    if not answer:
        return ""
    lines = []
    tokenization = answer.tokenization
    if dropped := tokenization.dropped_tokens:
        most = tokenization.max_length
        lines.append(
            f"The model does not see {counted(dropped, 'token')} (dim): it reads {most:,} at most."
        )
    if cut := tokenization.cut_tokens:
        lines.append(f"The model does not see {counted(cut, 'token')} of long tool turns (dim).")
    if new := answer.new_tools:
        lines.append(f"New to the model: {one_line(', '.join(new))}.")
    return "\n".join(lines)
