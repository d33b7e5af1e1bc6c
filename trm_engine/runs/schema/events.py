"""Events from a worker to its viewers, one JSON line each.

Every line has ``v`` (format version), ``seq`` (0, 1, 2, …), ``t`` (Unix seconds) and ``type``. A
reader skips lines that are no events, and ignores unknown keys. Events of older versions may lack
the fields that have a default.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, get_args

import msgspec
from msgspec import Raw, Struct

from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.runs.schema.fields import MOST, AtLeastOne, Count, Level, State, Time


class Base(Struct, kw_only=True, tag_field="type"):
    """``seq`` and ``t`` are set by the writer; they are -1 before."""

    seq: Count = -1
    t: Time = -1.0


class DataFigures(Struct, kw_only=True):
    """A data set. Lengths are in tokens.

    ``overlap`` counts samples that are also training data. ``problems``: number of samples of its
    file by kind of problem, as ``data view --json`` names them.
    """

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
    problems: dict[str, Count] = {}


class RunData(Struct):
    """Training and validation data. Line numbers of samples refer to ``val.path``, from 1."""

    train: DataFigures
    val: DataFigures


class Field(Struct):
    """A slot or parameter that the model knows; ``values`` are the options of a choice."""

    name: str
    kind: str = "span"
    values: list[str] = []
    json_type: str = "string"


class Labels(Struct):
    """The labels of the model's outputs. ``parameters`` [tools] are indices in ``args``."""

    tools: list[str] = []
    parameters: list[list[Count]] = []
    slots: list[Field] = []
    args: list[Field] = []


class _Training(Struct):
    eval_interval: AtLeastOne


class _Config(Struct):
    training: _Training


class RunStarted(Base, kw_only=True, tag="run_started"):
    """Training starts, or resumes after update ``resumed_from``. Earlier events of later updates
    are void then.

    ``steps_per_epoch`` is the number of updates of the first epoch (epochs differ), ``epoch_ends``
    are the last updates of all epochs. ``parameters`` has counts: "total" and parts of the model.
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
        """The last valid update of earlier starts. Later ones are void."""
        return self.resumed_from or 0

    def __post_init__(self) -> None:
        if "total" not in self.parameters or not self.eval_interval:
            raise ValueError("the number of parameters is missing")

    @property
    def eval_interval(self) -> int:
        """Updates between evaluations."""
        return msgspec.convert(self.config, _Config).training.eval_interval


class StepColumns(Base, kw_only=True, tag="steps"):
    """All updates since the last such event: ``columns`` [updates] by name.

    Columns: step, epoch (fractional, rises with every update), time (seconds), lr, grad_norm,
    samples, tokens, samples_per_s, tokens_per_s, memory (bytes: the peak of tensors on CUDA,
    otherwise of the process), every loss, and with training.halting steps_per_sample (mean
    supervision steps that a sample trained). ``by_step`` [updates, steps] is the total loss at each
    supervision step, a mean over the samples that trained it. The event implies that the run is
    running.
    """

    columns: dict[str, list[int | float | None]]
    by_step: list[list[float | None]]

    def __post_init__(self) -> None:
        sizes = {len(self.by_step), *map(len, self.columns.values())}
        steps = [step for step in self.columns.get("step", []) if isinstance(step, int)]
        if sizes != {len(steps)} or not rising(steps):
            raise ValueError("columns differ in length, or updates are not in order")


class Steps(Base, kw_only=True, tag="steps", gc=False):
    """``StepColumns`` for viewers: columns are JSON texts, which ``decode_numbers`` decodes.

    Only the column "step" is validated. A text keeps the whole line in memory, unless it is copied
    (``msgspec.Raw.copy``).
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
        """The numbers of a column; [] if it is missing or invalid."""
        try:
            return _decode_column(self.columns.get(name, b"[]"))
        except (ValueError, RecursionError):
            return []


class StoredSteps(Steps, kw_only=True, tag="stored_steps", gc=False):
    """Many updates from ``stored_columns``: ``columns`` are arrays, ``by_step`` is left out."""

    @classmethod
    def of(cls, time: float, columns: dict[str, Any]) -> StoredSteps:
        """From the columns of these updates, and the time of the last one's event."""
        return cls(t=time, columns=columns, by_step=Raw(b"[]"))

    def __post_init__(self) -> None:
        """They were in order when they were stored."""

    @property
    def steps(self) -> list[int]:
        steps: Any = self.columns["step"]
        return [int(step) for step in steps]


class Progress(Base, kw_only=True, tag="progress"):
    """Progress of the preparation: the finished ``share`` (0 to 1) of the stage ``what``.

    ``seconds_left``: of the stage, once that can be told.
    """

    what: str
    share: float
    seconds_left: float | None = None


class EvalProgress(Base, kw_only=True, tag="eval_progress"):
    """Progress of an evaluation: ``done`` of ``total`` samples."""

    step: Count = 0
    done: Count
    total: Count


class Overfitting(Struct, frozen=True, kw_only=True):
    """The validation loss was ``lowest`` at ``epoch``, ``evaluations`` ago; now it is ``loss``.

    The training loss has fallen since.
    """

    lowest: float
    epoch: float
    loss: float
    evaluations: Count

    def __str__(self) -> str:
        """For example "validation loss is lowest at epoch 9 (4.8); …"."""
        return (
            f"validation loss is lowest at epoch {self.epoch:.4g} ({self.lowest:.4g}); it has been "
            f"higher for {self.evaluations} evaluations (now {self.loss:.4g}) while the training "
            f"loss fell: the model overfits"
        )


class Evaluated(Base, kw_only=True, tag="eval"):
    """An evaluation after update ``step``, which took ``seconds``. ``epoch`` is fractional.

    ``best`` is whether it is the best so far, by the metric ``best_metric``. ``overfitting`` is
    None if there is no sign of it.
    """

    step: Count
    epoch: float
    seconds: float
    best: bool = False
    best_metric: str | None = None
    metrics: Evaluation
    overfitting: Overfitting | None = None


class CheckpointSaved(Base, kw_only=True, tag="checkpoint"):
    """A file was saved at update ``step``. ``kind`` is step, epoch, last, best or final."""

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
    """The new state of the run, and the reason if there is one."""

    state: State
    reason: str | None = None


class RunFailed(Base, kw_only=True, tag="failed"):
    """The error of a failed run; ``user_error`` is whether the user can fix it."""

    message: str
    traceback: str | None = None
    user_error: bool = False


class Stamp(Struct):
    """The fields that events of all versions have."""

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
"""An event for readers."""

NewEvent = Known | StepColumns
"""An event for the writer."""

E = TypeVar("E", bound=Base)
_TYPES = {each.__struct_config__.tag for each in get_args(NewEvent)}

_decode_event = msgspec.json.Decoder(Event, strict=False).decode
_decode_whole = msgspec.json.Decoder(NewEvent, strict=False).decode
_decode_stamp = msgspec.json.Decoder(Stamp).decode
_decode_steps = msgspec.json.Decoder(list[int]).decode
_decode_column = msgspec.json.Decoder(list[float | None], strict=False).decode


def decode_event(line: bytes) -> Event | None:
    """Decode a line; None if it is not an event of a known type."""
    return _decoded(_decode_event, line)


def decode_whole(line: bytes) -> NewEvent | None:
    """Like ``decode_event``, but decodes and validates all columns of steps."""
    return _decoded(_decode_whole, line)


def decode_seq(line: bytes) -> int | None:
    """The ``seq`` of an event, which may be of an unknown type; None for other lines."""
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
    """Whether this is a nonempty, strictly rising sequence of update numbers."""
    return bool(steps) and steps[0] > 0 and steps[-1] <= MOST and sorted(set(steps)) == steps
