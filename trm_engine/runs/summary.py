"""RunSummary: how a run stands, from the head and the tail of its events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.files.jsonl import lines_newest_first, number
from trm_engine.runs.best import Score, score_told
from trm_engine.runs.events import ENDED
from trm_engine.runs.folder import LOST, RunFolder
from trm_engine.runs.schema import Count, Number, Share, State, Time

HEAD = 1 << 20
TAIL = 1 << 24
"""Bytes read at most of either end: a list of many runs must not wait for a long one."""

BY_OLDER_RUNS = "exact_match_values"

STEPS_MARK = b'"type":"steps"'
MARKED_WITHIN = 100


@dataclass(frozen=True)
class Evaluation:
    """The figures of one evaluation; None where they divide by nothing.

    ``metric`` is the name of the figure by which the run's evaluations are compared, ``value``
    what it is; runs of older versions name none and show ``exact_match_values``.
    """

    step: int
    epoch: float
    metric: str
    value: float | None
    loss: float | None
    exact_match: float | None
    exact_match_values: float | None

    @property
    def score(self) -> Score:
        """What it is compared by."""
        return Score(self.metric, self.value, self.loss)


@dataclass(frozen=True)
class RunSummary:
    """How a run stands: what a list of runs shows of it. None is what is not known.

    ``state`` may be "lost"; ``started`` and ``updated`` (the first and the last event) are Unix
    seconds. ``best`` is the best evaluation of a long run's later part if its best is long past.
    """

    path: Path
    name: str
    state: str | None = None
    step: int = 0
    total_steps: int | None = None
    epoch: float | None = None
    best: Evaluation | None = None
    last: Evaluation | None = None
    started: float | None = None
    updated: float | None = None
    device: str | None = None
    samples_per_s: float | None = None


def summarise(folder: RunFolder) -> RunSummary:
    """Summarise a run; one whose files are missing or broken has no state."""
    head: list[_Event] = []
    tail: list[_Event] = []
    with suppress(OSError):
        head, tail = list(_head(folder.events)), list(_tail(folder.events))
    if not tail:
        return RunSummary(folder.path, folder.path.name)
    start = _first(tail, "run_started") or _first(head, "run_started") or _Event()
    steps = _first(tail, "steps") or _Event(step=start.resumed_from or 0)
    evaluations = [_evaluation(event) for event in tail if event.type == "eval"]
    return RunSummary(
        path=folder.path,
        name=folder.path.name,
        state=_state(folder, tail),
        step=steps.step,
        total_steps=start.total_steps,
        epoch=steps.epoch,
        best=_best(tail, evaluations),
        last=evaluations[0] if evaluations else None,
        started=head[0].t if head else None,
        updated=tail[0].t,
        device=start.device,
        samples_per_s=steps.samples_per_s,
    )


class _Columns(msgspec.Struct):
    step: list[Count] = []
    epoch: list[Number] = []
    samples_per_s: list[Number] = []


class _Part(msgspec.Struct):
    accuracy: Share = None
    f1: Share = None
    value_accuracy: Share = None


class _Metrics(msgspec.Struct):
    loss: Share = None
    exact_match: Share = None
    exact_match_values: Share = None
    decision: _Part | None = None
    tool: _Part | None = None
    arguments: _Part | None = None
    slots: _Part | None = None


class _Event(msgspec.Struct):
    """What of an event a summary needs; a ``steps`` event gets the figures of its last update."""

    type: str = ""
    t: Time = 0.0
    state: State | None = None
    step: Count = 0
    epoch: float | None = None
    samples_per_s: float | None = None
    best: bool = False
    best_metric: Any = None
    resumed_from: Count | None = None
    total_steps: Count | None = None
    device: str | None = None
    columns: _Columns | None = None
    metrics: _Metrics = msgspec.field(default_factory=_Metrics)


_decoder = msgspec.json.Decoder(_Event)


def _decode(line: bytes) -> _Event | None:
    try:
        event = _decoder.decode(line)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return event if event.type else None


def _head(path: Path) -> Iterator[_Event]:
    """The events up to the first start."""
    with open(path, "rb") as file:
        while file.tell() < HEAD and (line := file.readline(HEAD)):
            if event := _decode(line):
                yield event
                if event.type == "run_started":
                    return


def _tail(path: Path) -> Iterator[_Event]:
    """The events that count, the newest first, back to the last start and the best evaluation.

    Of the ``steps`` events there is only the last; what a later start voided is left out.
    """
    size, limit = 0, float("inf")
    missing = {"steps", "run_started", "best"}
    for line in lines_newest_first(path):
        size += len(line)
        if size > TAIL or not missing or limit == 0:
            return
        if "steps" not in missing and STEPS_MARK in line[:MARKED_WITHIN]:
            continue
        event = _decode(line)
        if event and _counts(event, limit):
            yield event
            missing -= {event.type, "best" if event.best else ""}
            if event.type == "run_started":
                limit = min(limit, event.resumed_from or 0)


def _counts(event: _Event, limit: float) -> bool:
    """Whether an event is not of updates after ``limit``, which were done again."""
    if event.type == "steps":
        return _take_figures(event, limit)
    return event.type != "eval" or event.step <= limit


def _take_figures(event: _Event, limit: float) -> bool:
    """Give a ``steps`` event the figures of its last update up to ``limit``, if it has one."""
    columns = event.columns or _Columns()
    rows = zip(columns.step, columns.epoch, columns.samples_per_s, strict=False)
    for step, epoch, rate in rows:
        if step <= limit:
            event.step, event.epoch, event.samples_per_s = step, number(epoch), number(rate)
    return event.step > 0


def _first(events: list[_Event], kind: str) -> _Event | None:
    return next((event for event in events if event.type == kind), None)


def _state(folder: RunFolder, tail: list[_Event]) -> str | None:
    """The state told last; who tells of steps runs."""
    told = (
        event.state if event.type == "state" else "running"
        for event in tail
        if event.type in ("state", "steps")
    )
    state = next(told, None)
    return state if state is None or state in ENDED or folder.is_live() else LOST


def _best(tail: list[_Event], evaluations: list[Evaluation]) -> Evaluation | None:
    """The evaluation marked last; of a long run whose marks are long past, the best one read."""
    marked = next((event for event in tail if event.best), None)
    if marked:
        return _evaluation(marked)
    best: Evaluation | None = None
    for each in reversed(evaluations):
        if each.score.is_better_than(best.score if best else None):
            best = each
    return best


def _evaluation(event: _Event) -> Evaluation:
    metrics = msgspec.to_builtins(event.metrics)
    told = {"best_metric": event.best_metric, "metrics": metrics}
    score = score_told(told) or Score.of(metrics, BY_OLDER_RUNS)
    return Evaluation(
        step=event.step,
        epoch=event.epoch or 0.0,
        metric=score.metric,
        value=score.value,
        loss=score.loss,
        exact_match=number(metrics["exact_match"]),
        exact_match_values=number(metrics["exact_match_values"]),
    )
