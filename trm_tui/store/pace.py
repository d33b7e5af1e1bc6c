"""Pace: estimates of a run's speed and remaining time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trm_engine.runs.schema.events import Evaluated, RunStarted
from trm_tui.store.columns import Columns
from trm_tui.store.growing import Array

RECENT_UPDATES = 200
RECENT_EVALUATIONS = 3


def update_seconds(columns: Columns) -> float | None:
    """Mean seconds of recent updates, without evaluations and pauses; None if unknown."""
    _, seconds = _samples_and_seconds(columns, RECENT_UPDATES)
    return float(seconds.mean()) if len(seconds) else None


def samples_per_second(columns: Columns, updates: int) -> float | None:
    """Mean speed of the last ``updates``, without evaluations and pauses; None if unknown."""
    samples, seconds = _samples_and_seconds(columns, updates)
    return float(samples.sum() / seconds.sum()) if len(seconds) else None


def _samples_and_seconds(columns: Columns, updates: int) -> tuple[Array, Array]:
    """The samples of the last updates and how long they took, where both are known."""
    samples = columns["samples"].newest(updates)
    with np.errstate(divide="ignore", invalid="ignore"):
        seconds = samples / columns["samples_per_s"].newest(updates)
    known = np.isfinite(seconds) & (seconds > 0)
    return samples[known], seconds[known]


def evaluation_seconds(evaluations: Sequence[Evaluated]) -> float:
    """Mean seconds of the last evaluations; 0 if there is none yet."""
    recent = [event.seconds for event in evaluations[-RECENT_EVALUATIONS:]]
    return sum(recent) / len(recent) if recent else 0.0


def epoch_ends(started: RunStarted) -> Sequence[int]:
    """The updates that end an epoch. Older runs only report the length of the first epoch."""
    first = started.steps_per_epoch
    ends = started.epoch_ends
    return range(first, started.total_steps + 1, first) if ends is None else ends


def evaluations_left(step: int, total: int, every: int, ends: Sequence[int]) -> int:
    """The number of evaluations after ``step``.

    There is one every ``every`` updates, one after each epoch and one at the end of the run.
    """
    between = {end for end in (*ends, total) if step < end <= total and end % every}
    return max(total // every - step // every, 0) + len(between)


def next_evaluation(step: int, total: int, every: int, ends: Sequence[int]) -> int:
    """The update of the next evaluation."""
    due = (end for end in ((step // every + 1) * every, *ends) if end > step)
    return min(total, *due)
