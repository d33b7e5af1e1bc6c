"""Events: what a worker tells its viewers, one JSON line each.

Every line has ``v`` (format), ``seq`` (from 0, rising by 1), ``t`` (Unix seconds) and ``type``. A
reader passes over lines that are no events, and takes keys that it does not know for nothing.
Fields with a default are those that events of older versions lack.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.runs.schema.fields import MOST, AtLeastOne, Count, Level, State, Time


class Base(Struct, kw_only=True, tag_field="type"):
    """``seq`` and ``t`` are given by the writer; an event that was not written has -1."""

    seq: Count = -1
    t: Time = -1.0


class DataFigures(Struct, kw_only=True):
    """A data set. ``overlap``: samples that are equal to one trained on. Lengths are in tokens."""

    path: str
    samples: Count
    dialogues: Count | None = None
    tool_calls: Count | None = None
    tokens: Count | None = None
    mean_tokens: float | None = None
    longest: Count | None = None
    truncated_samples: Count | None = None
    cut_tool_tokens: Count | None = None
    bad_lines: Count | None = None
    overlap: Count | None = None


class RunData(Struct):
    """Samples are named by their line, from 1, in the file at ``val.path``."""

    train: DataFigures
    val: DataFigures


class Field(Struct):
    """A slot or parameter that the model knows; ``values`` are those of a choice."""

    name: str
    kind: str = "span"
    values: list[str] = []
    json_type: str = "string"


class Labels(Struct):
    """What the model's outputs mean. ``parameters`` [tools] are places in ``args``."""

    tools: list[str] = []
    parameters: list[list[Count]] = []
    slots: list[Field] = []
    args: list[Field] = []


class _Training(Struct):
    eval_interval: AtLeastOne


class _Config(Struct):
    training: _Training


class RunStarted(Base, kw_only=True, tag="run_started"):
    """Training begins, or goes on after update ``resumed_from``: later steps told before are void.

    ``steps_per_epoch`` are updates of the first epoch (epochs differ), ``epoch_ends`` the updates
    after which epochs end. ``parameters`` are counts in "total" and by part of the model.
    """

    config: dict[str, Any]
    data: RunData
    labels: Labels = msgspec.field(default_factory=Labels)
    parameters: dict[str, Count]
    device: str
    dtype: str
    dtype_reason: str = ""
    versions: dict[str, str] = {}
    git_revision: str | None = None
    seed: int | None = None
    pid: int | None = None
    host: str = ""
    world_size: Count | None = None
    total_steps: Count
    steps_per_epoch: AtLeastOne
    epoch_ends: list[Count] | None = None
    resumed_from: Count | None = None

    @property
    def last_kept(self) -> int:
        """The last update of earlier starts that counts; later ones are void."""
        return self.resumed_from or 0

    def __post_init__(self) -> None:
        if "total" not in self.parameters or not self.eval_interval:
            raise ValueError("the number of parameters is missing")

    @property
    def eval_interval(self) -> int:
        """Updates between evaluations."""
        return msgspec.convert(self.config, _Config).training.eval_interval


class StepColumns(Base, kw_only=True, tag="steps"):
    """Figures of all updates since the last such event: ``columns`` [updates] by name.

    Columns: step, epoch (how many are done: it rises with every update), time (seconds), lr,
    grad_norm, samples, tokens, samples_per_s, tokens_per_s, memory (bytes: the most that tensors
    took on CUDA, else the process's), every loss, and with training.halting steps_per_sample
    (supervision steps that a sample trained, on average). ``by_step`` [updates, steps] is the total
    loss at each supervision step that an update trained, a mean over the samples that trained it.
    Steps are only told by a worker that runs.
    """

    columns: dict[str, list[int | float | None]]
    by_step: list[list[float | None]]

    def __post_init__(self) -> None:
        sizes = {len(self.by_step), *map(len, self.columns.values())}
        steps = [step for step in self.columns.get("step", []) if isinstance(step, int)]
        if sizes != {len(steps)} or not rising(steps):
            raise ValueError("columns differ in length, or updates are not in order")


class Steps(Base, kw_only=True, tag="steps", gc=False):
    """``StepColumns`` as a viewer reads it: numbers are JSON text, for ``decode_numbers``.

    Only the column "step" is checked. A text keeps the memory of its whole line alive;
    ``msgspec.Raw.copy`` makes one of its own.
    """

    columns: dict[str, Raw]
    by_step: Raw

    def __post_init__(self) -> None:
        if not rising(self.steps):
            raise ValueError("updates are not in order")

    @property
    def steps(self) -> list[int]:
        """The updates, at least one."""
        return _decode_steps(self.columns.get("step", b"[]"))

    def column(self, name: str) -> list[float | None]:
        """The numbers of a column; empty if it is missing or broken."""
        try:
            return _decode_column(self.columns.get(name, b"[]"))
        except (ValueError, RecursionError):
            return []


class Progress(Base, kw_only=True, tag="progress"):
    """How far the preparation of a training is; ``share`` from 0 to 1 of ``what``."""

    what: str
    share: float


class EvalProgress(Base, kw_only=True, tag="eval_progress"):
    """How far an evaluation is: ``done`` of ``total`` samples."""

    step: Count = 0
    done: Count
    total: Count


class Evaluated(Base, kw_only=True, tag="eval"):
    """An evaluation after update ``step``. ``epoch`` is how many epochs are done.

    ``best``: whether it is the best so far, by the metric ``best_metric``. It took ``seconds``.
    """

    step: Count
    epoch: float
    seconds: float
    best: bool = False
    best_metric: str | None = None
    metrics: Evaluation


class CheckpointSaved(Base, kw_only=True, tag="checkpoint"):
    """A file was written at update ``step``. ``kind``: step, epoch, last, best or final."""

    step: Count
    epoch: float
    path: str
    kind: str
    bytes: Count


class LogMessage(Base, kw_only=True, tag="log"):
    """A line for the run's log."""

    level: Level
    message: str
    step: Count | None = None


class StateChanged(Base, kw_only=True, tag="state"):
    """The run's state from now on, and the reason where there is one."""

    state: State
    reason: str | None = None


class RunFailed(Base, kw_only=True, tag="failed"):
    """Why a run failed; ``user_error`` is whether the user can mend it."""

    message: str
    traceback: str | None = None
    user_error: bool = False


class Stamp(Struct):
    """What every event has, of whatever version."""

    seq: Count
    t: Time
    type: str


Known = (
    RunStarted
    | Progress
    | EvalProgress
    | Evaluated
    | CheckpointSaved
    | LogMessage
    | StateChanged
    | RunFailed
)
Event = Known | Steps
"""An event as it is read."""

NewEvent = Known | StepColumns
"""An event as it is written."""

E = TypeVar("E", bound=Base)
_TYPES = {each.__struct_config__.tag for each in get_args(NewEvent)}

_decode_event = msgspec.json.Decoder(Event, strict=False).decode
_decode_whole = msgspec.json.Decoder(NewEvent, strict=False).decode
_decode_stamp = msgspec.json.Decoder(Stamp).decode
_decode_steps = msgspec.json.Decoder(list[int]).decode
_decode_column = msgspec.json.Decoder(list[float | None], strict=False).decode


def decode_event(line: bytes) -> Event | None:
    """The event of a line; None if it holds none of a known type."""
    return _decoded(_decode_event, line)


def decode_whole(line: bytes) -> NewEvent | None:
    """As ``decode_event``, with the numbers of steps decoded and checked."""
    return _decoded(_decode_whole, line)


def decode_seq(line: bytes) -> int | None:
    """The number of an event, of an unknown type too; None if the line holds none."""
    if event := decode_whole(line):
        return event.seq
    try:
        stamp = _decode_stamp(line)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return stamp.seq if stamp.type not in _TYPES else None


def _decoded(decode: Callable[[bytes], E], line: bytes) -> E | None:
    try:
        event = decode(line)
    except (ValueError, RecursionError):
        return None
    return event if event.seq >= 0 <= event.t else None


def rising(steps: Sequence[int]) -> bool:
    """Whether these are numbers of updates in order, at least one."""
    return bool(steps) and steps[0] > 0 and steps[-1] <= MOST and sorted(set(steps)) == steps
