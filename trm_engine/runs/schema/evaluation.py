"""Evaluation: what an evaluation contains, and METRICS, the table of its figures.

To add a metric: compute it in ``training/metrics.py``; give it a field and a row of ``METRICS``
here. Fields with a default are those that evaluations of older versions lack.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec import Struct

from trm_engine.runs.schema.fields import Count, DecisionName, Share


class BinaryFigures(Struct, frozen=True, kw_only=True):
    """A yes-or-no prediction, with counts of samples. Of decisions, tool_call is the positive."""

    accuracy: Share
    precision: Share = None
    recall: Share = None
    f1: Share
    tp: Count = 0
    fn: Count = 0
    fp: Count = 0
    tn: Count = 0


class Cell(Struct, frozen=True, kw_only=True):
    """Samples of one true tool (-1: not known to the model) and one predicted tool (-1: none).

    ``lines``: where the first of them stand in the data file, from 1.
    """

    true: int
    predicted: int
    count: Count = 0
    lines: list[Count]


class Tools(Struct, frozen=True, kw_only=True):
    """The choice of the tool, on the samples that call one.

    ``accuracy`` is over these ``samples``; ``unknown`` of them call a tool that the model does not
    know, which counts as an error. ``confusion`` [tools, tools] counts them by true and predicted
    tool, in the order of ``labels``; ``cells`` has those without a known or predicted tool too.
    """

    accuracy: Share
    samples: Count = 0
    unknown: Count | None = None
    labels: list[str] = []
    confusion: list[list[Count]] = []
    cells: list[Cell] = []

    def __post_init__(self) -> None:
        classes = len(self.labels)
        if [len(row) for row in self.confusion] not in ([], [classes] * classes):
            raise ValueError("the confusion matrix does not fit the labels")
        ids = [each for cell in self.cells for each in (cell.true, cell.predicted)]
        if any(not -2 <= each < classes for each in ids):
            raise ValueError("a cell is of no label")


class Slot(Struct, frozen=True, kw_only=True):
    """One slot: whether its presence is predicted right, and its value where it is ``filled``.

    ``value_accuracy`` is over the ``filled`` samples, those in which the slot has a value.
    """

    accuracy: Share = None
    precision: Share = None
    recall: Share = None
    f1: Share = None
    value_accuracy: Share = None
    filled: Count = 0


class Slots(Struct, frozen=True, kw_only=True):
    """All slots: presence over samples and slots, values over the ``values`` filled slots.

    ``all_right`` is the share of samples in which the presence of every slot is right.
    """

    accuracy: Share
    all_right: Share = None
    precision: Share = None
    recall: Share = None
    f1: Share = None
    value_accuracy: Share
    values: Count | None = None
    per_slot: dict[str, Slot] | None = None


class Arguments(Struct, frozen=True, kw_only=True):
    """``accuracy``: the share of ``calls`` whose arguments are all right, given the true tool."""

    accuracy: Share
    calls: Count = 0


class StepFigures(Struct, frozen=True, kw_only=True):
    """The headline figures after one supervision ``step``, from 1; ``q`` is its mean."""

    step: Count
    decision_accuracy: Share = None
    tool_accuracy: Share = None
    slot_accuracy: Share = None
    exact_match: Share = None
    exact_match_values: Share = None
    q: Share = None
    loss: float | None = None


class Halting(Struct, frozen=True, kw_only=True):
    """If each sample stopped at the first step whose q is at least ``threshold``.

    ``mean_steps`` are supervision steps a sample.
    """

    threshold: float
    mean_steps: float | None = None
    exact_match: Share = None


class JudgedSample(Struct, frozen=True, kw_only=True):
    """One sample: what is right, what the model answered, what of it is ``wrong``.

    ``index`` is its place in the data set from 0, ``line`` its line in the data file from 1 and
    ``text`` the end of its last turn. Lists have one entry a supervision step [N_sup].
    ``confidence`` is the probability that the model gives its own last answer, ``loss`` -log of
    that of the right one.
    """

    index: Count | None = None
    line: Count = 0
    text: str = ""
    decision: DecisionName = "direct_answer"
    tool: str | None = None
    predicted_decision: DecisionName = "direct_answer"
    predicted_tool: str | None = None
    decision_probability: list[float] = []
    q: list[float] = []
    confidence: float = 0.0
    loss: float | None = None
    wrong: list[str] = []
    exact: list[bool] = []
    exact_values: list[bool] = []


class Evaluation(Struct, frozen=True, kw_only=True):
    """A model's figures on a file of samples, after the last supervision step.

    ``exact_match`` is the share of samples whose decision, tool and slot presences are right;
    ``exact_match_values`` of those whose slot values and arguments are right too. ``loss`` is the
    mean over supervision steps. ``worst`` are the samples of the highest loss, ``shown`` some that
    are the same in every evaluation of a run.
    """

    samples: Count | None = None
    decision: BinaryFigures
    tool: Tools
    slots: Slots
    arguments: Arguments
    exact_match: Share
    exact_match_values: Share
    by_step: list[StepFigures] = []
    halting: Halting | None = None
    loss: float | None = None
    worst: list[JudgedSample] | None = None
    shown: list[JudgedSample] | None = None


def evaluation_of(record: Any) -> Evaluation | None:
    """The evaluation in JSON that was decoded; None if it is none."""
    try:
        return msgspec.convert(record, Evaluation, strict=False)
    except msgspec.ValidationError:
        return None


Kind = Literal["share", "loss", "count", "steps"]


@dataclass(frozen=True)
class Metric:
    """A figure of an evaluation.

    Attributes:
        name: its path in an evaluation, as "slots.value_accuracy".
        title: its name in a table.
        short: its name where there is little room: in charts, columns and lines.
        help: what it is, in a sentence.
        kind: a share from 0 to 1, a loss, a count or a number of supervision steps.
        rank: where there is no room for all, those of low rank are shown; None: in tables only.
        by_step: its field in ``StepFigures``, if it is there.
        is_detail: whether it is shown beside its part only, not among the headlines.
    """

    name: str
    title: str
    short: str
    help: str
    kind: Kind = "share"
    rank: int | None = None
    by_step: str = ""
    is_detail: bool = False

    def of(self, evaluation: Evaluation | None) -> float | None:
        """The figure; None where it is not known."""
        value: float | None = attrgetter(self.name)(evaluation) if evaluation else None
        return value

    def at_step(self, figures: StepFigures | None) -> float | None:
        """The figure after a supervision step; None where it is not known."""
        value: float | None = getattr(figures, self.by_step) if figures else None
        return value

    @property
    def choice(self) -> str:
        """Its name as a value of ``training.best_metric``."""
        return self.name.replace(".", "_")

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is a better one."""
        return self.kind in ("share", "count")


METRICS = (
    Metric(
        "decision.accuracy",
        "Decision Accuracy",
        "decision",
        "Share of samples with the right decision: to call a tool or to answer.",
        rank=2,
        by_step="decision_accuracy",
    ),
    Metric(
        "decision.precision",
        "Decision Precision",
        "precision",
        "Share of the predicted calls that are calls.",
        is_detail=True,
    ),
    Metric(
        "decision.recall",
        "Decision Recall",
        "recall",
        "Share of the calls that are predicted as calls.",
        is_detail=True,
    ),
    Metric(
        "decision.f1",
        "Decision F1",
        "F1",
        "Harmonic mean of precision and recall of calls.",
        rank=7,
    ),
    Metric(
        "tool.accuracy",
        "Tool Accuracy",
        "tool",
        "Share of the calls with the right tool.",
        rank=3,
        by_step="tool_accuracy",
    ),
    Metric(
        "arguments.accuracy",
        "Argument Accuracy",
        "args",
        "Share of the calls whose arguments are all right, given the true tool.",
        rank=6,
    ),
    Metric(
        "slots.accuracy",
        "Slot Accuracy (Overall)",
        "slots",
        "Share of the slots of all samples whose presence is right.",
        rank=4,
        by_step="slot_accuracy",
    ),
    Metric(
        "slots.all_right",
        "All Slots Right",
        "all slots",
        "Share of samples in which the presence of every slot is right.",
    ),
    Metric(
        "slots.value_accuracy",
        "Slot Value Accuracy",
        "values",
        "Share of the filled slots whose value is right.",
        rank=5,
    ),
    Metric(
        "exact_match",
        "Exact Match",
        "exact",
        "Share of samples whose decision, tool and slot presences are all right.",
        rank=0,
        by_step="exact_match",
    ),
    Metric(
        "exact_match_values",
        "Exact Match + Values",
        "+values",
        "Share of samples that are exact matches with all slot values and arguments right.",
        rank=1,
        by_step="exact_match_values",
    ),
    Metric(
        "loss",
        "Loss",
        "loss",
        "Validation loss, the mean over supervision steps.",
        kind="loss",
        by_step="loss",
    ),
)
"""All metrics, in the order in which tables, charts and the history show them."""

HEADLINES = tuple(metric for metric in METRICS if not metric.is_detail)
SHARES = tuple(metric for metric in METRICS if metric.rank is not None)
"""The metrics that charts, columns and lines show."""

BY_NAME = {metric.name: metric for metric in METRICS}
BY_CHOICE = {metric.choice: metric for metric in METRICS}
"""The metrics by their names as values of ``training.best_metric``."""
