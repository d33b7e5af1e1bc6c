"""RunSummary: the status of a run, from the head and the tail of its event file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from trm_engine.files.jsonl import lines_newest_first
from trm_engine.runs.about import FILE as ABOUT
from trm_engine.runs.about import About, read_about
from trm_engine.runs.best import Score, reported_score
from trm_engine.runs.events import ENDED, latest_state
from trm_engine.runs.folder import LOST, RunFolder
from trm_engine.runs.schema.evaluation import METRICS
from trm_engine.runs.schema.events import (
    Evaluated,
    Event,
    RunStarted,
    Steps,
    decode_event,
)

HEAD = 1 << 20
TAIL = 1 << 24
"""Most bytes read from each end, so that a long run does not delay a list of many runs."""

BY_OLDER_RUNS = "exact_match_values"

STEPS_MARK = b'"type":"steps"'
MARKED_WITHIN = 100


@dataclass(frozen=True)
class EvaluationScore:
    """The score of one evaluation. A metric without samples is None.

    ``metric`` is the metric that the run's evaluations are compared by, and ``value`` its value.
    Runs of older versions name no metric and use ``exact_match_values``. ``metrics`` has all
    metrics by ``Metric.name``, over ``samples`` samples.
    """

    step: int
    epoch: float
    metric: str
    value: float | None
    loss: float | None
    exact_match: float | None
    exact_match_values: float | None
    samples: int | None = None
    metrics: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def score(self) -> Score:
        """The score for comparisons."""
        return Score(self.metric, self.value, self.loss)


@dataclass(frozen=True)
class RunSummary:
    """The status of a run, for lists of runs. Unknown values are None.

    ``state`` may be "lost". ``started`` and ``updated`` are the times of the first and the last
    event in Unix seconds. If the best evaluation of a long run is before the last TAIL bytes,
    ``best`` is the best one within them. ``config`` has the settings by section, ``about`` what the
    user says of the run.
    """

    path: Path
    name: str
    state: str | None = None
    step: int = 0
    total_steps: int | None = None
    epoch: float | None = None
    best: EvaluationScore | None = None
    last: EvaluationScore | None = None
    started: float | None = None
    updated: float | None = None
    device: str | None = None
    samples_per_s: float | None = None
    config: Mapping[str, Any] = field(default_factory=dict)
    about: About = field(default_factory=About)

    @property
    def title(self) -> str:
        """The name that the user gave, or that of the folder."""
        return self.about.name or self.name


def summarise(folder: RunFolder) -> RunSummary:
    """Summarise a run. Its state is None if its files are missing or damaged."""
    head: list[Event] = []
    tail: list[Event] = []
    update: _Update | None = None
    with suppress(OSError):
        head = list(_head(folder.events))
        tail, update = _tail(folder.events)
    if not tail:
        return RunSummary(folder.path, folder.path.name, about=read_about(folder))
    start = next((event for event in [*tail, *head] if isinstance(event, RunStarted)), None)
    step, epoch, samples_per_s = update or _Update(start.last_kept if start else 0, None, None)
    evaluations = [event for event in tail if isinstance(event, Evaluated)]
    return RunSummary(
        path=folder.path,
        name=folder.path.name,
        state=_state(folder, tail),
        step=step,
        total_steps=start.total_steps if start else None,
        epoch=epoch,
        best=_best(evaluations),
        last=_score(evaluations[0]) if evaluations else None,
        started=head[0].t if head else None,
        updated=tail[0].t,
        device=start.device if start else None,
        samples_per_s=samples_per_s,
        config=start.config if start else {},
        about=read_about(folder),
    )


class Summaries:
    """Summaries that are asked for again and again. Runs that have ended are read once."""

    def __init__(self) -> None:
        self._known: dict[Path, tuple[list[_Stamp], RunSummary]] = {}

    def of(self, folder: RunFolder) -> RunSummary:
        """As ``summarise``, from memory if the run has ended and its files are the same."""
        stamps = [_stamp(folder.events), _stamp(folder.path / ABOUT)]
        before, summary = self._known.get(folder.path, (None, None))
        if summary is None or before != stamps:
            summary = summarise(folder)
            if summary.state in ENDED:
                self._known[folder.path] = stamps, summary
        return summary


_Stamp = tuple[int, int, int] | None
"""File, size and time of the last change; None if there is no file."""


def _stamp(path: Path) -> _Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class _Update(NamedTuple):
    step: int
    epoch: float | None
    samples_per_s: float | None


def _head(path: Path) -> Iterator[Event]:
    """The events up to the first start."""
    with open(path, "rb") as file:
        while file.tell() < HEAD and (line := file.readline(HEAD)):
            if event := decode_event(line):
                yield event
                if isinstance(event, RunStarted):
                    return


def _tail(path: Path) -> tuple[list[Event], _Update | None]:
    """The valid events, newest first, back to the last start and the best evaluation.

    Of the ``steps`` events only the last one is included; its last update is returned too. Events
    that a later start voided are skipped.
    """
    size, limit = 0, float("inf")
    events: list[Event] = []
    update: _Update | None = None
    has_start = has_best = False
    for line in lines_newest_first(path):
        size += len(line)
        if size > TAIL or limit == 0 or (update and has_start and has_best):
            break
        event = None if update and STEPS_MARK in line[:MARKED_WITHIN] else decode_event(line)
        if isinstance(event, Steps):
            update = _last_update(event, limit)
        if event is None or not _counts(event, limit, update):
            continue
        events.append(event)
        has_best |= isinstance(event, Evaluated) and event.best
        if isinstance(event, RunStarted):
            has_start, limit = True, min(limit, event.last_kept)
    return events, update


def _counts(event: Event, limit: float, update: _Update | None) -> bool:
    """Whether an event is valid: a resumed run repeats the updates after ``limit``."""
    if isinstance(event, Steps):
        return update is not None
    return not isinstance(event, Evaluated) or event.step <= limit


def _last_update(event: Steps, limit: float) -> _Update | None:
    """The last update up to ``limit``; None if the event has none."""
    counted = [step for step in event.steps if step <= limit]
    if not counted:
        return None
    columns = (event.column(name)[: len(counted)] for name in ("epoch", "samples_per_s"))
    epoch, rate = (column[-1] if column else None for column in columns)
    return _Update(counted[-1], epoch, rate)


def _state(folder: RunFolder, tail: list[Event]) -> str | None:
    """The last reported state, or "lost" if the worker has ended without reporting."""
    state = latest_state(tail)
    return state if state is None or state in ENDED or folder.is_live() else LOST


def _best(evaluations: list[Evaluated]) -> EvaluationScore | None:
    """The last evaluation marked as best; if none was read, the best of those that were."""
    marked = next((event for event in evaluations if event.best), None)
    if marked:
        return _score(marked)
    best: EvaluationScore | None = None
    for each in map(_score, reversed(evaluations)):
        if each.score.is_better_than(best.score if best else None):
            best = each
    return best


def _score(event: Evaluated) -> EvaluationScore:
    evaluation = event.metrics
    score = reported_score(event) or Score.of(evaluation, BY_OLDER_RUNS)
    return EvaluationScore(
        step=event.step,
        epoch=event.epoch,
        metric=score.metric,
        value=score.value,
        loss=score.loss,
        exact_match=evaluation.exact_match,
        exact_match_values=evaluation.exact_match_values,
        samples=evaluation.samples,
        metrics={metric.name: metric.of(evaluation) for metric in METRICS},
    )
