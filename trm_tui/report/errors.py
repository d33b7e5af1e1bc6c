"""The worst errors of an evaluation, with the true values marked in their conversations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trm_engine.data.values import value_text
from trm_engine.errors import UserError
from trm_engine.printable import one_line, printable
from trm_engine.runs.schema.evaluation import Evaluation, JudgedSample
from trm_engine.runs.schema.events import RunStarted
from trm_tui.sessions.sample_file import SampleFile
from trm_tui.store.placed_values import placed_values, turn_texts
from trm_tui.text.marked import Span, stretches

MOST = 12

Part = tuple[str, bool]
"""A text, and whether it is marked."""


@dataclass(frozen=True)
class SaidTurn:
    """A turn of a conversation, in parts."""

    role: str
    parts: list[Part]


@dataclass(frozen=True)
class Error:
    """A sample that the model got wrong.

    ``nowhere``: true values that stand nowhere in the conversation. If the data file cannot be
    read any more, ``turns`` is the end of the last turn.
    """

    line: int
    wrong: str
    truth: str
    predicted: str
    confidence: float
    turns: list[SaidTurn]
    nowhere: str


def worst_errors(started: RunStarted | None, evaluation: Evaluation) -> list[Error]:
    """The wrong samples with the highest loss."""
    wrong = [sample for sample in evaluation.worst or [] if sample.wrong]
    file = SampleFile(started.data.val.path) if started else None
    return [_error(sample, file) for sample in wrong[:MOST]]


def _error(sample: JudgedSample, file: SampleFile | None) -> Error:
    record = _record(file, sample.line)
    placed = placed_values(record) if record else None
    turns = _turns(record) if record else [SaidTurn("…", [(printable(sample.text), False)])]
    nowhere = placed.nowhere if placed else []
    return Error(
        line=sample.line,
        wrong=", ".join(sample.wrong),
        truth=_truth(sample, record),
        predicted=_answer(sample.predicted_decision, sample.predicted_tool),
        confidence=sample.confidence,
        turns=turns,
        nowhere=", ".join(f"{one_line(name)} {one_line(value)}" for name, value in nowhere),
    )


def _record(file: SampleFile | None, line: int) -> dict[str, Any] | None:
    """The sample in the data file; None if it is not there any more."""
    try:
        return file.load(line) if file and line else None
    except (OSError, UserError):
        return None


def _turns(record: Mapping[str, Any]) -> list[SaidTurn]:
    marks = placed_values(record).marks
    turns = []
    for place, (role, text) in enumerate(turn_texts(record)):
        spans = [Span(each.begin, each.end, each.kind) for each in marks if each.turn == place]
        parts = [(printable(text[a:b]), bool(kinds)) for a, b, kinds in stretches(len(text), spans)]
        turns.append(SaidTurn(one_line(role), parts))
    return turns


def _truth(sample: JudgedSample, record: Mapping[str, Any] | None) -> str:
    """The right answer, with the values of the label."""
    answer = _answer(sample.decision, sample.tool)
    values = _values(record) if record else {}
    told = ", ".join(f"{one_line(name)}={one_line(text)}" for name, text in values.items())
    return f"{answer}: {told}" if told else answer


def _values(record: Mapping[str, Any]) -> dict[str, str]:
    tool, slots = record.get("tool"), record.get("slots")
    arguments = tool.get("arguments") if isinstance(tool, dict) else None
    pairs = {**(slots if isinstance(slots, dict) else {})}
    pairs |= arguments if isinstance(arguments, dict) else {}
    return {name: text for name, value in pairs.items() if (text := value_text(value))}


def _answer(decision: str, tool: str | None) -> str:
    return one_line(tool or "a call of no tool") if decision == "tool_call" else "an answer"
