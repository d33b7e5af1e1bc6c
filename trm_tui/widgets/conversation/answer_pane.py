"""AnswerPane: one model's answer at the selected supervision step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message

from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import Answer
from trm_tui.keys import ANSWER, bindings
from trm_tui.widgets.chart.step_curve import StepCurve
from trm_tui.widgets.conversation.answer_json import AnswerJson
from trm_tui.widgets.conversation.step_answer import StepAnswer
from trm_tui.widgets.conversation.tool_ranking import ToolRanking
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys


class AnswerPane(ScrollKeys):
    """Shows the answer to a ``predict`` request: call, values, probabilities by step, tools."""

    ALLOW_MAXIMIZE = True
    BINDINGS = bindings(ANSWER)
    DEFAULT_CSS = """
    AnswerPane {
        height: 1fr;
        & StepAnswer, & AnswerJson, & StepCurve { margin-bottom: 1; }
        &.-unanswered StepAnswer { display: none; }
    }
    """

    @dataclass
    class StepMoved(Message):
        """The user wants another supervision step: ``steps`` further on."""

        steps: int

    def __init__(self, title: str, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = Content(title)
        self._curve = StepCurve()
        self._call = AnswerJson()
        self._answer = StepAnswer(all_slots=True)
        self._tools = ToolRanking()

    def compose(self) -> ComposeResult:
        """The call first, so that it is seen without scrolling, then what it is made of."""
        with Scroller():
            yield self._call
            yield self._answer
            yield self._curve
            yield self._tools

    def show(self, answer: Answer | None, step: int, status: str = "") -> None:
        """Show an answer at a step, from 0; None shows no answer. ``status`` is for the border."""
        at = answer.steps[step] if answer else None
        self.set_class(answer is None, "-unanswered")
        count = len(answer.steps) if answer else 0
        self._curve.display = count > 1
        self._curve.show(answer, step)
        self._answer.show(answer, step)
        self._call.show(at.prediction if at else None)
        self._tools.show(at.tools if at else ())
        which = f"step {step + 1} of {count}" if count > 1 else ""
        words = filter(None, (which, one_line(status)))
        self.border_subtitle = Content(" · ".join(words))

    def action_move_step(self, steps: int) -> None:
        """Select another step."""
        self.post_message(self.StepMoved(steps))
