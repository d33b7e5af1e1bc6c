"""Evaluation: the results of an evaluation, and METRICS, the table of its metrics.

To add a metric, compute it in ``training/metrics.py``, and add a field and a row of ``METRICS``
here. Evaluations of older versions may lack the fields that have a default.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Literal

import msgspec
from msgspec import Struct

from trm_engine.runs.schema.confidence import Coverage, Reliability
from trm_engine.runs.schema.fields import Count, DecisionName, Share


class BinaryFigures(Struct, frozen=True, kw_only=True):
    """Metrics of a binary prediction. The positive class of the decision is tool_call."""

    accuracy: Share
    precision: Share = None
    recall: Share = None
    f1: Share
    tp: Count = 0
    fn: Count = 0
    fp: Count = 0
    tn: Count = 0


class Cell(Struct, frozen=True, kw_only=True):
    """Samples of one true tool (-1: unknown to the model) and one predicted tool (-1: none).

    ``lines`` are the line numbers (from 1) of the first of them in the data file.
    """

    true: int
    predicted: int
    count: Count = 0
    lines: list[Count]


class Tools(Struct, frozen=True, kw_only=True):
    """Metrics of the predicted tool, over the samples that call a tool.

    ``accuracy`` is over these ``samples``. ``new`` of them call a tool that training never saw;
    ``new_accuracy`` is over those. ``unknown`` call a tool that is defined nowhere, which counts as
    an error. ``confusion`` [tools, tools] has counts by true and predicted tool, in the order of
    ``labels``. ``cells`` also includes unknown and missing tools.
    """

    accuracy: Share
    samples: Count = 0
    new: Count = 0
    new_accuracy: Share = None
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
            raise ValueError("a cell has no label")


class Slot(Struct, frozen=True, kw_only=True):
    """Metrics of one slot: its presence over all samples, its value over ``filled`` samples.

    ``filled`` counts the samples in which the slot has a value.
    """

    accuracy: Share = None
    precision: Share = None
    recall: Share = None
    f1: Share = None
    value_accuracy: Share = None
    filled: Count = 0


class Slots(Struct, frozen=True, kw_only=True):
    """Metrics of all slots: presence over samples and slots, values over ``values`` filled slots.

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
    """The headline metrics after one supervision ``step`` (from 1); ``q`` is the mean q."""

    step: Count
    decision_accuracy: Share = None
    tool_accuracy: Share = None
    slot_accuracy: Share = None
    exact_match: Share = None
    exact_match_values: Share = None
    q: Share = None
    loss: float | None = None


class Halting(Struct, frozen=True, kw_only=True):
    """Metrics if each sample stops at the first step whose q reaches ``threshold``.

    ``mean_steps`` is the mean number of supervision steps.
    """

    threshold: float
    mean_steps: float | None = None
    exact_match: Share = None


class JudgedSample(Struct, frozen=True, kw_only=True):
    """One sample: its labels, the model's answer, and the ``wrong`` parts of the answer.

    ``index`` is its index in the data set (from 0), ``line`` its line in the data file (from 1),
    and ``text`` the end of its last turn. Lists have one entry for each supervision step [N_sup].
    ``confidence`` is the probability that the final answer's decision, tool and arguments are
    right; ``loss`` is -log of the probability of the right decision, tool and slot presences.
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
    """Metrics of a model on a file of samples, after the last supervision step.

    ``exact_match`` is the share of samples whose decision, tool and slot presences are right. For
    ``exact_match_values``, slot values and arguments must be right too. ``loss`` is the mean over
    supervision steps. ``worst`` are the samples with the highest loss. ``shown`` are samples that
    are the same in every evaluation of a run. ``decision_confidence`` is about the probability of
    the decision, ``answer_confidence`` and ``coverage`` about that of the answer: decision, tool
    and arguments.
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
    decision_confidence: Reliability = Reliability()
    answer_confidence: Reliability = Reliability()
    coverage: Coverage = Coverage()


def evaluation_of(record: Any) -> Evaluation | None:
    """Convert decoded JSON to an evaluation; None if it is invalid."""
    try:
        return msgspec.convert(record, Evaluation, strict=False)
    except msgspec.ValidationError:
        return None


Kind = Literal["share", "error", "loss", "count", "steps"]


@dataclass(frozen=True)
class Metric:
    """A metric of an evaluation.

    Attributes:
        name: the path in ``Evaluation``, for example "slots.value_accuracy".
        title: the name in tables.
        short: the short name in charts, columns and lines.
        help: a description in one sentence.
        kind: a share from 0 to 1, an error from 0 (best) to 1, a loss, a count, or a number of
            supervision steps.
        rank: if there is not enough room, metrics with a low rank are shown. None: only in tables.
        by_step: the field in ``StepFigures``, or "".
        is_detail: whether the metric is left out of the headlines.
        is_optional: whether ``shown`` leaves it out where it is unknown.
    """

    name: str
    title: str
    short: str
    help: str
    kind: Kind = "share"
    rank: int | None = None
    by_step: str = ""
    is_detail: bool = False
    is_optional: bool = False

    def of(self, evaluation: Evaluation | None) -> float | None:
        """The value; None if it is unknown."""
        value: float | None = attrgetter(self.name)(evaluation) if evaluation else None
        return value

    def at_step(self, figures: StepFigures | None) -> float | None:
        """The value after a supervision step; None if it is unknown."""
        value: float | None = getattr(figures, self.by_step) if figures else None
        return value

    @property
    def choice(self) -> str:
        """The name as a value of ``training.best_metric``."""
        return self.name.replace(".", "_")

    @property
    def higher_is_better(self) -> bool:
        """Whether a higher value is better."""
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
        "coverage.answered",
        "Answered at Target",
        "answered",
        "Share of samples that can be answered so that the target accuracy (0.99 unless set) of "
        "decision, tool and arguments is kept.",
        is_optional=True,
    ),
    Metric(
        "decision_confidence.ece",
        "Decision ECE",
        "ECE",
        "Expected calibration error of the decision's probability, over 15 bins of equal width.",
        kind="error",
        is_optional=True,
    ),
    Metric(
        "decision_confidence.brier",
        "Decision Brier Score",
        "Brier",
        "Mean squared distance between the decision's probability and its being right.",
        kind="error",
        is_detail=True,
        is_optional=True,
    ),
    Metric(
        "answer_confidence.ece",
        "Answer ECE",
        "answer ECE",
        "Expected calibration error of the probability that decision, tool and arguments are "
        "right.",
        kind="error",
        is_detail=True,
        is_optional=True,
    ),
    Metric(
        "answer_confidence.brier",
        "Answer Brier Score",
        "answer Brier",
        "Mean squared distance between that probability and the answer's being right.",
        kind="error",
        is_detail=True,
        is_optional=True,
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
"""All metrics, in display order."""

HEADLINES = tuple(metric for metric in METRICS if not metric.is_detail)
SHARES = tuple(metric for metric in METRICS if metric.rank is not None)
"""The metrics that charts, columns and lines show."""

BY_NAME = {metric.name: metric for metric in METRICS}
BY_CHOICE = {metric.choice: metric for metric in METRICS}
"""The metrics by ``Metric.choice``."""


def shown(metrics: Iterable[Metric], *evaluations: Evaluation | None) -> list[Metric]:
    """Those to show of some evaluations; those of confidence only if one of them has it."""
    return [
        metric
        for metric in metrics
        if not metric.is_optional or any(metric.of(each) is not None for each in evaluations)
    ]
