"""Reliability: how far confidence can be trusted, and what is gained by answering only if sure."""

from __future__ import annotations

import numpy as np

from trm_engine.runs.schema.confidence import Bin, Coverage, CoveragePoint, Reliability

BINS = 15
"""Bins of equal width from 0 to 1, as in most published figures (Guo et al. 2017)."""

CURVE_POINTS = 100
DEFAULT_TARGET = 0.99
"""The accuracy that coverage is told for if none is wanted."""

FLOAT_SLACK = 1e-12


def reliability(
    confidence: np.ndarray, right: np.ndarray, raw: np.ndarray | None = None
) -> Reliability:
    """Calibration error and Brier score of the probabilities that N answers are right.

    Args:
        confidence: those probabilities, [N].
        right: which answers are right, [N].
        raw: the same probabilities before they were calibrated.
    """
    if not len(right):
        return Reliability()
    bins = _bins(confidence, right)
    return Reliability(
        ece=_error(bins),
        brier=float(np.mean((confidence - right) ** 2)),
        raw_ece=None if raw is None else _error(_bins(raw, right)),
        bins=bins,
    )


def coverage(confidence: np.ndarray, right: np.ndarray, target: float = DEFAULT_TARGET) -> Coverage:
    """The accuracy of the answers above each threshold, and the lowest one that keeps ``target``.

    Answers of the same confidence are given together or not at all.
    """
    if not len(right):
        return Coverage(target=target)
    order = np.argsort(-confidence, kind="stable")
    thresholds, answered = confidence[order], np.arange(1, len(right) + 1)
    accuracy = np.cumsum(right[order]) / answered
    is_last = np.append(thresholds[1:] < thresholds[:-1], True)
    enough = np.flatnonzero(is_last & (accuracy >= target - FLOAT_SLACK))
    kept = int(enough[-1]) if len(enough) else None
    places = np.flatnonzero(is_last)
    shown = places[np.linspace(0, len(places) - 1, min(CURVE_POINTS, len(places))).astype(int)]
    return Coverage(
        target=target,
        threshold=None if kept is None else float(thresholds[kept]),
        answered=0.0 if kept is None else float(answered[kept] / len(right)),
        accuracy=float(np.mean(right)),
        curve=[
            CoveragePoint(
                threshold=float(thresholds[place]),
                coverage=float(answered[place] / len(right)),
                accuracy=float(accuracy[place]),
            )
            for place in shown
        ],
    )


def _bins(confidence: np.ndarray, right: np.ndarray) -> list[Bin]:
    """The bins that have samples."""
    places = np.minimum((confidence * BINS).astype(int), BINS - 1)
    counts = np.bincount(places, minlength=BINS)
    sums = np.bincount(places, confidence, BINS), np.bincount(places, right, BINS)
    return [
        Bin(
            confidence=float(sums[0][place] / counts[place]),
            accuracy=float(sums[1][place] / counts[place]),
            samples=int(counts[place]),
        )
        for place in np.flatnonzero(counts)
    ]


def _error(bins: list[Bin]) -> float:
    total = sum(each.samples for each in bins)
    gaps = (abs((each.confidence or 0.0) - (each.accuracy or 0.0)) * each.samples for each in bins)
    return sum(gaps) / max(total, 1)
