"""Metrics: against scikit-learn and brute force."""

from __future__ import annotations

import math
import warnings
from dataclasses import fields
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from tests.models import batch_of, inputs_of, reading_model, small_config, small_model
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.encoding import UNKNOWN_TOOL
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.samples import parse_sample
from trm_engine.runs.schema.evaluation import Halting
from trm_engine.training.evaluate import Evaluator, evaluate
from trm_engine.training.losses import DeepSupervisionLoss, count_labels
from trm_engine.training.metrics import (
    THRESHOLDS,
    Answers,
    Truth,
    binary_metrics,
    cheapest_halting,
    confusion,
    confusion_cells,
    correctness,
    evaluation_metrics,
    halting_curve,
    sample_losses,
)
from trm_engine.training.targets import Targets
from trm_engine.training.terms import answer_is_right

TOOLS, SLOTS, STEPS = 4, 3, 3
LABELS = Labels(
    tools=tuple("abcd"),
    parameters=((),) * TOOLS,
    slots=tuple(Field(name) for name in ("x", "y", "z")),
    args=(),
)

sklearn = partial(import_module, "sklearn.metrics")  # slow to import


TOOLS_LEARNT = 3
"""The last tool is new to the model."""


@st.composite
def evaluations(draw: st.DrawFn) -> tuple[Truth, Answers]:
    samples = draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 10**6)))
    calls = random.random(samples) < draw(st.sampled_from([0, 0.1, 0.5, 1]))
    tools = random.integers(0, TOOLS, samples)
    unknown = random.random(samples) < draw(st.sampled_from([0, 0.3]))
    tools = np.where(unknown, UNKNOWN_TOOL, tools)
    truth = Truth(
        decision=calls,
        tool=np.where(calls, tools, -1),
        presence=random.random((samples, SLOTS)) < draw(st.sampled_from([0, 0.3, 1])),
    )
    shape = (STEPS, samples)
    right = draw(st.sampled_from([0.3, 0.9]))
    flips = random.random((STEPS, samples, SLOTS)) > right
    guess = random.integers(-1, TOOLS, shape)
    answers = Answers(
        decision=np.where(random.random(shape) < right, calls, random.random(shape)),
        q=random.random(shape),
        tool=np.where(random.random(shape) < right, np.maximum(tools, 0), guess),
        tool_confidence=random.random(shape),
        tool_probability=random.random(shape),
        presence=np.where(flips, random.random(flips.shape), truth.presence),
        value_right=random.random(flips.shape) < right,
        args_right=random.random(shape) < right,
    )
    return truth, answers


def share(values: Any) -> float | None:
    values = np.asarray(values)
    return pytest.approx(values.mean()) if values.size else None


def agrees(found: Any, truth: np.ndarray, predicted: np.ndarray) -> None:
    """Precision, recall and F1 as scikit-learn has them; None where they divide by nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, number in (
            (
                "precision",
                sklearn().precision_score(truth, predicted, zero_division=np.nan),
            ),
            ("recall", sklearn().recall_score(truth, predicted, zero_division=np.nan)),
            ("f1", sklearn().f1_score(truth, predicted, zero_division=np.nan)),
        ):
            assert getattr(found, name) == (
                None if math.isnan(number) else pytest.approx(number)
            ), name
    assert found.accuracy == pytest.approx(sklearn().accuracy_score(truth, predicted))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1))
def test_binary_metrics_are_scikit_learns(pairs: list[tuple[bool, bool]]) -> None:
    truth, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    found = binary_metrics(truth, predicted)
    agrees(found, truth, predicted)
    cells = sklearn().confusion_matrix(truth, predicted, labels=[True, False])
    assert [[found.tp, found.fn], [found.fp, found.tn]] == cells.tolist()


def test_ratios_over_nothing_are_none() -> None:
    nothing = np.zeros(0, bool)
    assert set(astuple(binary_metrics(nothing, nothing))) == {None, 0}
    none_called = binary_metrics(np.zeros(2, bool), np.zeros(2, bool))
    assert none_called.accuracy == 1
    assert none_called.precision is none_called.recall is none_called.f1 is None


@given(st.lists(st.tuples(st.integers(-2, 4), st.integers(-1, 4))))
def test_confusion_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    truth = np.array([each for each, _ in pairs], dtype=int)
    predicted = np.array([each for _, each in pairs], dtype=int)
    counted = [(one, two) for one, two in pairs if one >= 0 and two >= 0]
    expected = np.zeros((5, 5), int)
    if counted:
        expected = sklearn().confusion_matrix(*zip(*counted, strict=True), labels=list(range(5)))
    assert confusion(truth, predicted, 5).tolist() == expected.tolist()


def test_confusion_of_no_tools() -> None:
    assert confusion(np.array([-1]), np.array([-1]), 0).shape == (0, 0)


@given(st.lists(st.tuples(st.integers(-2, 2), st.integers(-1, 2)), max_size=200))
def test_the_cells_of_a_confusion_name_its_samples(pairs: list[tuple[int, int]]) -> None:
    truth = np.array([each for each, _ in pairs], dtype=int)
    predicted = np.array([each for _, each in pairs], dtype=int)
    lines = np.arange(len(pairs)) + 7
    cells = confusion_cells(truth, predicted, lines)
    counts = confusion(truth, predicted, 3)
    found = {(cell.true, cell.predicted) for cell in cells}
    assert found == {(true, guess) for true, guess in pairs if true >= 0}
    for cell in cells:
        pair = (cell.true, cell.predicted)
        where = [place + 7 for place, each in enumerate(pairs) if each == pair]
        assert (cell.count, cell.lines) == (len(where), where[:20])
        assert cell.predicted < 0 or cell.count == counts[pair]


@given(evaluations())
def test_an_evaluation_agrees_with_scikit_learn(case: tuple[Truth, Answers]) -> None:
    truth, answers = case
    found = evaluation_metrics(truth, answers, LABELS, 0.5, TOOLS_LEARNT)
    calls, last = truth.decision, STEPS - 1
    predicted = answers.presence[last] > 0.5
    assert found.samples == len(calls)

    agrees(found.decision, calls, answers.decision[last] > 0.5)
    right = (answers.tool[last] == truth.tool)[calls]
    assert found.tool.accuracy == share(right)
    if calls.any():
        accuracy = sklearn().accuracy_score(truth.tool[calls], answers.tool[last][calls])
        assert found.tool.accuracy == pytest.approx(accuracy)
    assert found.tool.samples == calls.sum()
    assert found.tool.unknown == (truth.tool == UNKNOWN_TOOL).sum()
    new = truth.tool >= TOOLS_LEARNT
    assert found.tool.new == new.sum()
    assert found.tool.new_accuracy == share((answers.tool[last] == truth.tool)[new])
    known = truth.tool >= 0
    assert np.sum(found.tool.confusion) == (known & (answers.tool[last] >= 0)).sum()

    agrees(found.slots, truth.presence.ravel(), predicted.ravel())
    assert found.slots.all_right == share((predicted == truth.presence).all(1))
    assert found.slots.value_accuracy == share(answers.value_right[last][truth.presence])
    assert list(found.slots.per_slot) == ["x", "y", "z"]
    for place, slot in enumerate(found.slots.per_slot.values()):
        agrees(slot, truth.presence[:, place], predicted[:, place])
        filled = truth.presence[:, place]
        assert slot.filled == filled.sum()
        assert slot.value_accuracy == share(answers.value_right[last][filled, place])
    assert found.arguments.accuracy == share(answers.args_right[last][calls])


@given(evaluations(), st.floats(0, 1))
def test_exact_matches_steps_and_halting_by_brute_force(
    case: tuple[Truth, Answers], threshold: float
) -> None:
    truth, answers = case
    found = evaluation_metrics(truth, answers, LABELS, threshold, TOOLS_LEARNT)
    samples = len(truth.decision)

    def exact(step: int, index: int, values: bool) -> bool:
        called = bool(truth.decision[index])
        parts = [bool(answers.decision[step, index] > 0.5) == called]
        parts += [
            bool(answers.presence[step, index, slot] > 0.5) == bool(truth.presence[index, slot])
            for slot in range(SLOTS)
        ]
        if called:
            parts.append(truth.tool[index] >= 0 and truth.tool[index] == answers.tool[step, index])
        if values:
            parts += answers.value_right[step, index].tolist()
            if called:
                parts.append(bool(answers.args_right[step, index]))
        return all(parts)

    for step in range(STEPS):
        row = found.by_step[step]
        assert row.step == step + 1
        assert row.exact_match == share([exact(step, i, False) for i in range(samples)])
        assert row.exact_match_values == share([exact(step, i, True) for i in range(samples)])
        decided = (answers.decision[step] > 0.5) == truth.decision
        assert row.decision_accuracy == share(decided)
        assert row.q == share(answers.q[step])
    last = found.by_step[-1]
    assert len(found.by_step) == STEPS
    assert last.exact_match == found.exact_match
    assert last.exact_match_values == found.exact_match_values
    assert last.tool_accuracy == found.tool.accuracy
    assert last.slot_accuracy == pytest.approx(found.slots.accuracy)

    stops = []
    for index in range(samples):
        sure = [step for step in range(STEPS) if answers.q[step, index] >= threshold]
        stops.append(sure[0] if sure else STEPS - 1)
    assert found.halting == Halting(
        threshold=threshold,
        mean_steps=share([stop + 1 for stop in stops]),
        exact_match=share([exact(stop, i, False) for i, stop in enumerate(stops)]),
    )


@given(evaluations())
def test_a_samples_loss_is_that_of_its_parts(case: tuple[Truth, Answers]) -> None:
    truth, answers = case
    for index, loss in enumerate(sample_losses(truth, answers)):
        decision = answers.decision[-1, index]
        probability = [decision if truth.decision[index] else 1 - decision]
        if truth.decision[index]:
            probability.append(answers.tool_probability[-1, index])
        for given_, present in zip(answers.presence[-1, index], truth.presence[index], strict=True):
            probability.append(given_ if present else 1 - given_)
        assert loss == pytest.approx(-sum(math.log(max(p, 1e-9)) for p in probability), abs=1e-9)


@given(evaluations())
def test_samples_are_judged_alone_as_among_the_others(case: tuple[Truth, Answers]) -> None:
    truth, answers = case
    chosen = np.arange(len(truth.decision))[::-2]
    whole = correctness(truth, answers)
    part = correctness(truth.of(chosen), answers.of(chosen))
    for each in fields(whole):
        whole_verdict, verdict = getattr(whole, each.name), getattr(part, each.name)
        assert verdict.tolist() == whole_verdict[:, chosen].tolist()
    losses = sample_losses(truth, answers)[chosen]
    assert sample_losses(truth.of(chosen), answers.of(chosen)).tolist() == losses.tolist()


@given(evaluations())
def test_a_halting_curve_runs_from_the_first_step_to_the_last(case: tuple[Truth, Answers]) -> None:
    truth, answers = case
    curve = halting_curve(truth, answers)
    whole = evaluation_metrics(truth, answers, LABELS, 0.5, TOOLS_LEARNT)
    for point in curve:
        halting = evaluation_metrics(truth, answers, LABELS, point.threshold, TOOLS_LEARNT).halting
        assert point == halting
    assert [point.threshold for point in curve] == sorted(THRESHOLDS)
    assert curve[0].exact_match == whole.by_step[0].exact_match
    if len(truth.decision):
        assert curve[0].mean_steps == 1
    never = halting_curve(truth, answers, [2.0])[0]
    assert never.exact_match == whole.exact_match

    enough = (whole.exact_match or 0) - 0.001
    found = cheapest_halting(curve, whole.exact_match)
    good = [point for point in curve if (point.exact_match or 0) >= enough]
    assert found == (good[0] if good else None)


def test_an_unknown_tool_is_wrong_and_its_loss_the_highest() -> None:
    truth = Truth(np.array([True, True]), np.array([UNKNOWN_TOOL, 1]), np.zeros((2, SLOTS), bool))
    answers = Answers(
        decision=np.full((1, 2), 0.9),
        q=np.full((1, 2), 0.9),
        tool=np.array([[-1, 1]]),
        tool_confidence=np.array([[0.0, 0.9]]),
        tool_probability=np.array([[0.0, 0.9]]),
        presence=np.full((1, 2, SLOTS), 0.1),
        value_right=np.ones((1, 2, SLOTS), bool),
        args_right=np.array([[False, True]]),
    )
    right = correctness(truth, answers)
    assert right.tool.tolist() == right.exact.tolist() == [[False, True]]
    found = evaluation_metrics(truth, answers, LABELS, 0.9, TOOLS_LEARNT)
    assert found.tool.accuracy == found.exact_match == found.arguments.accuracy == 0.5
    losses = sample_losses(truth, answers)
    assert losses[0] > 20 > losses[1]


# --- evaluate -----------------------------------------------------------------------------------


def test_an_evaluation_does_not_depend_on_the_batch_size(dataset: TRMToolCallingDataset) -> None:
    few = dataset.subset([0, 1, 2, 5, 9, 31, 59])
    model = small_model(small_config(dataset.labels))
    one, many = evaluate(model, few, 1), evaluate(model, few, 7)
    for name in ("decision", "tool", "arguments", "exact_match", "exact_match_values", "halting"):
        assert getattr(one, name) == getattr(many, name), name
    assert [each.index for each in one.worst] == [each.index for each in many.worst]


def test_an_evaluation_judges_every_step_as_the_loss_does(
    dataset: TRMToolCallingDataset,
) -> None:
    few = dataset.subset(range(12))
    model = reading_model(dataset)
    told: list[tuple[int, int]] = []
    model.train()
    found = evaluate(model, few, 5, lambda done, total: told.append((done, total)))
    assert model.training
    finished = [done for done, _ in told]
    assert {total for _, total in told} == {12}
    assert finished[-1] == 12
    assert (np.diff([0, *finished]) > 0).all()
    assert (np.diff([0, *finished]) <= 5).all()
    assert len(found.worst) == 12
    losses = [each.loss for each in found.worst]
    assert losses == sorted(losses, reverse=True)

    batch = batch_of(few, range(12))
    targets = Targets.of(batch)
    model.eval()
    with torch.no_grad():
        outputs = model.train_step(**inputs_of(batch))
    for output, row in zip(outputs, found.by_step, strict=True):
        exact = answer_is_right(output, targets).float().mean()
        assert row.exact_match == pytest.approx(float(exact))
        called = (output.decision_logits[:, 0] > 0).float() == targets.decision
        assert row.decision_accuracy == pytest.approx(float(called.float().mean()))
    whole = evaluate(model, few, 12)
    step = DeepSupervisionLoss(model.config).step(outputs[-1], targets, count_labels(targets))
    assert whole.by_step[-1].loss == pytest.approx(float(step["total_loss"]), abs=1e-5)


def test_an_evaluation_names_samples_by_their_line(
    dataset: TRMToolCallingDataset, tmp_path: Path
) -> None:
    model = small_model(small_config(dataset.labels))
    few = dataset.subset([40, 8, 3, 26])
    own = few.written_to(tmp_path / "few.jsonl")
    for data in (few, own):
        lines = data.path.read_bytes().splitlines()
        found = evaluate(model, data, 4)
        assert len(found.worst) == len(found.shown) == 4
        for each in found.worst + found.shown:
            assert parse_sample(lines[each.line - 1]) == data.sample(each.index)
        for cell in found.tool.cells:
            for line in cell.lines:
                tool = parse_sample(lines[line - 1]).tool
                assert tool
                assert tool.name == data.labels.tools[cell.true]
        assert sum(cell.count for cell in found.tool.cells) == data.decisions.sum()


def test_an_evaluation_tells_of_every_sample_as_it_goes(dataset: TRMToolCallingDataset) -> None:
    """Its records are those of the worst samples, and count up to its figures."""
    few = dataset.subset(range(11))
    evaluation = Evaluator(small_model(small_config(dataset.labels)), few)
    records = [record for batch in evaluation.batches(4) for record in evaluation.judged(batch)]
    metrics = evaluation.evaluation()
    assert metrics == evaluate(evaluation.model, few, 4)
    by_index = {record.index: record for record in records}
    assert sorted(by_index) == list(range(11))
    assert metrics.worst == [by_index[each.index] for each in metrics.worst]
    for step, figures in enumerate(metrics.by_step):
        assert figures.exact_match == np.mean([record.exact[step] for record in records])
        right = [record.exact_values[step] for record in records]
        assert figures.exact_match_values == np.mean(right)
    for record in records:
        assert record.exact_values[-1] == (not record.wrong)
        assert record.decision == few.sample(record.index).decision
        calls = record.decision_probability[-1] > 0.5
        assert record.predicted_decision == ("tool_call" if calls else "direct_answer")
        assert 0 <= record.confidence <= 1


def test_an_evaluation_may_run_other_numbers_of_steps_and_be_broken_off(
    dataset: TRMToolCallingDataset,
) -> None:
    model = small_model(small_config(dataset.labels)).train()
    few = dataset.subset(range(6))
    evaluation = Evaluator(model, few, steps=2)
    list(evaluation.batches())
    assert len(evaluation.evaluation().by_step) == 2
    assert evaluation.evaluation().by_step[1].exact_match == (
        evaluate(model, few).by_step[1].exact_match
    )

    calls: list[int] = []

    def break_off() -> None:
        calls.append(1)
        if len(calls) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(Evaluator(model, few, between=break_off).batches(2))
    assert model.training


def test_the_worst_samples_say_what_is_wrong(dataset: TRMToolCallingDataset) -> None:
    model = small_model(small_config(dataset.labels))
    for shown in evaluate(model, dataset.subset(range(9)), 4).worst:
        record = dataset.sample(shown.index)
        assert shown.decision == record.decision
        assert shown.tool == (record.tool.name if record.tool else None)
        decided = (shown.decision_probability[-1] > 0.5) == (record.decision == "tool_call")
        assert ("decision" in shown.wrong) == (not decided)
        if record.tool is None:
            assert not {"tool", "arguments"} & set(shown.wrong)
        elif "tool" not in shown.wrong:
            assert shown.predicted_tool == record.tool.name
