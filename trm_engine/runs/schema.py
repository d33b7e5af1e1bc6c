"""Schema: the shape of every event, so that a reader passes over what is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

MOST = 2**53
"""The largest whole number that a float tells apart from its neighbours."""

Count = Annotated[int, Meta(ge=0, le=MOST)]
AtLeastOne = Annotated[int, Meta(ge=1, le=MOST)]
Time = Annotated[float, Meta(ge=0, le=1e11)]
Number = int | float | Literal["NaN", "Infinity", "-Infinity"]
Share = Number | None
State = Literal["starting", "running", "paused", "stopping", "finished", "stopped", "failed"]


class Base(Struct):
    """What every event has; keys that a shape does not name may hold anything."""

    seq: Count
    t: Time
    type: str


class _TrainingSettings(Struct):
    eval_interval: AtLeastOne


class _Settings(Struct):
    training: _TrainingSettings


class _Figures(Struct):
    samples: Count
    path: str
    overlap: Count = 0


class _Data(Struct):
    train: _Figures
    val: _Figures


class _Parameters(Struct):
    total: Count


class _RunStarted(Base):
    config: _Settings
    data: _Data
    parameters: _Parameters
    device: str
    dtype: str
    total_steps: Count
    steps_per_epoch: AtLeastOne
    epoch_ends: list[Count] = []
    resumed_from: Count | None = None
    labels: dict[str, Any] = {}
    versions: dict[str, str] = {}
    git_revision: str | None = None
    dtype_reason: str = ""
    world_size: Count | None = None


class _Progress(Base):
    what: str
    share: float


class _EvalProgress(Base):
    done: Count
    total: Count


class _Decision(Struct):
    accuracy: Share
    f1: Share
    precision: Share = None
    recall: Share = None
    tp: Count = 0
    fn: Count = 0
    fp: Count = 0
    tn: Count = 0


class _Cell(Struct):
    true: int
    predicted: int
    lines: list[Count]
    count: Count = 0


class _Tool(Struct):
    accuracy: Share
    labels: list[str] = []
    confusion: list[list[Count]] = []
    cells: list[_Cell] = []
    samples: Count = 0
    unknown: Count | None = None

    def __post_init__(self) -> None:
        classes = len(self.labels)
        if [len(row) for row in self.confusion] not in ([], [classes] * classes):
            raise ValueError("the confusion matrix does not fit the labels")
        ids = [each for cell in self.cells for each in (cell.true, cell.predicted)]
        if any(not -2 <= each < classes for each in ids):
            raise ValueError("a cell is of no label")


class _Slot(Struct):
    accuracy: Share = None
    precision: Share = None
    recall: Share = None
    f1: Share = None
    value_accuracy: Share = None
    filled: Count = 0


class _Slots(Struct):
    accuracy: Share
    value_accuracy: Share
    per_slot: dict[str, _Slot] | None = None


class _Accuracy(Struct):
    accuracy: Share


class _Step(Struct):
    step: Count
    decision_accuracy: Share = None
    tool_accuracy: Share = None
    slot_accuracy: Share = None
    exact_match: Share = None
    exact_match_values: Share = None
    q: Share = None


class _Sample(Struct):
    index: Count | None = None


class _Metrics(Struct):
    loss: Share
    decision: _Decision
    tool: _Tool
    slots: _Slots
    arguments: _Accuracy
    exact_match: Share
    exact_match_values: Share
    by_step: list[_Step] = []
    halting: dict[str, Any] | None = None
    worst: list[_Sample] | None = None
    shown: list[_Sample] | None = None


class _Eval(Base):
    step: Count
    epoch: float
    seconds: float
    metrics: _Metrics
    best: bool = False


class _Checkpoint(Base):
    step: Count
    epoch: float
    path: str
    kind: str
    bytes: Count


class _Log(Base):
    level: Literal["info", "warning", "error"]
    message: str
    step: Count | None = None


class _State(Base):
    state: State
    reason: str | None = None


class _Failed(Base):
    message: str
    traceback: str | None = None
    user_error: bool = False


class _Steps(Base):
    columns: dict[str, list[Number]]
    by_step: list[list[Number]]

    def __post_init__(self) -> None:
        sizes = {len(self.by_step), *map(len, self.columns.values())}
        steps = [step for step in self.columns.get("step", []) if isinstance(step, int)]
        if sizes != {len(steps)} or not rising(steps):
            raise ValueError("columns differ in length, or updates are not in order")


SHAPES: dict[str, type[Base]] = {
    "run_started": _RunStarted,
    "progress": _Progress,
    "eval_progress": _EvalProgress,
    "eval": _Eval,
    "checkpoint": _Checkpoint,
    "log": _Log,
    "state": _State,
    "failed": _Failed,
    "steps": _Steps,
}


def is_event(record: dict[str, Any]) -> bool:
    """Whether a JSON object is an event of this format; one of an unknown type is."""
    kind = record.get("type")
    shape = SHAPES.get(kind, Base) if isinstance(kind, str) else Base
    try:
        msgspec.convert(record, shape)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return False
    return True


def rising(steps: Sequence[int]) -> bool:
    """Whether these are numbers of updates in order, at least one."""
    return bool(steps) and steps[0] > 0 and steps[-1] <= MOST and sorted(set(steps)) == steps
