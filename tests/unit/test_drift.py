"""How far traffic is from the validation set."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec import to_builtins

from trm_engine.inference.route import Route, RoutedCall
from trm_engine.runs.schema.confidence import Bin, Reliability
from trm_engine.runs.schema.evaluation import (
    Arguments,
    BinaryFigures,
    Evaluation,
    Slots,
    Tools,
)
from trm_engine.serving.drift import LEAST, WINDOW, Drift, psi, validation_of


def route(tool: str = "", confidence: float = 0.99) -> Route:
    calls = [RoutedCall(name=tool, arguments={}, probability=1.0)] * bool(tool)
    return Route(
        decision="tool_call" if tool else "direct_answer",
        calls=calls,
        probability=1.0,
        q=1.0,
        confidence=confidence,
        missing={},
        tools={},
        next_tools={},
        slots={},
        slot_probabilities={},
        steps_used=1,
        tokens=1,
    )


def metrics() -> Any:
    """An evaluation of 100 samples: 50 calls, of which 40 are of ``find``; all of them sure."""
    evaluation = Evaluation(
        samples=100,
        decision=BinaryFigures(accuracy=0.98, f1=0.98, tp=49, fn=1, fp=1, tn=49),
        tool=Tools(
            accuracy=1.0, samples=50, labels=["find", "change"], confusion=[[39, 1], [1, 9]]
        ),
        slots=Slots(accuracy=1.0, value_accuracy=1.0),
        arguments=Arguments(accuracy=1.0),
        exact_match=1.0,
        exact_match_values=1.0,
        answer_confidence=Reliability(
            bins=[
                Bin(confidence=0.5, accuracy=0.5, samples=10),
                Bin(confidence=0.98, accuracy=0.98, samples=90),
            ]
        ),
    )
    return to_builtins(evaluation)


def test_the_index_of_known_distributions() -> None:
    assert psi({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5}) == 0
    expected = 0.3 * math.log(0.8 / 0.5) + 0.3 * math.log(0.5 / 0.2)
    assert psi({"a": 0.8, "b": 0.2}, {"a": 0.5, "b": 0.5}) == pytest.approx(expected)
    assert psi({"a": 1.0}, {"b": 1.0}) > 1


def test_the_shares_of_an_evaluation() -> None:
    found = validation_of(metrics())
    assert found is not None
    assert found.actions == {"find": 0.4, "change": 0.1, "direct_answer": 0.5}
    assert found.confidence == pytest.approx([0, 0, 0.1, 0, 0, 0, 0.9])
    assert validation_of(None) is None
    assert validation_of({}) is None


def test_traffic_like_the_validation_set_and_unlike_it() -> None:
    validation = validation_of(metrics())
    drift = Drift()
    assert drift.shares() is None
    for number in range(LEAST - 1):
        drift.note(route("find", 0.5) if number % 10 == 0 else route("" if number % 2 else "find"))
    assert drift.index(validation) is None
    for number in range(WINDOW):
        tool = ("", "find", "", "find", "", "find", "", "find", "", "change")[number % 10]
        drift.note(route(tool, 0.5 if number % 10 == 0 else 0.99))
    index = drift.index(validation)
    assert index == {"actions": pytest.approx(0), "confidence": pytest.approx(0)}
    for _ in range(WINDOW):
        drift.note(route("change", 0.3))
    index = drift.index(validation)
    assert index is not None
    assert min(index.values()) > 1
    assert drift.index(None) is None
