"""Calibration: temperatures fitted on held-out conversations, by maximum a posteriori.

Each temperature has a prior around 1, so that few samples change little. Those of single slots and
arguments have one around the temperature of all of them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from trm_engine.inference.calibration import (
    HIGHEST,
    IDENTITY,
    LARGEST_BIAS,
    LOWEST,
    TINY,
    Calibration,
    Scale,
    logit,
    scaled,
)
from trm_engine.training.observed import Observed

SPREAD = 0.5
"""Standard deviation of the priors of 1 / temperature and of biases."""

CHANNEL_SPREAD = 0.2
"""That of a channel's 1 / temperature around the one of all channels."""

FOLDS = 5
"""Parts of the conversations, each judged by what the others say."""

NEWTON_STEPS = 50
SMALL_STEP = 1e-9


def fit(seen: Observed, fitted_on: str = "") -> Calibration:
    """The calibration of a model from its answers to held-out conversations.

    That of a model whose training diverged, with answers that are no numbers, is the identity.
    """
    if not seen.is_finite:
        return IDENTITY
    calls = seen.is_call & (seen.true_tool >= 0)
    follows = seen.true_next_tool >= 0
    known = seen.args >= 0
    parts = Calibration(
        decision=_temperature(*fit_slope(logit(seen.decision), seen.is_call)),
        tool=_temperature(fit_softmax(seen.tools[calls], seen.true_tool[calls])),
        next_tool=_temperature(fit_softmax(seen.next_tools[follows], seen.true_next_tool[follows])),
        slots=_channels(seen.slot_presence, seen.slots, np.ones_like(seen.slots, bool)),
        args=_channels(seen.arg_presence, seen.args > 0, known),
        q=_scale(*fit_line(logit(seen.q), seen.exact)),
        samples=len(seen),
        fitted_on=fitted_on,
    )
    answer = _scale(*fit_line(logit(seen.joint(parts)), seen.right))
    return parts.model_copy(update={"answer": answer})


def cross_fitted(seen: Observed) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a call and of a right answer, [N] each, calibrated on other dialogues.

    These are what the figures of an evaluation are computed from if the calibration was fitted on
    the same samples.
    """
    decision, answer = np.zeros(len(seen)), np.zeros(len(seen))
    for held_out in folds(seen.dialogues):
        calibration = fit(seen.of(~held_out)) if (~held_out).any() else IDENTITY
        part = seen.of(held_out)
        decision[held_out] = scaled(part.decision, calibration.decision)
        answer[held_out] = part.confidence(calibration)
    return decision, answer


def folds(dialogues: np.ndarray) -> Iterator[np.ndarray]:
    """Masks [N] of the parts of a data set; no dialogue is in two of them."""
    _, numbers = np.unique(dialogues, return_inverse=True)
    for fold in range(min(FOLDS, int(numbers.max(initial=-1)) + 1)):
        yield numbers % FOLDS == fold


# Fits ---------------------------------------------------------------------------------------------


def fit_line(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Slope and bias of logistic regression on one logit, with a prior around (1, 0)."""
    features = np.stack((logits, np.ones_like(logits)), axis=-1)
    slope, bias = _newton(features, labels, np.array([1.0, 0.0]), SPREAD)
    return float(slope), float(bias)


def fit_slope(
    logits: np.ndarray, labels: np.ndarray, prior: float = 1.0, spread: float = SPREAD
) -> tuple[float]:
    """The slope alone: 1 / temperature."""
    return (float(_newton(logits[:, None], labels, np.array([prior]), spread)[0]),)


def fit_softmax(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """1 / temperature of distributions [N, T] over classes; label [N] is each one's right class."""
    possible = probabilities[np.arange(len(labels)), labels] > 0 if len(labels) else labels > 0
    logs = np.log(np.maximum(probabilities[possible].astype(np.float64), TINY))
    offered = probabilities[possible] > 0
    slope = 1.0
    for _ in range(NEWTON_STEPS):
        weights = np.where(offered, np.exp(slope * logs), 0.0)
        shares = weights / weights.sum(axis=-1, keepdims=True)
        mean = (shares * logs).sum(axis=-1)
        variance = (shares * logs**2).sum(axis=-1) - mean**2
        true = logs[np.arange(len(logs)), labels[possible]]
        gradient = (mean - true).sum() + (slope - 1) / SPREAD**2
        step = gradient / (variance.sum() + 1 / SPREAD**2)
        slope = float(np.clip(slope - step, 1 / HIGHEST, 1 / LOWEST))
        if abs(step) < SMALL_STEP:
            break
    return slope


def _newton(
    features: np.ndarray, labels: np.ndarray, prior: np.ndarray, spread: float
) -> np.ndarray:
    """Logistic regression with a Gaussian prior. Convex; steps are halved until they help."""
    weights = prior.copy()
    loss = _loss(features, labels, weights, prior, spread)
    for _ in range(NEWTON_STEPS):
        p = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (p - labels) + (weights - prior) / spread**2
        curvature = (features.T * (p * (1 - p))) @ features + np.eye(len(prior)) / spread**2
        step = np.linalg.solve(curvature, gradient)
        while np.abs(step).max() > SMALL_STEP:
            tried = _loss(features, labels, weights - step, prior, spread)
            if tried <= loss:
                break
            step = step / 2
        if np.abs(step).max() <= SMALL_STEP:
            break
        weights, loss = weights - step, tried
    return weights


def _loss(
    features: np.ndarray, labels: np.ndarray, weights: np.ndarray, prior: np.ndarray, spread: float
) -> float:
    logits = features @ weights
    likelihood = np.logaddexp(0, logits).sum() - logits @ labels
    return float(likelihood + ((weights - prior) ** 2).sum() / (2 * spread**2))


def _channels(presence: np.ndarray, labels: np.ndarray, known: np.ndarray) -> list[float]:
    """The temperature of each channel, shrunk to that of all of them."""
    if not presence.shape[1]:
        return []
    logits = logit(presence)
    (shared,) = fit_slope(logits[known], labels[known])
    return [
        _temperature(
            *fit_slope(
                logits[known[:, channel], channel],
                labels[known[:, channel], channel],
                shared,
                CHANNEL_SPREAD,
            )
        )
        for channel in range(presence.shape[1])
    ]


def _temperature(slope: float) -> float:
    return float(1 / np.clip(slope, 1 / HIGHEST, 1 / LOWEST))


def _scale(slope: float, bias: float) -> Scale:
    limited = float(np.clip(bias, -LARGEST_BIAS, LARGEST_BIAS))
    return Scale(temperature=_temperature(slope), bias=limited)
