"""The best evaluation of a run: by which figure, and which of two evaluations is better.

``training.best_metric`` names the figure. Of two equal ones the lower validation loss is better.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard, get_args

from trm_engine.files.jsonl import number

BestMetric = Literal[
    "exact_match_values",
    "exact_match",
    "decision_accuracy",
    "decision_f1",
    "tool_accuracy",
    "arguments_accuracy",
    "slots_accuracy",
    "slots_value_accuracy",
    "loss",
]
"""``slots_accuracy`` is the figure ``accuracy`` of the part ``slots``. Less is better of ``loss``
alone."""

PARTS = ("decision", "tool", "arguments", "slots")
WORST = (-math.inf, -math.inf)


@dataclass(frozen=True)
class Score:
    """What an evaluation is compared by: a figure, then the loss; None where one is unknown."""

    metric: str
    value: float | None
    loss: float | None

    @classmethod
    def of(cls, metrics: Mapping[str, Any], metric: str) -> Score:
        """The score of an evaluation with these metrics."""
        part, _, name = metric.partition("_")
        figures, name = (metrics.get(part), name) if part in PARTS else (metrics, metric)
        value = figures.get(name) if isinstance(figures, Mapping) else None
        return cls(metric, _number(value), _number(metrics.get("loss")))

    def is_better_than(self, other: Score | None) -> bool:
        """Whether this is a better evaluation than the best one so far, None if there is none.

        An unknown figure is worse than any other. An evaluation whose loss is not a number is
        never the best: its weights are of no use.
        """
        return self._rank > (other._rank if other else WORST)

    @property
    def _rank(self) -> tuple[float, float]:
        """Greater is better."""
        if self.loss is None:
            return WORST
        if self.value is None:
            return -math.inf, -self.loss
        return -self.value if self.metric == "loss" else self.value, -self.loss

    def __str__(self) -> str:
        """As "exact_match 0.9123"; where the figure is unknown, the loss decides and is shown."""
        if self.value is not None:
            return f"{self.metric} {self.value:.4f}"
        return f"{self.metric} –, loss {'–' if self.loss is None else f'{self.loss:.4f}'}"


def score_told(event: Mapping[str, Any]) -> Score | None:
    """The score by which an ``eval`` event is the best or is not; None if it names no figure.

    Events of older versions do not.
    """
    metric, metrics = event.get("best_metric"), event.get("metrics")
    return Score.of(metrics, metric) if _is_known(metric) and isinstance(metrics, Mapping) else None


def score_saved(state: Mapping[str, Any]) -> Score | None:
    """The best score so far as a checkpoint holds it; None if it has none, or one of old."""
    try:
        metric = state["config"]["training"]["best_metric"]
        value, loss = state["data_state"]["best"]
    except (KeyError, TypeError, ValueError):
        return None
    return Score(metric, _number(value), _number(loss)) if _is_known(metric) else None


def score_resumed(state: Mapping[str, Any], metric: str) -> Score | None:
    """The score that a resumed run has to beat.

    A checkpoint that has none, or one by another figure, is judged by its last evaluation.
    """
    saved = score_saved(state)
    if saved and saved.metric == metric:
        return saved
    return Score.of(state["metrics"], metric) if state["metrics"] else None


def _is_known(metric: Any) -> TypeGuard[str]:
    return isinstance(metric, str) and metric in get_args(BestMetric)


def _number(value: Any) -> float | None:
    """A number, infinities among them; None for anything else."""
    value = number(value) if isinstance(value, str) else value
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else None
