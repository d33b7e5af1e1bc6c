"""Calibration: fitted temperatures, calibration error, coverage, and parity with a run."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.inspected import finished_run
from tests.models import checkpoint_of, reading_model
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import CheckpointError
from trm_engine.inference.calibration import (
    HIGHEST,
    IDENTITY,
    LOWEST,
    Calibration,
    Scale,
    logit,
    per_channel,
    scaled,
    sharpened,
)
from trm_engine.inference.decoding import Decoded
from trm_engine.inference.predictor import Predictor
from trm_engine.training.calibration import fit_line, fit_slope, fit_softmax, folds
from trm_engine.training.evaluate import evaluate, evaluate_and_calibrate
from trm_engine.training.overfitting import RISEN, Trend
from trm_engine.training.reliability import coverage, reliability

TEMPERATURES = st.floats(LOWEST, HIGHEST)
SHARES = arrays.arrays(np.float64, st.integers(1, 20), elements=st.floats(0, 1))


def sigmoid(logits: np.ndarray) -> np.ndarray:
    shares: np.ndarray = 1 / (1 + np.exp(-logits))
    return shares


def drawn(temperature: float, samples: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a model, and labels that are right at another temperature."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 4, samples)
    return logits, random.random(samples) < sigmoid(logits / temperature)


def decoded_of(presence: np.ndarray) -> Decoded:
    """The raw answer to one sample, with these presences of arguments."""
    one, none = np.array([0.7]), np.zeros((1, 0))
    spans = np.zeros((1, len(presence), 2), int)
    return Decoded(
        **{"decision": one, "q": one, "tools": one[None], "next_tools": one[None]},
        **{"slot_presence": none, "slot_spans": spans[:, :0], "slot_choices": none.astype(int)},
        **{"arg_presence": presence[None], "arg_spans": spans, "arg_choices": spans[..., 0]},
        **{"missing_penalty": presence[None], "arg_spans_right": presence[None]},
        arg_choices_right=presence[None],
    )


# What a temperature does --------------------------------------------------------------------------


@given(SHARES, TEMPERATURES)
def test_a_temperature_changes_neither_order_nor_side(p: np.ndarray, temperature: float) -> None:
    calibrated = scaled(p, temperature)
    assert ((calibrated >= 0) & (calibrated <= 1)).all()
    assert (np.diff(calibrated[np.argsort(p)]) >= 0).all()
    clear = abs(p - 0.5) > 1e-9
    assert ((calibrated > 0.5) == (p > 0.5))[clear].all()


@given(SHARES, TEMPERATURES)
def test_a_sharpened_distribution_keeps_its_order(p: np.ndarray, temperature: float) -> None:
    shares = p / p.sum() if p.sum() else p
    calibrated = sharpened(shares[None], temperature)[0]
    assert calibrated.sum() == pytest.approx(1 if shares.any() else 0)
    assert (np.diff(calibrated[np.argsort(shares)]) >= -1e-12).all()


def test_each_part_has_its_own_temperature_whichever_came_before() -> None:
    whole = Calibration(decision=2.0, q=Scale(temperature=3.0, bias=0.5), args=[1.0, 2.0, 4.0])
    presence = np.array([0.9, 0.8])
    whole.decoded(decoded_of(np.array([0.9, 0.8, 0.7])))
    for args in ([0, 1], [1, 2], [0, 2]):
        calibration = whole.narrowed(args)
        found = calibration.decoded(decoded_of(presence))
        assert found.decision == pytest.approx(scaled(np.array([0.7]), 2.0))
        assert found.q == pytest.approx(whole.q(np.array([0.7])))
        own = np.array([whole.args[arg] for arg in args])
        assert found.arg_presence[0] == pytest.approx(scaled(presence, own))


@given(SHARES)
def test_the_identity_changes_no_bit(p: np.ndarray) -> None:
    assert scaled(p, 1.0) is p
    assert sharpened(p, 1.0) is p
    assert Scale()(p) is p


@given(st.floats(1e-9, 1 - 1e-9))
def test_logit_is_the_inverse_of_sigmoid(p: float) -> None:
    assert sigmoid(logit(np.array([p])))[0] == pytest.approx(p)


# Fits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_the_temperature_is_found(temperature: float) -> None:
    logits, labels = drawn(temperature)
    (slope,) = fit_slope(logits, labels)
    assert 1 / slope == pytest.approx(temperature, rel=0.08)
    line = fit_line(logits, labels)
    assert line == pytest.approx((1 / temperature, 0), abs=0.12)
    two = np.stack((sigmoid(logits), sigmoid(-logits)), axis=-1)  # the same as two classes
    assert fit_softmax(two, np.where(labels, 0, 1)) == pytest.approx(slope, rel=1e-4)


@given(st.integers(0, 3), st.booleans())
def test_few_samples_change_little(samples: int, right: bool) -> None:
    logits, labels = np.full(samples, 3.0), np.full(samples, right)
    (slope,) = fit_slope(logits, labels)
    assert abs(slope - 1) < (0.5 if right else 1.5)
    if not samples:
        assert slope == 1
        assert fit_line(logits, labels) == (1, 0)
        assert fit_softmax(np.zeros((0, 4)), np.zeros(0, int)) == 1


@given(SHARES, st.randoms(use_true_random=False))
def test_a_fit_ends_with_usable_numbers(p: np.ndarray, random: Any) -> None:
    labels = np.array([random.random() < 0.5 for _ in p])
    assert np.isfinite(fit_line(logit(p), labels)).all()
    assert np.isfinite(fit_slope(logit(p), labels)).all()


@given(arrays.arrays(np.int64, st.integers(0, 40), elements=st.integers(0, 9)))
def test_folds_keep_dialogues_together(dialogues: np.ndarray) -> None:
    parts = list(folds(dialogues))
    assert sum(parts, np.zeros(len(dialogues), int)).tolist() == [1] * len(dialogues)
    for one, other in pairwise(parts):
        assert not set(dialogues[one]) & set(dialogues[other])


# Figures ------------------------------------------------------------------------------------------


def test_the_calibration_error_of_known_data() -> None:
    sure = np.array([0.9] * 10 + [0.6] * 10)
    right = np.array([True] * 9 + [False] + [True] * 3 + [False] * 7)
    assert reliability(sure, right).ece == pytest.approx(0.5 * 0 + 0.5 * 0.3)
    found = reliability(sure, right, raw=np.ones(20))
    assert [each.samples for each in found.bins] == [10, 10]
    assert found.raw_ece == pytest.approx(1 - 12 / 20)
    assert found.brier == pytest.approx((9 * 0.01 + 0.81 + 3 * 0.16 + 7 * 0.36) / 20)
    assert reliability(np.zeros(0), np.zeros(0, bool)).ece is None


def test_coverage_is_the_largest_share_that_keeps_the_target() -> None:
    sure = np.array([0.99, 0.9, 0.9, 0.8, 0.5])
    right = np.array([True, True, False, True, False])
    found = coverage(sure, right, 0.75)
    assert (found.threshold, found.answered, found.accuracy) == (0.8, 0.8, 0.6)
    assert coverage(sure, right, 0.99).answered == 0.2  # the two of 0.9 go together
    assert coverage(sure, ~right, 0.99).threshold is None
    assert coverage(sure, ~right, 0.99).answered == 0


@given(SHARES, st.randoms(use_true_random=False), st.floats(0.01, 0.99))
def test_a_threshold_keeps_its_target(p: np.ndarray, random: Any, target: float) -> None:
    right = np.array([random.random() < 0.7 for _ in p])
    found = coverage(p, right, target)
    if found.threshold is None:
        assert found.answered == 0
    else:
        answered = p >= found.threshold
        assert answered.mean() == found.answered
        assert right[answered].mean() >= target - 1e-9
    shares = [point.coverage or 0 for point in found.curve]
    assert shares == sorted(shares)
    assert shares[-1] == 1


# In use -------------------------------------------------------------------------------------------


def test_an_evaluation_repeats_that_of_the_run(dataset: TRMToolCallingDataset) -> None:
    model = reading_model(dataset)
    found, calibration = evaluate_and_calibrate(model, dataset, target_accuracy=0.5)
    assert evaluate(model, dataset, calibration=calibration, target_accuracy=0.5) == found
    assert calibration.samples == len(dataset)
    assert calibration.abstain_below == (found.coverage.threshold or 1.0)
    raw = evaluate(model, dataset)
    assert (raw.decision, raw.tool, raw.slots) == (found.decision, found.tool, found.slots)
    assert (raw.loss, raw.exact_match_values) == (found.loss, found.exact_match_values)
    assert raw.decision_confidence.ece == found.decision_confidence.raw_ece


def test_other_samples_are_judged_by_the_calibration_itself(
    dataset: TRMToolCallingDataset,
) -> None:
    model = reading_model(dataset)
    _, calibration = evaluate_and_calibrate(model, dataset.subset(range(30)))
    some = dataset.subset(range(30, 60))
    known = evaluate(model, some, calibration=calibration)
    forgot = calibration.model_copy(update={"fitted_on": ""})
    assert known == evaluate(model, some, calibration=forgot)


def test_a_model_that_diverged_has_the_identity(dataset: TRMToolCallingDataset) -> None:
    model = reading_model(dataset)
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(float("nan"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found, calibration = evaluate_and_calibrate(model, dataset, target_accuracy=0.5)
    assert calibration == IDENTITY.model_copy(update={"abstain_below": 1.0})
    assert found.answer_confidence.ece is None
    assert not found.coverage.curve


def test_a_prediction_abstains_below_the_threshold(dataset: TRMToolCallingDataset) -> None:
    model = reading_model(dataset)
    state = checkpoint_of(model, dataset)
    conversations = [dataset.sample(index) for index in range(8)]
    plain = Predictor(state, "cpu").predict(conversations)
    assert not any(answer.abstain or answer.abstain_reason for answer in plain)
    least = sorted(answer.confidence for answer in plain)[4]
    state["calibration"] = {"abstain_below": least}
    strict = Predictor(state, "cpu").predict(conversations)
    assert [answer.abstain for answer in strict] == [each.confidence < least for each in plain]
    for answer in strict:
        assert ("least sure" in (answer.abstain_reason or "")) == answer.abstain
        assert answer.to_dict()["abstain"] == answer.abstain


def test_a_temperature_changes_no_answer(dataset: TRMToolCallingDataset) -> None:
    state = checkpoint_of(reading_model(dataset), dataset)
    conversations = [dataset.sample(index) for index in range(8)]
    plain = Predictor(state, "cpu").predict(conversations)
    labels = dataset.labels
    state["calibration"] = Calibration(
        decision=3.0, tool=0.4, slots=[2.0] * len(labels.slots), args=[5.0] * len(labels.args)
    ).model_dump()
    other = Predictor(state, "cpu").predict(conversations)
    for one, two in zip(plain, other, strict=True):
        assert (one.decision, one.tool, one.slots) == (two.decision, two.tool, two.slots)
        assert one.decision_probability != two.decision_probability


def test_a_calibration_of_other_labels_is_refused(dataset: TRMToolCallingDataset) -> None:
    state = checkpoint_of(reading_model(dataset), dataset)
    labels = dataset.labels
    for name, number in (
        ("slots", len(labels.slots) + 1),
        ("slots", len(labels.slots) - 1),
        ("args", len(labels.args) - 1),
    ):
        state["calibration"] = {name: [1.0] * number}
        with pytest.raises(CheckpointError, match=rf"calibration\.{name}"):
            Predictor(state, "cpu")


def test_an_argument_that_calibration_never_saw_has_the_usual_temperature(
    dataset: TRMToolCallingDataset,
) -> None:
    """Those that only the validation data's tools have are in no checkpoint's labels."""
    state = checkpoint_of(reading_model(dataset), dataset)
    assert len(dataset.labels.args) == 3
    state["calibration"] = {"args": [2.0, 3.0, 9.0, 7.0]}
    calibration = Predictor(state, "cpu").calibration
    assert calibration.args == [2.0, 3.0, 9.0]
    logits = np.zeros((2, 5))
    assert per_channel(calibration.args, logits).tolist() == [2.0, 3.0, 9.0, 3.0, 3.0]
    assert per_channel(calibration.args, logits[:, :1]).tolist() == [2.0]
    assert per_channel([], logits).tolist() == [1.0] * 5


def test_a_checkpoint_without_calibration_has_the_identity(
    dataset: TRMToolCallingDataset, tmp_path: Any
) -> None:
    run = finished_run(tmp_path / "run", dataset)
    predictor = Predictor.load(run.path / "checkpoints" / "best.pt", "cpu")
    assert predictor.calibration == IDENTITY


# Overfitting --------------------------------------------------------------------------------------


def warned(trend: Trend, validation: list[float], training: list[float]) -> list[bool]:
    found = []
    for epoch, (loss, trained) in enumerate(zip(validation, training, strict=True), 1):
        trend.trained([trained, float("nan"), None])
        found.append(trend.evaluated(loss, epoch) is not None)
    return found


def test_overfitting_is_a_rising_validation_loss_while_the_training_loss_falls() -> None:
    rising, falling = [4.0, 3.0, 3.1, 3.2, 3.3, 3.4], [9.0, 8.0, 7.0, 6.0, 5.0, 4.0]
    assert RISEN == 3
    assert warned(Trend(), rising, falling) == [False] * 4 + [True] * 2
    assert not any(warned(Trend(), rising, [*falling[:2], 8.0, 8.0, 8.1, 8.2]))
    assert not any(warned(Trend(), falling, falling))
    assert not any(warned(Trend(), [1.0, float("nan"), float("inf")], falling[:3]))


def test_a_trend_goes_on_after_a_resume() -> None:
    before, after = Trend(), Trend()
    assert not any(warned(before, [4.0, 3.0, 3.1], [9.0, 8.0, 7.0]))
    after.load_state_dict(before.state_dict())
    assert warned(after, [3.2, 3.3], [6.0, 5.0]) == [False, True]
    after.trained([4.0])
    said = str(after.evaluated(3.4, 6.0))
    assert "lowest at epoch 2 (3)" in said
    assert "4 evaluations (now 3.4)" in said
