"""The best evaluation of a run: by which figure, and which of two evaluations is better.

``training.best_metric`` names the figure. Of two equal ones the lower validation loss is better.
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
    """What an evaluation is compared by: a figure, then the loss; None where one is unknown."""

    metric: str
    value: float | None
    loss: float | None

    @classmethod
    def of(cls, evaluation: Evaluation, metric: str) -> Score:
        """The score of an evaluation by one of the metrics."""
        value = BY_CHOICE[metric].of(evaluation)
        return cls(metric, _number(value), _number(evaluation.loss))

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
        is_higher_better = BY_CHOICE[self.metric].higher_is_better
        return self.value if is_higher_better else -self.value, -self.loss

    def __str__(self) -> str:
        """As "exact_match 0.9123"; where the figure is unknown, the loss decides and is shown."""
        if self.value is not None:
            return f"{self.metric} {self.value:.4f}"
        return f"{self.metric} –, loss {'–' if self.loss is None else f'{self.loss:.4f}'}"


def reported_score(event: Evaluated) -> Score | None:
    """The score by which an evaluation is the best or is not; None if it names no metric.

    Events of older versions do not.
    """
    return Score.of(event.metrics, event.best_metric) if _is_known(event.best_metric) else None


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
    evaluation = evaluation_of(state["metrics"])
    return Score.of(evaluation, metric) if evaluation else None


def _is_known(metric: Any) -> TypeGuard[str]:
    return isinstance(metric, str) and metric in BY_CHOICE


def _number(value: Any) -> float | None:
    """A number, infinities among them; None for anything else."""
    value = number(value) if isinstance(value, str) else value
    return float(value) if isinstance(value, int | float) and not math.isnan(value) else None
