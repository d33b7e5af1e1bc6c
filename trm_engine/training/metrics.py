"""Metrics: the figures of an evaluation, computed from predictions and truths as arrays.

``runs/schema/evaluation.py`` says what each of them is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from trm_engine.data.encoding import UNKNOWN_TOOL
from trm_engine.data.labels import Labels
from trm_engine.inference.halting import halts
from trm_engine.runs.schema.evaluation import (
    Arguments,
    BinaryFigures,
    Cell,
    Evaluation,
    Halting,
    Slot,
    Slots,
    StepFigures,
    Tools,
)

PRESENT = 0.5
CELL_LINES = 20
FLOOR = 1e-9

THRESHOLDS = (
    *(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9),
    *(0.92, 0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99, 0.995, 0.999, 1.0),
)
"""Halting thresholds of a curve: closer together where a trained model's q are."""

ACCEPTED_LOSS = 0.001
"""Share of exact matches that halting may cost."""


@dataclass(frozen=True)
class Truth:
    """The right answers of N samples: ``decision``, ``tool`` [N]; ``presence`` [N, S]."""

    decision: np.ndarray
    tool: np.ndarray
    presence: np.ndarray

    def of(self, samples: np.ndarray) -> Truth:
        """Those of some samples."""
        return Truth(*(getattr(self, each.name)[samples] for each in fields(self)))


@dataclass(frozen=True)
class Answers:
    """Predictions of N samples at K steps.

    ``decision``, ``q`` [K, N] probabilities; ``tool`` [K, N] classes, -1 none, with
    ``tool_confidence`` [K, N] their probabilities; ``tool_probability`` [K, N] of the true tool;
    ``presence`` [K, N, S] probabilities; ``value_right`` [K, N, S] bool: the value is the true one,
    or both are empty; ``args_right`` [K, N] bool: of a call, given its true tool.
    """

    decision: np.ndarray
    q: np.ndarray
    tool: np.ndarray
    tool_confidence: np.ndarray
    tool_probability: np.ndarray
    presence: np.ndarray
    value_right: np.ndarray
    args_right: np.ndarray

    def of(self, samples: np.ndarray) -> Answers:
        """Those to some samples."""
        return Answers(*(getattr(self, each.name)[:, samples] for each in fields(self)))


@dataclass(frozen=True)
class Correctness:
    """Which parts of the answers are right, [K, N] each; of tools and arguments only for calls."""

    decision: np.ndarray
    tool: np.ndarray
    presence: np.ndarray
    exact: np.ndarray
    exact_values: np.ndarray


def correctness(truth: Truth, answers: Answers) -> Correctness:
    """Compare answers with the truth."""
    decision = (answers.decision > 0.5) == truth.decision
    tool = (answers.tool == truth.tool) & (truth.tool >= 0)
    presence = ((answers.presence > PRESENT) == truth.presence).all(axis=-1)
    exact = decision & (tool | ~truth.decision) & presence
    values = answers.value_right.all(axis=-1) & (answers.args_right | ~truth.decision)
    return Correctness(decision, tool, presence, exact, exact & values)


def evaluation_metrics(
    truth: Truth, answers: Answers, labels: Labels, halt_threshold: float, tools_learnt: int
) -> Evaluation:
    """All of an evaluation's figures for the last step, and the headline ones by step.

    A ratio over nothing is None. The first ``tools_learnt`` tools of the labels are not new.
    """
    right = correctness(truth, answers)
    calls = truth.decision
    new = truth.tool >= tools_learnt
    return Evaluation(
        samples=len(calls),
        decision=binary_metrics(truth.decision, answers.decision[-1] > 0.5),
        tool=Tools(
            accuracy=_mean(right.tool[-1][calls]),
            samples=int(calls.sum()),
            new=int(new.sum()),
            new_accuracy=_mean(right.tool[-1][new]),
            unknown=int((truth.tool == UNKNOWN_TOOL).sum()),
            labels=list(labels.tools),
            confusion=confusion(truth.tool, answers.tool[-1], len(labels.tools)).tolist(),
        ),
        slots=_slot_metrics(truth, answers, labels),
        arguments=Arguments(accuracy=_mean(answers.args_right[-1][calls]), calls=int(calls.sum())),
        exact_match=_mean(right.exact[-1]),
        exact_match_values=_mean(right.exact_values[-1]),
        by_step=_by_step(truth, answers, right),
        halting=_halting(answers, right, halt_threshold),
    )


def binary_metrics(truth: np.ndarray, predicted: np.ndarray) -> BinaryFigures:
    """Accuracy, precision, recall, F1 and the four counts; True is positive; [N] each."""
    tp = int((truth & predicted).sum())
    fp = int((~truth & predicted).sum())
    fn = int((truth & ~predicted).sum())
    tn = int((~truth & ~predicted).sum())
    return BinaryFigures(
        accuracy=_ratio(tp + tn, tp + tn + fp + fn),
        precision=_ratio(tp, tp + fp),
        recall=_ratio(tp, tp + fn),
        f1=_ratio(2 * tp, 2 * tp + fp + fn),
        tp=tp,
        fn=fn,
        fp=fp,
        tn=tn,
    )


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts [classes, classes] of true by predicted class; labels below 0 are left out."""
    counted = (truth >= 0) & (predicted >= 0)
    cells = truth[counted] * classes + predicted[counted]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def confusion_cells(truth: np.ndarray, predicted: np.ndarray, lines: np.ndarray) -> list[Cell]:
    """The pairs of true and predicted class that occur, -1 for none predicted, with their samples.

    ``truth``, ``predicted``, ``lines`` [N]; samples whose true class is below 0 are left out. A
    cell names the ``lines`` of its first samples.
    """
    samples: dict[tuple[int, int], list[int]] = {}
    for true, found, line in zip(truth.tolist(), predicted.tolist(), lines.tolist(), strict=True):
        if true >= 0:
            samples.setdefault((true, found), []).append(line)
    return [
        Cell(true=true, predicted=found, count=len(where), lines=where[:CELL_LINES])
        for (true, found), where in sorted(samples.items())
    ]


def sample_losses(truth: Truth, answers: Answers) -> np.ndarray:
    """-log of the probability that each sample's decision, tool and presences are right, [N]."""
    decision = np.where(truth.decision, answers.decision[-1], 1 - answers.decision[-1])
    tool = np.where(truth.decision, answers.tool_probability[-1], 1.0)
    presence = np.where(truth.presence, answers.presence[-1], 1 - answers.presence[-1])
    return -_log_joint(decision, tool, presence)


def halting_curve(
    truth: Truth, answers: Answers, thresholds: Sequence[float] = THRESHOLDS
) -> list[Halting]:
    """Mean steps and exact matches at each halting threshold."""
    right = correctness(truth, answers)
    return [_halting(answers, right, threshold) for threshold in thresholds]


def cheapest_halting(curve: Sequence[Halting], exact_match: float | None) -> Halting | None:
    """The lowest threshold of a curve that costs next to nothing of all steps' exact matches."""
    enough = (exact_match or 0.0) - ACCEPTED_LOSS
    return next((point for point in curve if (point.exact_match or 0.0) >= enough), None)


def _log_joint(decision: np.ndarray, tool: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """The log of the product of probabilities: [N], [N] and [N, S] to [N]."""
    single = np.log(np.maximum(decision, FLOOR)) + np.log(np.maximum(tool, FLOOR))
    joint: np.ndarray = single + np.log(np.maximum(presence, FLOOR)).sum(axis=-1)
    return joint


def _slot_metrics(truth: Truth, answers: Answers, labels: Labels) -> Slots:
    predicted = answers.presence[-1] > PRESENT
    overall = binary_metrics(truth.presence.ravel(), predicted.ravel())
    filled = truth.presence
    return Slots(
        accuracy=overall.accuracy,
        all_right=_mean((predicted == truth.presence).all(axis=-1)),
        precision=overall.precision,
        recall=overall.recall,
        f1=overall.f1,
        value_accuracy=_mean(answers.value_right[-1][filled]),
        values=int(filled.sum()),
        per_slot={
            name: _one_slot(truth.presence[:, i], predicted[:, i], answers.value_right[-1][:, i])
            for i, name in enumerate(labels.slot_names)
        },
    )


def _one_slot(truth: np.ndarray, predicted: np.ndarray, value_right: np.ndarray) -> Slot:
    presence = binary_metrics(truth, predicted)
    return Slot(
        accuracy=presence.accuracy,
        precision=presence.precision,
        recall=presence.recall,
        f1=presence.f1,
        value_accuracy=_mean(value_right[truth]),
        filled=int(truth.sum()),
    )


def _by_step(truth: Truth, answers: Answers, right: Correctness) -> list[StepFigures]:
    present = (answers.presence > PRESENT) == truth.presence
    return [
        StepFigures(
            step=step + 1,
            decision_accuracy=_mean(right.decision[step]),
            tool_accuracy=_mean(right.tool[step][truth.decision]),
            slot_accuracy=_mean(present[step].ravel()),
            exact_match=_mean(right.exact[step]),
            exact_match_values=_mean(right.exact_values[step]),
            q=_mean(answers.q[step]),
        )
        for step in range(len(answers.decision))
    ]


def _halting(answers: Answers, right: Correctness, threshold: float) -> Halting:
    """What stopping each sample at the first step with q at the threshold would give."""
    samples = answers.q.shape[1]
    stops = halts(answers.q, threshold)
    stops[-1] = True
    stop = stops.argmax(axis=0)
    return Halting(
        threshold=threshold,
        mean_steps=_mean(stop + 1),
        exact_match=_mean(right.exact[stop, np.arange(samples)]),
    )


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if values.size else None
