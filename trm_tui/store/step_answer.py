"""A model's answer at one supervision step, compared with the labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from trm_engine.data.values import same_value
from trm_engine.runs.schema.answers import (
    Answer,
    FieldPrediction,
    FieldTruth,
    Place,
    Prediction,
    StepPrediction,
)

DECISION, TOOL = "decision", "tool"
RIGHT, MISSED, INVENTED, OTHER = "right", "missed", "invented", "value"

TRUE, PREDICTED, UNSEEN = "true", "predicted", "unseen"


class Compared(NamedTuple):
    """A label and the prediction for it; "" for no value.

    ``verdict`` is RIGHT or the kind of error: DECISION, TOOL, MISSED, INVENTED, OTHER. It is None
    without a label. ``probability`` is that of the decision, of the tool, or of the value's
    presence.
    """

    name: str
    truth: str
    predicted: str
    probability: float | None
    verdict: str | None


class Mark(NamedTuple):
    """Characters ``begin`` to ``end`` (exclusive) of a turn: TRUE, PREDICTED or UNSEEN."""

    turn: int
    begin: int
    end: int
    kind: str


def marks(answer: Answer, step: StepPrediction) -> Iterator[Mark]:
    """The places of true values, of predicted values, and of text that the model does not see."""
    if truth := answer.truth:
        for field in (*truth.slots, *truth.arguments):
            yield from (_mark(place, TRUE) for place in field.spans)
    for value in (*step.slots, *step.call_arguments):
        if value.predicted and value.span:  # a value of the table
            yield _mark(value.span, PREDICTED)
    yield from (_mark(place, UNSEEN) for place in answer.tokenization.unseen)


def decision(answer: Answer, step: StepPrediction) -> list[Compared]:
    """Decision and tool. The tool is the likeliest available one, even without a call."""
    truth, prediction = answer.truth, step.prediction
    verdict = None
    if truth:
        verdict = RIGHT if prediction.decision == truth.decision else DECISION
    true_value = truth.decision if truth else ""
    predicted = prediction.decision
    rows = [Compared(DECISION, true_value, predicted, decided_probability(prediction), verdict)]
    tool = (truth and truth.tool) or ""
    if tool or predicted == "tool_call":
        likeliest = step.likeliest
        name = likeliest.name if likeliest else ""
        verdict = (RIGHT if name == tool else TOOL) if tool else None
        probability = likeliest.probability if likeliest else None
        rows.append(Compared(TOOL, tool, name, probability, verdict))
    return rows


def decided_probability(prediction: Prediction) -> float:
    """The probability of the decision that was made: of a call, or of an answer."""
    chance = prediction.decision_probability
    return chance if prediction.decision == "tool_call" else 1 - chance


def missing(step: StepPrediction) -> str:
    """The missing arguments with their penalties, which log P(call) loses, largest first."""
    return ", ".join(f"{name} −{lack:.1f}" for name, lack in step.prediction.missing.items())


def arguments(answer: Answer, step: StepPrediction) -> list[Compared]:
    """The arguments of the predicted and the true call, without those absent in both.

    If the model does not call, these are the arguments that the true call would have had, if known.
    """
    truth, call = answer.truth, step.prediction.tool
    true = _texts(truth.arguments) if truth and truth.tool else None
    tool = call.name if call else truth.tool if truth else None
    if tool not in step.arguments:
        return [Compared(name, text, "", None, None) for name, text in (true or {}).items()]
    return [row for row in _compared(step.arguments[tool], true) if row.truth or row.predicted]


def slots(answer: Answer, step: StepPrediction) -> list[Compared]:
    """Every slot, in the order of the model."""
    return list(_compared(step.slots, _texts(answer.truth.slots) if answer.truth else None))


def is_quiet(row: Compared) -> bool:
    """Whether a row is empty on both sides and not wrong."""
    return not row.truth and not row.predicted and row.verdict in (RIGHT, None)


def leading_tools(answer: Answer, step: StepPrediction, most: int) -> list[str]:
    """The likeliest available tools at a step. The true tool is always included."""
    names = [each.name for each in step.tools[:most]]
    true = answer.truth and answer.truth.tool
    if true and true not in names and any(each.name == true for each in step.tools):
        names = [*names[: most - 1], true]
    return names


def tool_probabilities(answer: Answer, tool: str) -> list[float]:
    """A tool's probability at every step."""
    return [
        next(each.probability for each in step.tools if each.name == tool) for step in answer.steps
    ]


def _compared(
    values: Iterable[FieldPrediction], true: Mapping[str, str] | None
) -> Iterator[Compared]:
    """Compare values with labels. Labels that the model does not know come last."""
    unknown = dict(true or {})
    for value in values:
        true_value = unknown.pop(value.name, "")
        verdict = None if true is None else _verdict(true_value, value)
        yield Compared(value.name, true_value, value.predicted, value.presence, verdict)
    for name, true_value in unknown.items():
        yield Compared(name, true_value, "", None, MISSED)


def _verdict(true_value: str, value: FieldPrediction) -> str:
    if bool(true_value) != bool(value.predicted):
        return MISSED if true_value else INVENTED
    is_right = not true_value or same_value(true_value, value.value, value.json_type)
    return RIGHT if is_right else OTHER


def _texts(fields: Iterable[FieldTruth]) -> dict[str, str]:
    return {field.name: field.value for field in fields}


def _mark(place: Place, kind: str) -> Mark:
    return Mark(place.turn, place.begin, place.end, kind)
