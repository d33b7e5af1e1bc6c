"""A model's answer at one supervision step, compared with the labels."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Record = Mapping[str, Any]
"""``prediction`` is the answer to a ``predict`` request, ``step`` one of its ``steps``."""

PRESENT = 0.5
CALL = "tool_call"

DECISION, TOOL = "decision", "tool"
RIGHT, MISSED, INVENTED, OTHER = "right", "missed", "invented", "value"

TRUE, PREDICTED, UNSEEN = "true", "predicted", "unseen"


class Compared(NamedTuple):
    """A label and the prediction for it; "" for no value.

    ``verdict`` is RIGHT or the kind of error: DECISION, TOOL, MISSED, INVENTED, OTHER. It is None
    without a label. ``probability`` is that of a call, of the tool, or of the value's presence.
    """

    name: str
    truth: str
    predicted: str
    probability: float | None
    verdict: str | None


class Place(NamedTuple):
    """Characters ``begin`` to ``end`` (exclusive) of a turn: TRUE, PREDICTED or UNSEEN."""

    turn: int
    begin: int
    end: int
    kind: str


def places(prediction: Record, step: Record) -> Iterator[Place]:
    """The places of true values, of predicted values, and of text that the model does not see."""
    truth = prediction.get("truth") or {}
    for field in [*truth.get("slots", ()), *truth.get("arguments", ())]:
        for span in field["spans"]:
            yield _place(span, TRUE)
    call = called(step)
    arguments = step["arguments"].get(call["name"], ()) if call else ()
    for value in [*step["slots"], *arguments]:
        if value["presence"] > PRESENT and value["span"]:
            yield _place(value["span"], PREDICTED)
    for stretch in prediction.get("unseen", ()):
        yield _place(stretch, UNSEEN)


def called(step: Record) -> Record | None:
    """The predicted call; None for a direct answer or without a known tool."""
    call: Record | None = step["prediction"]["tool"]
    return call


def decision(prediction: Record, step: Record) -> list[Compared]:
    """Decision and tool. The tool is the likeliest available one, even without a call."""
    truth = prediction.get("truth")
    predicted = step["prediction"]["decision"]
    true_value = truth["decision"] if truth else ""
    verdict = (RIGHT if predicted == true_value else DECISION) if truth else None
    rows = [Compared(DECISION, true_value, predicted, step["decision_probability"], verdict)]
    likeliest = next((each for each in step["tools"] if each["offered"]), None)
    tool = (truth or {}).get("tool") or ""
    if tool or predicted == CALL:
        name = likeliest["name"] if likeliest else ""
        verdict = (RIGHT if name == tool else TOOL) if tool else None
        probability = likeliest["probability"] if likeliest else None
        rows.append(Compared(TOOL, tool, name, probability, verdict))
    return rows


def missing(step: Record) -> str:
    """The missing arguments with their penalties on the call logit, largest first."""
    lacks: Mapping[str, float] = step["prediction"]["missing"]
    return ", ".join(f"{name} −{lack:.1f}" for name, lack in lacks.items())


def arguments(prediction: Record, step: Record) -> list[Compared]:
    """The arguments of the predicted and the true call, without those absent in both.

    If the model does not call, these are the arguments that the true call would have had, if known.
    """
    truth, call = prediction.get("truth") or {}, called(step)
    tool = call["name"] if call else truth.get("tool")
    values = step["arguments"].get(tool)
    true = _texts(truth["arguments"]) if truth.get("tool") else None
    if values is None:
        return [Compared(name, text, "", None, None) for name, text in (true or {}).items()]
    return [row for row in _compared(values, true) if row.truth or row.predicted]


def slots(prediction: Record, step: Record) -> list[Compared]:
    """Every slot, in the order of the model."""
    truth = prediction.get("truth")
    return list(_compared(step["slots"], _texts(truth["slots"]) if truth else None))


def is_quiet(row: Compared) -> bool:
    """Whether a row is empty on both sides and not wrong."""
    return not row.truth and not row.predicted and row.verdict in (RIGHT, None)


def leading_tools(prediction: Record, step: Record, most: int) -> list[str]:
    """The likeliest available tools at a step. The true tool is always included."""
    names = [each["name"] for each in step["tools"] if each["offered"]][:most]
    true = (prediction.get("truth") or {}).get("tool")
    known = {each["name"] for each in step["tools"]}
    if true in known and true not in names:
        names = [*names[: most - 1], true]
    return names


def tool_probabilities(prediction: Record, tool: str) -> list[float]:
    """A tool's probability at every step."""
    return [
        next(each["probability"] for each in step["tools"] if each["name"] == tool)
        for step in prediction["steps"]
    ]


def _compared(values: Iterable[Record], true: Mapping[str, str] | None) -> Iterator[Compared]:
    """Compare values with labels. Labels that the model does not know come last."""
    unknown = dict(true or {})
    for value in values:
        is_present = value["presence"] > PRESENT
        true_value = unknown.pop(value["name"], "")
        verdict = None if true is None else _verdict(true_value, is_present, value["value"])
        predicted = value["value"] if is_present else ""
        yield Compared(value["name"], true_value, predicted, value["presence"], verdict)
    for name, true_value in unknown.items():
        yield Compared(name, true_value, "", None, MISSED)


def _verdict(true_value: str, is_present: bool, predicted: str) -> str:
    if bool(true_value) != is_present:
        return MISSED if true_value else INVENTED
    return RIGHT if not true_value or _same(true_value, predicted) else OTHER


def _same(one: str, other: str) -> bool:
    """Whether two values are equal in evaluations: ignoring case and surrounding spaces."""
    return one.strip().casefold() == other.strip().casefold()


def _texts(fields: Iterable[Record]) -> dict[str, str]:
    return {field["name"]: field["value"] for field in fields}


def _place(span: Record, kind: str) -> Place:
    return Place(span["turn"], span["begin"], span["end"], kind)
