"""The best evaluation: one documented figure, ties by the loss, and nothing unknown in between."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.events import Record
from tests.trainers import tiny_config, trainer_of
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.config import TrainingConfig
from trm_engine.data.labels import Labels
from trm_engine.inference.calibration import IDENTITY
from trm_engine.runs.best import BestMetric, Score, reported_score, score_resumed, score_saved
from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.runs.schema.events import Evaluated
from trm_engine.training import loop
from trm_engine.training.metrics import Answers, Truth, evaluation_metrics

METRICS: tuple[str, ...] = get_args(BestMetric)
NAN = math.nan

numbers = st.floats(0, 1) | st.sampled_from([0.5, None, NAN, "NaN", math.inf])


def evaluation(values: Any, loss: Any, **parts: Any) -> Evaluation:
    part = {"accuracy": None}
    record = {
        "decision": {**part, "f1": None},
        "tool": part,
        "slots": {**part, "value_accuracy": None},
        "arguments": part,
        "exact_match": None,
        "exact_match_values": values,
        "loss": loss,
        **parts,
    }
    return msgspec.convert(record, Evaluation, strict=False)


def evaluated(metrics: Evaluation, best_metric: str | None) -> Evaluated:
    return Evaluated(step=1, epoch=1.0, seconds=1.0, best_metric=best_metric, metrics=metrics)


def is_known(number: Any) -> bool:
    return isinstance(number, float) and not math.isnan(number)


@given(
    st.lists(st.tuples(numbers, numbers), max_size=12),
    st.sampled_from(("exact_match_values", "loss")),
)
def test_the_best_has_the_best_figure_and_of_equal_ones_the_lowest_loss(
    evaluations: list[tuple[Any, Any]], metric: str
) -> None:
    best: Score | None = None
    marked = None
    for place, each in enumerate(evaluations):
        score = Score.of(evaluation(*each), metric)
        if score.is_better_than(best):
            best, marked = score, place
    usable = [each for each in evaluations if is_known(each[1])]
    if metric == "loss":
        expected = min((loss for _, loss in usable if loss < math.inf), default=None)
        assert (best and best.loss) == expected
    elif told := [each for each in usable if is_known(each[0])]:
        most = max(figure for figure, _ in told)
        least = min(loss for figure, loss in told if figure == most)
        assert best == Score(metric, most, least)
    else:
        losses = [loss for _, loss in usable if loss < math.inf]
        assert (best and (best.value, best.loss)) == ((None, min(losses)) if losses else None)
    if marked is not None:
        assert not Score.of(evaluation(*evaluations[marked]), metric).is_better_than(best)


def test_a_first_loss_that_is_not_a_number_is_not_the_best_for_ever() -> None:
    first, then = (Score.of(evaluation(0.9, loss), "exact_match_values") for loss in (NAN, 3.0))
    assert not first.is_better_than(None)
    assert then.is_better_than(None) and then.is_better_than(first)
    assert not first.is_better_than(then)


def test_every_metric_is_a_figure_of_an_evaluation() -> None:
    labels = Labels(("find",), (), (), ())
    truth = Truth(np.array([True, False]), np.array([0, -1]), np.zeros((2, 0), bool))
    answers = Answers(
        decision=np.array([[0.9, 0.1]]),
        q=np.array([[0.5, 0.5]]),
        tool=np.array([[0, -1]]),
        tool_confidence=np.array([[0.9, 0.0]]),
        tool_probability=np.array([[0.9, 0.0]]),
        presence=np.zeros((1, 2, 0)),
        value_right=np.zeros((1, 2, 0), bool),
        args_right=np.array([[True, False]]),
    )
    found = replace(evaluation_metrics(truth, answers, labels, 0.9, len(labels.tools)), loss=1.5)
    slots = replace(found.slots, accuracy=0.25, value_accuracy=0.75)  # there are none
    found = replace(found, slots=slots)
    values = {metric: Score.of(found, metric).value for metric in METRICS}
    assert values.pop("loss") == 1.5
    assert (values.pop("slots_accuracy"), values.pop("slots_value_accuracy")) == (0.25, 0.75)
    unmeasured = {name for name, value in values.items() if value is None}
    assert {name.rsplit("_", 1)[1] for name in unmeasured} == {"answered", "ece", "brier"}
    assert {value for name, value in values.items() if name not in unmeasured} == {1.0}


def test_the_default_is_all_that_must_be_right() -> None:
    assert TrainingConfig().best_metric == "exact_match_values"


def test_a_score_says_its_figure() -> None:
    assert str(Score("exact_match", 0.91234, 0.1)) == "exact_match 0.9123"
    assert str(Score("tool_accuracy", None, 0.1)) == "tool_accuracy –, loss 0.1000"
    assert str(Score("tool_accuracy", None, None)) == "tool_accuracy –, loss –"


@pytest.mark.parametrize("name", [None, "of a later version"])
def test_an_event_that_names_no_figure_has_no_score(name: str | None) -> None:
    assert reported_score(evaluated(evaluation(0.5, 1.0), name)) is None


def test_a_figure_that_is_not_there_is_unknown() -> None:
    told = evaluated(evaluation(0.5, 0.5), "slots_accuracy")
    assert reported_score(told) == Score("slots_accuracy", None, 0.5)


# Resuming -----------------------------------------------------------------------------------------


def checkpoint(best: Any, metric: str | None = "exact_match") -> dict[str, Any]:
    return {
        "config": {"training": {"best_metric": metric} if metric else {}},
        "data_state": {"best": best},
        "metrics": msgspec.to_builtins(evaluation(0.25, 2.0, exact_match=0.5)),
    }


def test_a_resumed_run_goes_on_with_its_best() -> None:
    assert score_resumed(checkpoint((0.75, 1.0)), "exact_match") == Score("exact_match", 0.75, 1.0)


@pytest.mark.parametrize("state", [checkpoint((0.75, 1.0)), checkpoint(1.62, metric=None)])
def test_a_run_that_compares_otherwise_now_has_to_beat_its_last_evaluation(
    state: dict[str, Any],
) -> None:
    """As a run of an older version, whose checkpoints hold the sum of two figures."""
    score = score_resumed(state, "exact_match_values")
    assert score == Score("exact_match_values", 0.25, 2.0)
    assert score_resumed({**state, "metrics": None}, "exact_match_values") is None


@pytest.mark.parametrize("best", [None, 1.5, "a", [1.0], {1: 2.0}, [1, 2, 3], torch.ones(3)])
def test_what_a_checkpoint_has_instead_of_a_score_is_none(best: Any) -> None:
    assert score_saved(checkpoint(best)) is None
    assert score_saved(checkpoint((0.5, 1.0), metric="of a later version")) is None
    assert score_saved({}) is None


# The trainer --------------------------------------------------------------------------------------


def test_the_event_names_the_figure_that_best_pt_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was scored as a sum of two figures: 40.9 % and then 39.1 %, both the best so far."""
    config = tiny_config(tmp_path)
    rows = [(0.95, 0.30, NAN), (0.80, 0.409, 1.0), (0.90, 0.391, 1.0), (0.80, 0.409, 0.9)]
    evaluations = [evaluation(values, loss, exact_match=exact) for exact, values, loss in rows]
    events: list[Record] = []
    trainer = trainer_of(config, events)
    waiting = iter(evaluations)
    monkeypatch.setattr(loop, "evaluate_and_calibrate", lambda *_, **__: (next(waiting), IDENTITY))
    for _ in evaluations:
        trainer._evaluate()
    told = [msgspec.convert(event, Evaluated) for event in events if event["type"] == "eval"]
    assert [event.best for event in told] == [False, True, False, True]
    assert [str(reported_score(event)) for event in told if event.best] == [
        "exact_match_values 0.4090"
    ] * 2
    saved = load_checkpoint(trainer.checkpoints.path("best"), to_resume=True)
    assert saved["metrics"] == msgspec.to_builtins(evaluations[3])
    assert score_saved(saved) == Score("exact_match_values", 0.409, 0.9)
    resumed = trainer_of(config, events)
    resumed.load(saved)
    assert resumed.state.best == trainer.state.best
