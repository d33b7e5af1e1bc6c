"""Pace: how fast a run goes and when it will end, from its own figures."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trm_tui.store.columns import Columns

RECENT_UPDATES = 200
RECENT_EVALUATIONS = 3


def update_seconds(columns: Columns) -> float | None:
    """Mean seconds of a recent update, evaluations and pauses left out; None if unknown."""
    samples = columns["samples"].newest(RECENT_UPDATES)
    rates = columns["samples_per_s"].newest(RECENT_UPDATES)
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = samples / rates
    seconds = seconds[np.isfinite(seconds)]
    return float(seconds.mean()) if len(seconds) else None


def evaluation_seconds(evaluations: Sequence[dict[str, Any]]) -> float:
    """Mean seconds of the last evaluations; 0 if there was none yet."""
    recent = [event["seconds"] for event in evaluations[-RECENT_EVALUATIONS:]]
    return sum(recent) / len(recent) if recent else 0.0


def evaluations_left(step: int, total: int, every: int, epoch_steps: int) -> int:
    """How many evaluations are due after ``step``.

    There is one every ``every`` updates, one at the end of each epoch and one at the very end.
    """

    def multiples(size: int) -> int:
        return total // size - step // size

    due = multiples(every) + multiples(epoch_steps) - multiples(math.lcm(every, epoch_steps))
    ends_between = total % every != 0 and total % epoch_steps != 0
    return max(due + (ends_between and step < total), 0)
