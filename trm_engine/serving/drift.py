"""Drift: how far traffic is from the validation set, by what the model answers and how sure it is.

The measure is the population stability index (PSI): the sum over classes of (a - b) ln(a / b).
Below 0.1 the two are alike; above 0.25 they differ much.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from trm_engine.inference.route import Route
from trm_engine.runs.schema.evaluation import Evaluation, evaluation_of

ALIKE, DIFFERENT = 0.1, 0.25
WINDOW = 1000
"""Answers that are compared: the newest ones."""
LEAST = 200
"""Fewer answers say nothing yet."""
FLOOR = 1e-3
"""Share of a class that has none, so that the index stays finite."""

ANSWER = "direct_answer"
EDGES = (0.2, 0.4, 0.6, 0.8, 13 / 15, 14 / 15, 1.0)
"""Upper ends of the classes of confidence: some of the 15 bins of an evaluation."""


class Shares(Struct, frozen=True):
    """Shares of answers, each adding up to 1: by action (a tool, or "direct_answer"), and by class
    of confidence, with an upper end of ``EDGES`` each."""

    samples: int
    actions: dict[str, float]
    confidence: list[float]


class Drift:
    """Compares the newest answers with the validation set."""

    def __init__(self) -> None:
        self._actions: deque[str] = deque(maxlen=WINDOW)
        self._confidence: deque[int] = deque(maxlen=WINDOW)

    def note(self, route: Route) -> None:
        """Count an answer."""
        self._actions.append(route.calls[0].name if route.calls else ANSWER)
        self._confidence.append(_class_of(route.confidence))

    def shares(self) -> Shares | None:
        """Those of the newest answers; None if there are none."""
        return _shares(Counter(self._actions), Counter(self._confidence))

    def index(self, validation: Shares | None) -> dict[str, float] | None:
        """The index by what is compared; None if there are too few answers or no validation."""
        found = self.shares()
        if validation is None or found is None or found.samples < LEAST:
            return None
        return {
            "actions": psi(found.actions, validation.actions),
            "confidence": psi(
                dict(enumerate(found.confidence)), dict(enumerate(validation.confidence))
            ),
        }


def validation_of(metrics: Any) -> Shares | None:
    """The shares of a checkpoint's last evaluation; None if it has none."""
    evaluation = evaluation_of(metrics) if metrics else None
    if evaluation is None:
        return None
    confidence = Counter[int]()
    for each in evaluation.answer_confidence.bins:
        confidence[_class_of(each.confidence or 0.0)] += each.samples
    return _shares(_actions(evaluation), confidence)


def psi(one: Mapping[Any, float], other: Mapping[Any, float]) -> float:
    """The population stability index of two distributions."""
    total = 0.0
    for name in one.keys() | other.keys():
        a, b = max(one.get(name, 0.0), FLOOR), max(other.get(name, 0.0), FLOOR)
        total += (a - b) * math.log(a / b)
    return total


def _actions(evaluation: Evaluation) -> Counter[str]:
    """The predictions by action. Tools are known of true calls alone, and scaled to all calls."""
    decision, tool = evaluation.decision, evaluation.tool
    calls = [sum(column) for column in zip(*tool.confusion, strict=True)]
    scale = (decision.tp + decision.fp) / max(sum(calls), 1)
    counts = Counter(
        {name: round(scale * n) for name, n in zip(tool.labels, calls, strict=False) if n}
    )
    counts[ANSWER] = decision.tn + decision.fn
    return counts


def _shares(actions: Counter[str], confidence: Counter[int]) -> Shares | None:
    total, sure = actions.total(), confidence.total()
    if not total or not sure:
        return None
    return Shares(
        samples=total,
        actions={name: count / total for name, count in actions.items()},
        confidence=[confidence[place] / sure for place in range(len(EDGES))],
    )


def _class_of(confidence: float) -> int:
    return min(bisect_left(EDGES, confidence), len(EDGES) - 1)
