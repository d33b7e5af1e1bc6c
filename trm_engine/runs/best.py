"""Score: compares two evaluations of a run, to find the best one.

``training.best_metric`` names the metric. The lower validation loss breaks ties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeGuard

from trm_engine.files.jsonl import number
from trm_engine.runs.schema.evaluation import BY_CHOICE, Evaluation, evaluation_of
from trm_engine.runs.schema.events import Evaluated

if TYPE_CHECKING:
    BestMetric = str
else:
    BestMetric = Literal[tuple(BY_CHOICE)]
    """The name of a metric, with "_" for ".": "tool_accuracy" is ``tool.accuracy``."""

WORST = (-math.inf, -math.inf)


@dataclass(frozen=True)
class Score:
    """The sort key of an evaluation: a metric, then the loss. None if unknown."""

    metric: str
    value: float | None
    loss: float | None

    @classmethod
    def of(cls, evaluation: Evaluation, metric: str) -> Score:
        """The score of an evaluation by a metric."""
        value = BY_CHOICE[metric].of(evaluation)
        return cls(metric, _number(value), _number(evaluation.loss))

    def is_better_than(self, other: Score | None) -> bool:
        """Whether this score is better than the best one so far (None if there is none).

        An unknown value is worse than any other. An evaluation with a NaN loss is never the best,
        because its weights are useless.
        """
        return self._rank > (other._rank if other else WORST)

    @property
    def _rank(self) -> tuple[float, float]:
        """Sort key; greater is better."""
        if self.loss is None:
            return WORST
        if self.value is None:
            return -math.inf, -self.loss
        is_higher_better = BY_CHOICE[self.metric].higher_is_better
        return self.value if is_higher_better else -self.value, -self.loss

    def __str__(self) -> str:
        """For example "exact_match 0.9123". If the value is unknown, the loss is shown."""
        if self.value is not None:
            return f"{self.metric} {self.value:.4f}"
        return f"{self.metric} –, loss {'–' if self.loss is None else f'{self.loss:.4f}'}"


def reported_score(event: Evaluated) -> Score | None:
    """The score in an evaluation event; None if the event names no known metric.

    Events of older versions do not name one.
    """
    return Score.of(event.metrics, event.best_metric) if _is_known(event.best_metric) else None


def score_saved(state: Mapping[str, Any]) -> Score | None:
    """The best score so far in a checkpoint; None if it is missing or in an old format."""
    try:
        metric = state["config"]["training"]["best_metric"]
        value, loss = state["data_state"]["best"]
    except (KeyError, TypeError, ValueError):
        return None
    return Score(metric, _number(value), _number(loss)) if _is_known(metric) else None


def score_resumed(state: Mapping[str, Any], metric: str) -> Score | None:
    """The score that a resumed run has to beat.

    If the checkpoint has no score by ``metric``, its last evaluation gives the score.
    """
    saved = score_saved(state)
    if saved and saved.metric == metric:
        return saved
    evaluation = evaluation_of(state["metrics"])
    return Score.of(evaluation, metric) if evaluation else None


def _is_known(metric: Any) -> TypeGuard[str]:
    return isinstance(metric, str) and metric in BY_CHOICE


def _number(value: Any) -> float | None:
    """A number or an infinity; None for NaN and other values."""
    value = number(value) if isinstance(value, str) else value
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else None
