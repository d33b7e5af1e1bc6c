"""Metrics as text, and what one evaluation has beyond another."""

from __future__ import annotations

from trm_engine.runs.schema.evaluation import Metric
from trm_tui.text.figures import DOWN, SAME, UP, Grade, change, grade, loss_text, share_text


def metric_text(metric: Metric, value: float | None) -> str:
    """A share in four decimals, a loss in six characters."""
    return loss_text(value) if metric.kind == "loss" else share_text(value, 4)


def metric_grade(metric: Metric, value: float | None) -> Grade:
    """How good a share is; losses and errors are neither good nor poor."""
    return grade(value) if metric.kind == "share" else "none"


def direction(metric: Metric, arrow: str) -> str:
    """Whether going that way is good, poor or none of both."""
    if arrow in ("", SAME):
        return "none"
    return "good" if arrow == (UP if metric.higher_is_better else DOWN) else "poor"


def difference(value: float | None, other: float | None) -> tuple[str, str]:
    """An arrow and ``value`` - ``other`` in four decimals."""
    return change(value, other, decimals=4)
