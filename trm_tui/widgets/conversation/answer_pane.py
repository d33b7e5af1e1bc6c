"""AnswerPane: what one model thinks of the conversation, at the supervision step looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_tui.keys import ANSWER, ROWS, bindings
from trm_tui.widgets.chart.step_curve import StepCurve
from trm_tui.widgets.conversation.answer_json import AnswerJson
from trm_tui.widgets.conversation.step_answer import StepAnswer
from trm_tui.widgets.conversation.tool_ranking import ToolRanking
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys

Record = Mapping[str, Any]


class AnswerPane(ScrollKeys):
    """The answer to a ``predict`` request, from above: steps, call, values, tools."""

    ALLOW_MAXIMIZE = True
    BINDINGS = [*bindings(ANSWER), *bindings(ROWS)]
    DEFAULT_CSS = """
    AnswerPane {
        height: 1fr;
        & StepAnswer, & AnswerJson { margin-bottom: 1; }
        &.-unanswered StepCurve, &.-unanswered StepAnswer { display: none; }
    }
    """

    @dataclass
    class StepMoved(Message):
        """Another supervision step, so many further on, shall be looked at."""

        steps: int

    def __init__(self, title: str, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = Content(title)
        self._curve = StepCurve()
        self._call = AnswerJson()
        self._answer = StepAnswer(all_slots=True)
        self._tools = ToolRanking()

    def compose(self) -> ComposeResult:
        """All parts below each other."""
        with Scroller():
            yield self._curve
            yield self._answer
            yield self._call
            yield self._tools

    def show(self, prediction: Record | None, step: int, standing: str = "") -> None:
        """Show an answer at a step, from 0; None for none. ``standing`` is for the border."""
        at = prediction["steps"][step] if prediction else None
        self.set_class(prediction is None, "-unanswered")
        self._curve.show(prediction, step)
        self._answer.show(prediction, step)
        self._call.show(at)
        self._tools.show(at)
        count = f"step {step + 1} of {len(prediction['steps'])}" if prediction else ""
        words = filter(None, (count, one_line(standing)))
        self.border_subtitle = Content(" · ".join(words))

    def action_move_step(self, steps: int) -> None:
        """Look at another step."""
        self.post_message(self.StepMoved(steps))
