"""Metrics: what an evaluation says, from predictions and truths as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_engine.data.encoding import UNKNOWN_TOOL
from trm_engine.data.labels import Labels

Metrics = dict[str, Any]
PRESENT = 0.5
CELL_LINES = 20


@dataclass(frozen=True)
class Truth:
    """The right answers of N samples: ``decision``, ``tool`` [N]; ``presence`` [N, S]."""

    decision: np.ndarray
    tool: np.ndarray
    presence: np.ndarray


@dataclass(frozen=True)
class Answers:
    """Predictions of N samples at K steps.

    ``decision``, ``q`` [K, N] probabilities; ``tool`` [K, N] classes, -1 none; ``tool_probability``
    [K, N] of the true tool; ``presence`` [K, N, S] probabilities; ``value_right`` [K, N, S] bool:
    the value is the true one, or both are empty; ``args_right`` [K, N] bool: of a call, given its
    true tool.
    """

    decision: np.ndarray
    q: np.ndarray
    tool: np.ndarray
    tool_probability: np.ndarray
    presence: np.ndarray
    value_right: np.ndarray
    args_right: np.ndarray


@dataclass(frozen=True)
class Verdicts:
    """Which parts of the answers are right, [K, N] each; of tools and arguments only for calls."""

    decision: np.ndarray
    tool: np.ndarray
    presence: np.ndarray
    exact: np.ndarray
    exact_values: np.ndarray


def judge(truth: Truth, answers: Answers) -> Verdicts:
    """Compare answers with the truth."""
    decision = (answers.decision > 0.5) == truth.decision
    tool = (answers.tool == truth.tool) & (truth.tool >= 0)
    presence = ((answers.presence > PRESENT) == truth.presence).all(axis=-1)
    exact = decision & (tool | ~truth.decision) & presence
    values = answers.value_right.all(axis=-1) & (answers.args_right | ~truth.decision)
    return Verdicts(decision, tool, presence, exact, exact & values)


def evaluation_metrics(
    truth: Truth, answers: Answers, labels: Labels, halt_threshold: float
) -> Metrics:
    """All of an evaluation's figures for the last step, and the headline ones by step.

    A ratio over nothing is None.
    """
    verdicts = judge(truth, answers)
    calls = truth.decision
    return {
        "samples": len(calls),
        "decision": binary_metrics(truth.decision, answers.decision[-1] > 0.5),
        "tool": {
            "accuracy": _mean(verdicts.tool[-1][calls]),
            "samples": int(calls.sum()),
            "unknown": int((truth.tool == UNKNOWN_TOOL).sum()),
            "labels": list(labels.tools),
            "confusion": confusion(truth.tool, answers.tool[-1], len(labels.tools)).tolist(),
        },
        "slots": _slot_metrics(truth, answers, labels),
        "arguments": {
            "accuracy": _mean(answers.args_right[-1][calls]),
            "calls": int(calls.sum()),
        },
        "exact_match": _mean(verdicts.exact[-1]),
        "exact_match_values": _mean(verdicts.exact_values[-1]),
        "by_step": _by_step(truth, answers, verdicts),
        "halting": _halting(answers, verdicts, halt_threshold),
    }


def binary_metrics(truth: np.ndarray, predicted: np.ndarray) -> Metrics:
    """Accuracy, precision, recall, F1 and the four counts; True is positive; [N] each."""
    tp = int((truth & predicted).sum())
    fp = int((~truth & predicted).sum())
    fn = int((truth & ~predicted).sum())
    tn = int((~truth & ~predicted).sum())
    return {
        "accuracy": _ratio(tp + tn, tp + tn + fp + fn),
        "precision": _ratio(tp, tp + fp),
        "recall": _ratio(tp, tp + fn),
        "f1": _ratio(2 * tp, 2 * tp + fp + fn),
        "tp": tp,
        "fn": fn,
        "fp": fp,
        "tn": tn,
    }


def confusion(truth: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts [classes, classes] of true by predicted class; labels below 0 are left out."""
    counted = (truth >= 0) & (predicted >= 0)
    cells = truth[counted] * classes + predicted[counted]
    return np.bincount(cells, minlength=classes**2).reshape(classes, classes)


def confusion_cells(truth: np.ndarray, predicted: np.ndarray, lines: np.ndarray) -> list[Metrics]:
    """The pairs of true and predicted class that occur, -1 for none predicted, with their samples.

    ``truth``, ``predicted``, ``lines`` [N]; samples whose true class is below 0 are left out. A
    cell names the ``lines`` of its first samples.
    """
    samples: dict[tuple[int, int], list[int]] = {}
    for true, found, line in zip(truth.tolist(), predicted.tolist(), lines.tolist(), strict=True):
        if true >= 0:
            samples.setdefault((true, found), []).append(line)
    return [
        {"true": true, "predicted": found, "count": len(where), "lines": where[:CELL_LINES]}
        for (true, found), where in sorted(samples.items())
    ]


def sample_losses(truth: Truth, answers: Answers) -> np.ndarray:
    """-log of the probability that each sample's decision, tool and presences are right, [N]."""
    decision = np.where(truth.decision, answers.decision[-1], 1 - answers.decision[-1])
    tool = np.where(truth.decision, answers.tool_probability[-1], 1.0)
    presence = np.where(truth.presence, answers.presence[-1], 1 - answers.presence[-1])
    floor = 1e-9
    losses = -np.log(np.maximum(decision, floor)) - np.log(np.maximum(tool, floor))
    return losses - np.log(np.maximum(presence, floor)).sum(axis=-1)


def _slot_metrics(truth: Truth, answers: Answers, labels: Labels) -> Metrics:
    predicted = answers.presence[-1] > PRESENT
    overall = binary_metrics(truth.presence.ravel(), predicted.ravel())
    filled = truth.presence
    return {
        "accuracy": overall["accuracy"],
        "all_right": _mean((predicted == truth.presence).all(axis=-1)),
        "precision": overall["precision"],
        "recall": overall["recall"],
        "f1": overall["f1"],
        "value_accuracy": _mean(answers.value_right[-1][filled]),
        "values": int(filled.sum()),
        "per_slot": {
            name: _one_slot(truth.presence[:, i], predicted[:, i], answers.value_right[-1][:, i])
            for i, name in enumerate(labels.slot_names)
        },
    }


def _one_slot(truth: np.ndarray, predicted: np.ndarray, value_right: np.ndarray) -> Metrics:
    metrics = binary_metrics(truth, predicted)
    return {
        **{key: metrics[key] for key in ("accuracy", "precision", "recall", "f1")},
        "value_accuracy": _mean(value_right[truth]),
        "filled": int(truth.sum()),
    }


def _by_step(truth: Truth, answers: Answers, verdicts: Verdicts) -> list[Metrics]:
    present = (answers.presence > PRESENT) == truth.presence
    return [
        {
            "step": step + 1,
            "decision_accuracy": _mean(verdicts.decision[step]),
            "tool_accuracy": _mean(verdicts.tool[step][truth.decision]),
            "slot_accuracy": _mean(present[step].ravel()),
            "exact_match": _mean(verdicts.exact[step]),
            "exact_match_values": _mean(verdicts.exact_values[step]),
            "q": _mean(answers.q[step]),
        }
        for step in range(len(answers.decision))
    ]


def _halting(answers: Answers, verdicts: Verdicts, threshold: float) -> Metrics:
    """What stopping each sample at the first step with q at the threshold would give."""
    samples = answers.q.shape[1]
    halts = answers.q >= threshold
    halts[-1] = True
    stop = halts.argmax(axis=0)
    return {
        "threshold": threshold,
        "mean_steps": _mean(stop + 1),
        "exact_match": _mean(verdicts.exact[stop, np.arange(samples)]),
    }


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: np.ndarray) -> float | None:
    return float(np.mean(values)) if values.size else None
