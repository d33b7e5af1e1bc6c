"""Answers to a ``predict`` request, made up of little."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Answer = dict[str, Any]
Span = tuple[int, int, int]


def value(name: str, text: str, presence: float = 0.9, span: Span | None = None) -> Answer:
    """A slot's or an argument's value; ``span`` is turn, begin, end."""
    place = dict(zip(("turn", "begin", "end"), span, strict=True)) if span else None
    return {"name": name, "presence": presence, "value": text, "span": place, "choice": None}


def step(
    call: str | None = None,
    tools: Sequence[tuple[str, float]] = (),
    slots: Sequence[Answer] = (),
    arguments: dict[str, list[Answer]] | None = None,
    probability: float | None = None,
    q: float = 0.5,
    number: int = 1,
    missing: dict[str, float] | None = None,
) -> Answer:
    """A step's answer: a call of a tool, or a direct answer."""
    tool = {"name": call, "arguments": {}} if call else None
    decision = "tool_call" if call else "direct_answer"
    return {
        "step": number,
        "decision_probability": (0.9 if call else 0.1) if probability is None else probability,
        "q": q,
        "prediction": {"decision": decision, "tool": tool, "missing": missing or {}},
        "tools": [{"name": name, "probability": p, "offered": True} for name, p in tools],
        "slots": list(slots),
        "arguments": arguments or {},
    }


def prediction(truth: Answer | None, steps: list[Answer], **more: Any) -> Answer:
    """An answer; in ``truth`` fields are tuples of name, value and any number of spans."""
    return {
        "steps": steps,
        "truth": None if truth is None else _truth(truth),
        "unseen": [],
        "dropped_tokens": 0,
        "max_length": 512,
        "halt_threshold": 0.9,
        "halts_at": None,
        "unknown_tools": [],
        **more,
    }


def _truth(truth: Answer) -> Answer:
    tool = truth.get("tool")
    return {
        "decision": "tool_call" if tool else "direct_answer",
        "tool": tool,
        "slots": [_field(*each) for each in truth.get("slots", ())],
        "arguments": [_field(*each) for each in truth.get("arguments", ())],
    }


def _field(name: str, text: str, *spans: Span) -> Answer:
    places = [dict(zip(("turn", "begin", "end"), span, strict=True)) for span in spans]
    return {"name": name, "value": text, "spans": places, "choice": None}
