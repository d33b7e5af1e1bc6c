"""RunStore: the state of a run, computed from its events only."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from itertools import groupby, zip_longest
from typing import TypeGuard, assert_never, cast

import msgspec
import numpy as np

from trm_engine.runs.best import reported_score
from trm_engine.runs.events import ENDED
from trm_engine.runs.schema.evaluation import METRICS, Slot
from trm_engine.runs.schema.events import (
    CheckpointSaved,
    EvalProgress,
    Evaluated,
    Event,
    LogMessage,
    Overfitting,
    Progress,
    RunFailed,
    RunStarted,
    StateChanged,
    Steps,
)
from trm_engine.runs.schema.fields import Level
from trm_engine.wording import counted
from trm_tui.store.columns import Columns
from trm_tui.store.growing import AXES, Points, Rising
from trm_tui.store.log import LogLine
from trm_tui.store.pace import (
    RECENT_UPDATES,
    epoch_ends,
    evaluation_seconds,
    evaluations_left,
    next_evaluation,
    samples_per_second,
    update_seconds,
)

RECENT = 50
"""Updates, and at most so many events, of which the losses by supervision step are the mean."""
LOST_BEFORE = "the worker exited without reporting"

Topics = set[str]
"""What changed: steps, evaluations, evaluating, preparing, state, started, checkpoints, log."""


class RunStore:
    """The state of a run. Only ``take``, ``catch_up`` and ``start_over`` change it."""

    def __init__(self) -> None:
        self._empty()

    def _empty(self) -> None:
        self.columns = Columns()
        self.started: RunStarted | None = None
        self.state: str | None = None
        self.state_since = 0.0
        self.reason = ""
        self._is_lost = False
        self.failure: RunFailed | None = None
        self.preparing: tuple[str, float, float | None] | None = None
        self.evaluating: tuple[int, int] | None = None
        self.evaluations: list[Evaluated] = []
        self.metrics = {metric.name: Points() for metric in METRICS}
        self.metrics |= {name: Rising() for name in AXES}
        self.checkpoints: list[CheckpointSaved] = []
        self.log: list[LogLine] = []
        self.alarms: list[str] = []
        self._overfitted: Overfitting | None = None
        self.step = 0
        self.epoch = 0.0
        self.last_event = 0.0
        self._by_step: deque[msgspec.Raw] = deque(maxlen=RECENT)
        self._average: tuple[int, float | None] = (0, None)

    # Events -----------------------------------------------------------------------------------

    def take(self, events: Iterable[Event]) -> Topics:
        """Apply events in order. Returns what they changed."""
        changed: Topics = set()
        for kind, alike in groupby(events, type):
            if kind is Steps:  # the most by far: all at once
                changed |= self._take_steps(cast("list[Steps]", list(alike)))
            else:
                for event in alike:
                    changed |= self._take(event)
                    self.last_event = event.t
        return changed

    def start_over(self) -> None:
        """Forget everything, because the event file was replaced."""
        self._empty()

    def _take(self, event: Event) -> Topics:
        match event:
            case Steps():
                return self._take_steps([event])
            case Evaluated():
                return self._take_evaluation(event)
            case RunStarted():
                return self._take_start(event)
            case StateChanged():
                return self._take_state(event)
            case LogMessage():
                return self._take_message(event)
            case CheckpointSaved():
                self.checkpoints.append(event)
                self._note(event, "info", f"saved {event.path}", event.step)
                return {"checkpoints", "log"}
            case Progress():
                self.preparing = (event.what, event.share, event.seconds_left)
                return {"preparing"}
            case EvalProgress():
                self.evaluating = (event.done, event.total)
                return {"evaluating"}
            case RunFailed():
                self.failure = event
                return {"state"}
        assert_never(event)

    def _take_steps(self, events: list[Steps]) -> Topics:
        self.columns.append(*(event.columns for event in events))
        self._by_step.extend(event.by_step for event in events)
        self.preparing = self.evaluating = None
        self.last_event = events[-1].t
        return {"steps"}

    def _take_start(self, event: RunStarted) -> Topics:
        self.started = event
        self.preparing = None
        self.failure = None
        self.alarms = []
        self.step = event.last_kept
        self.columns.forget_after(event.last_kept)
        self._by_step.clear()
        self._forget_evaluations_after(event.last_kept)
        begin = f"resumes after update {event.last_kept:,}" if event.last_kept else "starts"
        self._note(event, "info", f"training {begin}: {counted(event.total_steps, 'update')}")
        return {"started", "steps", "evaluations", "log"}

    def _take_evaluation(self, event: Evaluated) -> Topics:
        self.evaluating = None
        self.evaluations.append(event)
        self._add_metrics(event)
        score = reported_score(event)
        figure = f": {score}" if score else ""
        best = ", the best so far" if event.best else ""
        self._note(event, "info", f"evaluated{figure}{best}", event.step)
        if event.overfitting:
            is_new = self._overfitted is None
            self._note(event, "warning" if is_new else "info", str(event.overfitting), event.step)
        self._overfitted = event.overfitting
        return {"evaluations", "evaluating", "log"}

    def _take_message(self, event: LogMessage) -> Topics:
        self._note(event, event.level, event.message, event.step)
        if event.level == "error":
            self.alarms.append(event.message)
        return {"log"}

    def _take_state(self, event: StateChanged) -> Topics:
        if event.state == "starting" and self.state not in (None, *ENDED):
            self.catch_up()
            self.note_loss(LOST_BEFORE)
        self._is_lost = False
        if self.state == "paused" and self.reason:  # the cause of the pause is fixed
            self.alarms = [each for each in self.alarms if not each.startswith(self.reason)]
        self.state, self.reason = event.state, event.reason or ""
        self.state_since = event.t
        if self.state in ENDED:
            self.preparing = self.evaluating = None
        reason = f": {self.reason}" if self.reason else ""
        self._note(event, "error" if self.state == "failed" else "info", f"{self.state}{reason}")
        return {"state", "log"}

    def note_loss(self, message: str) -> Topics:
        """Log that the worker exited without reporting, unless that is logged already."""
        if self._is_lost:
            return set()
        self._is_lost = True
        self.log.append(LogLine(self.last_event, "error", message, self.step or None))
        return {"log", "state"}

    def _note(self, event: Event, level: Level, message: str, step: int | None = None) -> None:
        self.log.append(LogLine(event.t, level, message, step))

    def slot_values(self) -> dict[str, list[float]]:
        """For each slot the accuracy of its values in every evaluation; NaN where it has none."""
        told = [
            (event.metrics.slots and event.metrics.slots.per_slot) or {}
            for event in self.evaluations
        ]
        names = dict.fromkeys(name for slots in told for name in slots)
        return {name: [_accuracy(slots.get(name)) for slots in told] for name in names}

    def _add_metrics(self, event: Evaluated) -> None:
        for metric in METRICS:
            value = metric.of(event.metrics)
            self.metrics[metric.name].append(np.nan if value is None else value)
        self.metrics["step"].append(event.step)
        self.metrics["epoch"].append(event.epoch)
        self.metrics["time"].append(self._time_of(event.step))

    def _time_of(self, step: int) -> float:
        newest = {name: self.columns[name].newest(1) for name in ("step", "time")}
        if newest["step"].tolist() == [step] and np.isfinite(newest["time"][-1]):
            return float(newest["time"][-1])  # without decoding all columns
        steps, times = self.columns["step"].values, self.columns["time"].values
        return float(np.interp(step, steps, times)) if len(steps) else 0.0

    def _forget_evaluations_after(self, step: int) -> None:
        kept = [event for event in self.evaluations if event.step <= step]
        if len(kept) == len(self.evaluations):
            return
        self.evaluations = kept
        for points in self.metrics.values():
            points.truncate(len(kept))

    # Reading ----------------------------------------------------------------------------------

    def catch_up(self) -> None:
        """Update ``step`` and ``epoch`` from the newest update."""
        steps = self.columns["step"].newest(1)
        if len(steps):
            self.step = int(steps[-1])
            self.epoch = float(self.columns["epoch"].newest(1)[-1])

    @property
    def total_steps(self) -> int:
        """The number of updates of the run; 0 if unknown."""
        return self.started.total_steps if self.started else 0

    @property
    def best(self) -> Evaluated | None:
        """The best evaluation so far."""
        return next((event for event in reversed(self.evaluations) if event.best), None)

    @property
    def overfitting(self) -> Overfitting | None:
        """What the newest evaluation says of it."""
        return self.evaluations[-1].overfitting if self.evaluations else None

    @property
    def has_ended(self) -> bool:
        """Whether the run reported its end."""
        return self.state in ENDED

    def samples_per_second(self) -> float | None:
        """The speed of recent updates; of all updates once the run has ended. None if unknown."""
        rows = self.columns.rows
        if not self.has_ended:
            return samples_per_second(self.columns, RECENT_UPDATES)
        if self._average[0] != rows:
            self._average = rows, samples_per_second(self.columns, rows)
        return self._average[1]

    def seconds_left(self) -> float | None:
        """The remaining seconds of training and evaluation; None if unknown."""
        seconds = update_seconds(self.columns)
        if seconds is None or not self.started:
            return None
        evaluations = evaluations_left(
            self.step,
            self.total_steps,
            self.started.eval_interval,
            epoch_ends(self.started),
        )
        updates = self.total_steps - self.step
        return updates * seconds + evaluations * evaluation_seconds(self.evaluations)

    def next_evaluation(self) -> int | None:
        """The update of the next evaluation while the run goes on; None before its start."""
        if not self.started:
            return None
        every, ends = self.started.eval_interval, epoch_ends(self.started)
        return next_evaluation(self.step, self.total_steps, every, ends)

    def losses_by_step(self) -> list[float | None]:
        """Mean training loss at each supervision step, over recent updates that trained it."""
        recent: list[list[float | None]] = []
        for text in reversed(self._by_step):
            recent += reversed(_lists(text))
            if len(recent) >= RECENT:
                break
        by_step = zip_longest(*recent[:RECENT])
        finite = ([loss for loss in losses if _is_finite(loss)] for losses in by_step)
        return [sum(losses) / len(losses) if losses else None for losses in finite]


_decode_lists = msgspec.json.Decoder(list[list[float | None]], strict=False).decode


def _is_finite(loss: float | None) -> TypeGuard[float]:
    return loss is not None and math.isfinite(loss)


def _lists(text: msgspec.Raw) -> list[list[float | None]]:
    """The losses of updates by supervision step; [] if the JSON is invalid."""
    try:
        return _decode_lists(text)
    except (ValueError, RecursionError):
        return []


def _accuracy(slot: Slot | None) -> float:
    return np.nan if slot is None or slot.value_accuracy is None else slot.value_accuracy
