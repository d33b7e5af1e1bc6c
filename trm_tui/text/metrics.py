"""Metrics as text, and what one evaluation has beyond another."""

from __future__ import annotations

from trm_engine.runs.schema.evaluation import Metric
from trm_tui.store.spread import Difference, Spread
from trm_tui.text.figures import (
    DOWN,
    NOTHING,
    SAME,
    UP,
    Grade,
    change,
    grade,
    loss_text,
    share_text,
)


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


def spread_text(metric: Metric, spread: Spread | None) -> str:
    """The mean, and the standard deviation over several seeds: 0.912 ±.013."""
    if spread is None:
        return NOTHING
    mean = loss_text(spread.mean) if metric.kind == "loss" else share_text(spread.mean)
    return mean if spread.deviation is None else f"{mean} ±{_short(spread.deviation)}"


def difference_text(difference: Difference | None) -> str:
    """A difference with the half of its 95 % confidence interval: +0.012 ±.020."""
    if difference is None:
        return NOTHING
    margin = "" if difference.margin is None else f" ±{_short(difference.margin)}"
    return f"{difference.value:+.3f}{margin}"


def difference_look(metric: Metric, difference: Difference | None) -> str:
    """Good or poor if the difference is clear, else none."""
    if difference is None or not difference.is_clear:
        return "none"
    return direction(metric, UP if difference.value > 0 else DOWN)


def _short(number: float) -> str:
    """Three decimals, without the zero before the point."""
    return f"{number:.3f}".removeprefix("0")
