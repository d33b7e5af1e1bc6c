"""Answers to a ``predict`` request, made up of little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trm_engine.runs.schema.answers import (
    Answer,
    Call,
    FieldPrediction,
    FieldTruth,
    OccludedPrediction,
    Place,
    Prediction,
    RankedTool,
    StepPrediction,
    TokenColumns,
    Tokenization,
    Truth,
)

Span = tuple[int, int, int]
NO_TOKENS = TokenColumns(ids=[], pieces=[], roles=[], turns=[], begins=[], ends=[])


def value(name: str, text: str, presence: float = 0.9, span: Span | None = None) -> FieldPrediction:
    """A slot's or an argument's value; ``span`` is turn, begin, end."""
    place = Place(*span) if span else None
    return FieldPrediction(
        name=name, presence=presence, value=text, json_type=None, span=place, choice=None
    )


def said(
    call: Call | None,
    slots: dict[str, str] | None = None,
    missing: dict[str, float] | None = None,
    probability: float | None = None,
    q: float = 0.5,
    number: int = 1,
) -> Prediction:
    """What is printed of a step: a call, or a direct answer."""
    return Prediction(
        decision="tool_call" if call else "direct_answer",
        decision_probability=(0.9 if call else 0.1) if probability is None else probability,
        tool=call,
        calls=[call] if call else [],
        slots=slots or {},
        slot_probabilities={},
        missing=missing or {},
        q=q,
        steps_used=number,
    )


def step(
    call: str | Call | None = None,
    tools: Sequence[tuple[str, float]] = (),
    slots: Sequence[FieldPrediction] = (),
    arguments: dict[str, list[FieldPrediction]] | None = None,
    probability: float | None = None,
    q: float = 0.5,
    number: int = 1,
    missing: dict[str, float] | None = None,
) -> StepPrediction:
    """A step's answer: a call of a tool, or a direct answer. All tools are on offer."""
    made = Call(call, {}) if isinstance(call, str) else call
    return StepPrediction(
        prediction=said(
            made,
            {each.name: each.predicted for each in slots},
            missing,
            probability,
            q,
            number,
        ),
        tools=[RankedTool(name=name, probability=p) for name, p in tools],
        slots=list(slots),
        arguments=arguments or {},
    )


def prediction(
    truth: dict[str, Any] | None,
    steps: list[StepPrediction],
    halt_threshold: float = 0.9,
    halts_at: int | None = None,
    new_tools: Sequence[str] = (),
    tokens: TokenColumns = NO_TOKENS,
    **reading: Any,
) -> Answer:
    """An answer; in ``truth`` fields are tuples of name, value and any number of spans.

    ``reading`` are further fields of its ``tokenization``.
    """
    return Answer(
        tokenization=Tokenization(tokens=tokens, **{"max_length": 512, **reading}),
        steps=steps,
        halt_threshold=halt_threshold,
        halts_at=halts_at,
        new_tools=list(new_tools),
        truth=None if truth is None else _truth(truth),
        seconds=0.0,
    )


def without(
    turn: int | None, probability: float, tool: str | None, tool_probability: float, **slots: str
) -> OccludedPrediction:
    """An answer without one turn; it calls the tool if the probability is above a half."""
    call = Call(tool, {}) if tool and probability > 0.5 else None
    return OccludedPrediction(
        turn=turn,
        tool=tool,
        tool_probability=tool_probability,
        prediction=said(call, slots, probability=probability),
    )


def _truth(truth: dict[str, Any]) -> Truth:
    tool = truth.get("tool")
    return Truth(
        decision="tool_call" if tool else "direct_answer",
        tool=tool,
        slots=[_field(*each) for each in truth.get("slots", ())],
        arguments=[_field(*each) for each in truth.get("arguments", ())],
    )


def _field(name: str, text: str, *spans: Span) -> FieldTruth:
    return FieldTruth(name=name, value=text, spans=[Place(*span) for span in spans], choice=None)
