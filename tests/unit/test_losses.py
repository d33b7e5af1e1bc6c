"""Losses: against plain formulas and brute force."""

from __future__ import annotations

import itertools
import math
import warnings
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tests.models import batch_of, inputs_of, small_config, small_model
from trm_engine.config import TRMConfig
from trm_engine.data.collator import Batch
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.inference.decoding import value_borders
from trm_engine.models import TRMOutput
from trm_engine.models.heads import MASKED_LOGIT
from trm_engine.training.losses import SIZES, TOTAL, DeepSupervisionLoss, count_labels
from trm_engine.training.targets import KINDS, Targets, ValueLabels
from trm_engine.training.terms import (
    TERMS,
    Mean,
    Term,
    answer_is_right,
    choice_loss,
    focal_loss,
    span_loss,
)
from trm_engine.vocabulary import BEGINS_WORD, ENDS_WORD

logits = st.floats(-30, 30, width=32)


def made(**changes: Tensor) -> TRMOutput:
    """An output of two samples, three tools, two slots, one argument, four tokens."""
    plain = {
        "decision_logits": torch.zeros(2, 1),
        "tool_logits": torch.zeros(2, 3),
        "arg_start_logits": torch.zeros(2, 4, 1),
        "arg_end_logits": torch.zeros(2, 4, 1),
        "slot_start_logits": torch.zeros(2, 4, 2),
        "slot_end_logits": torch.zeros(2, 4, 2),
        "slot_presence_logits": torch.zeros(2, 2),
        "q_logits": torch.zeros(2, 1),
        "y": torch.zeros(2, 4, 8),
        "z": torch.zeros(2, 4, 8),
        "next_tool_logits": torch.zeros(2, 3),
        "arg_presence_logits": torch.zeros(2, 1),
        "missing_penalty": torch.zeros(2, 1),
        "slot_choice_logits": torch.zeros(2, 2, 3),
        "arg_choice_logits": torch.zeros(2, 1, 3),
    }
    values = {**plain, **changes}
    return TRMOutput(**{name: value.requires_grad_() for name, value in values.items()})


def no_values() -> ValueLabels:
    return ValueLabels(
        slot_span_labels=torch.full((2, 2, 1, 2), -1),
        slot_choice_labels=torch.full((2, 2), -1),
        arg_span_labels=torch.full((2, 1, 1, 2), -1),
        arg_choice_labels=torch.full((2, 1), -1),
        arg_presence_labels=torch.full((2, 1), -1.0),
        next_tool_labels=torch.full((2,), -1),
        tool_mask=torch.ones(2, 3, dtype=torch.long),
        text_flags=torch.zeros(2, 4, dtype=torch.long),
    )


# --- focal loss ---------------------------------------------------------------------------------


@given(st.lists(st.tuples(logits, st.booleans()), min_size=1), st.floats(0, 5))
def test_focal_loss_is_its_formula(samples: list[tuple[float, bool]], gamma: float) -> None:
    expected = 0.0
    for logit, target in samples:
        p = 1 / (1 + math.exp(-logit))
        right = p if target else 1 - p
        log_right = -math.log1p(math.exp(-logit if target else logit))
        expected -= (1 - right) ** gamma * log_right
    values = torch.tensor([each for each, _ in samples], dtype=torch.float64)
    targets = torch.tensor([float(each) for _, each in samples], dtype=torch.float64)
    found = float(focal_loss(values, targets, gamma))
    assert found == pytest.approx(expected, rel=1e-4, abs=1e-9)


@given(st.lists(st.tuples(logits, st.booleans()), min_size=1))
def test_focal_loss_at_gamma_zero_is_cross_entropy(samples: list[tuple[float, bool]]) -> None:
    values = torch.tensor([each for each, _ in samples])
    targets = torch.tensor([float(each) for _, each in samples])
    expected = F.binary_cross_entropy_with_logits(values, targets, reduction="sum")
    assert torch.allclose(focal_loss(values, targets, 0.0), expected)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 1.5, 2.0, 5.0])
@pytest.mark.parametrize("logit", [-200.0, -20.0, 0.0, 20.0, 200.0])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_gradient_of_a_focal_loss_is_a_number(
    gamma: float, logit: float, target: float
) -> None:
    value = torch.tensor([logit], requires_grad=True)
    focal_loss(value, torch.tensor([target]), gamma).backward()
    assert value.grad is not None
    assert value.grad.isfinite().all()


# --- spans and choices --------------------------------------------------------------------------


@st.composite
def span_problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor]:
    batch, length, channels, most = (draw(st.integers(1, n)) for n in (3, 5, 3, 3))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    starts, ends = torch.randn(2, batch, length, channels, generator=generator) * 3
    pairs = list(itertools.combinations_with_replacement(range(length), 2))
    spans = torch.full((batch, channels, most, 2), -1)
    for row, channel in itertools.product(range(batch), range(channels)):
        chosen = draw(st.lists(st.sampled_from(pairs), max_size=most, unique=True))
        for place, pair in enumerate(chosen):
            spans[row, channel, place] = torch.tensor(pair)
    return starts, ends, spans


def everywhere(logits: Tensor) -> Tensor:
    """Flags by which values can begin and end at every token, [B, L]."""
    return torch.full(logits.shape[:2], BEGINS_WORD | ENDS_WORD)


@given(span_problems())
def test_span_loss_is_the_probability_of_any_occurrence(
    problem: tuple[Tensor, Tensor, Tensor],
) -> None:
    starts, ends, spans = problem
    expected, length = 0.0, starts.shape[1]
    for row, channel in itertools.product(range(len(spans)), range(spans.shape[1])):
        right = {tuple(span) for span in spans[row, channel].tolist() if span[0] >= 0}
        if not right:
            continue
        p_start = starts[row, :, channel].softmax(0)
        p_end = ends[row, :, channel].softmax(0)
        mass = sum(
            float(p_start[start] * p_end[end])
            for start, end in itertools.product(range(length), repeat=2)
            if (start, end) in right
        )
        expected -= math.log(mass)
    starts.requires_grad_()
    ends.requires_grad_()
    loss = span_loss(starts, ends, spans, everywhere(starts))
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4, abs=1e-5)
    loss.backward()
    assert starts.grad is not None
    assert starts.grad.isfinite().all()


@given(
    st.integers(0, 1000), st.lists(st.lists(st.integers(-1, 3), min_size=2, max_size=2), min_size=1)
)
def test_choice_loss_is_cross_entropy_where_there_is_a_label(
    seed: int, labels: list[list[int]]
) -> None:
    generator = torch.Generator().manual_seed(seed)
    values = torch.randn(len(labels), 2, 4, generator=generator)
    expected = 0.0
    for row, pair in enumerate(labels):
        for channel, label in enumerate(pair):
            if label >= 0:
                expected -= float(values[row, channel].log_softmax(0)[label])
    assert float(choice_loss(values, torch.tensor(labels))) == pytest.approx(expected, abs=1e-4)


def test_choices_of_a_model_that_has_none() -> None:
    values = torch.zeros(3, 2, 0, requires_grad=True)
    loss = choice_loss(values, torch.full((3, 2), -1))
    loss.backward()
    assert loss == 0


# --- the whole ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def batch(dataset: TRMToolCallingDataset) -> Batch:
    return batch_of(dataset, [0, 1, 2, 4, 11])


def called(config: TRMConfig, outputs: list[TRMOutput], batch: Batch, values: bool) -> Any:
    return DeepSupervisionLoss(config)(
        outputs,
        batch["decision_labels"],
        batch["tool_name_labels"],
        batch["slot_presence_labels"],
        ValueLabels.of(batch) if values else None,
    )


@pytest.mark.parametrize("values", [False, True])
def test_the_total_is_weighted_as_the_specification_says(
    dataset: TRMToolCallingDataset, batch: Batch, values: bool
) -> None:
    model = small_model(small_config(dataset.labels))
    losses = called(model.config, model.train_step(**inputs_of(batch)), batch, values)
    weights = {"decision_loss": 1.0, "tool_loss": 1.0, "slot_loss": 0.5, "q_loss": 0.5}
    if values:
        weights |= {"slot_span_loss": 0.5, "arg_loss": 0.5}
    assert set(losses) == {TOTAL, *weights}
    total = sum(weight * losses[name].item() for name, weight in weights.items())
    assert losses[TOTAL].item() == pytest.approx(total, abs=1e-5)
    assert all(loss > 0 for loss in losses.values())


def test_weights_come_from_the_configuration(dataset: TRMToolCallingDataset, batch: Batch) -> None:
    names = ("decision", "tool", "slot", "q", "slot_span", "arg")
    numbers = {f"{name}_weight": float(2**place) for place, name in enumerate(names)}
    model = small_model(small_config(dataset.labels, **numbers))
    losses = called(model.config, model.train_step(**inputs_of(batch)), batch, True)
    total = sum(numbers[f"{name}_weight"] * losses[f"{name}_loss"].item() for name in names)
    assert losses[TOTAL].item() == pytest.approx(total, rel=1e-5)


def test_a_loss_is_the_mean_over_its_labels_and_over_the_steps(
    dataset: TRMToolCallingDataset, batch: Batch
) -> None:
    model = small_model(small_config(dataset.labels, focal_gamma=0.0))
    outputs = model.train_step(**inputs_of(batch))
    losses = called(model.config, outputs, batch, True)
    calls = batch["tool_name_labels"] >= 0
    by_name: defaultdict[str, list[Tensor]] = defaultdict(list)
    for output in outputs:
        by_name["decision_loss"].append(
            F.binary_cross_entropy_with_logits(
                output.decision_logits[:, 0], batch["decision_labels"]
            )
        )
        by_name["tool_loss"].append(
            F.cross_entropy(output.tool_logits[calls], batch["tool_name_labels"][calls])
        )
        by_name["slot_loss"].append(
            F.binary_cross_entropy_with_logits(
                output.slot_presence_logits, batch["slot_presence_labels"]
            )
        )
        right = answer_is_right(output, Targets.of(batch)).float()
        by_name["q_loss"].append(F.binary_cross_entropy_with_logits(output.q_logits[:, 0], right))
    for name, steps in by_name.items():
        assert torch.allclose(losses[name], torch.stack(steps).mean(), atol=1e-6), name


def test_argument_loss_is_presence_and_value(dataset: TRMToolCallingDataset, batch: Batch) -> None:
    model = small_model(small_config(dataset.labels))
    output = model.train_step(**inputs_of(batch))[0]
    losses = called(model.config, [output], batch, True)
    labels = batch["arg_presence_labels"]
    asked = labels >= 0
    presence = F.binary_cross_entropy_with_logits(output.arg_presence_logits[asked], labels[asked])
    begins, ends = value_borders(batch["text_flags"])
    values = span_loss(
        output.arg_start_logits.masked_fill(~begins[..., None], MASKED_LOGIT),
        output.arg_end_logits.masked_fill(~ends[..., None], MASKED_LOGIT),
        batch["arg_span_labels"],
        everywhere(output.arg_start_logits),
    ) + choice_loss(output.arg_choice_logits, batch["arg_choice_labels"])
    spans = (batch["arg_span_labels"][..., 0] >= 0).any(-1).sum()
    count = spans + (batch["arg_choice_labels"] >= 0).sum()
    assert asked.sum() > count > 0 or asked.sum() == count > 0
    assert torch.allclose(losses["arg_loss"], presence + values / count, atol=1e-6)


def test_without_labels_of_a_kind_its_loss_is_zero_and_differentiable() -> None:
    config = small_config(num_tools=3, num_slots=2, num_args=1, num_choices=3)
    output = made()
    losses = DeepSupervisionLoss(config)(
        [output], torch.zeros(2), torch.full((2,), -1), torch.zeros(2, 2), no_values()
    )
    for name in ("tool_loss", "slot_span_loss", "arg_loss"):
        assert losses[name] == 0
        assert losses[name].requires_grad
    losses[TOTAL].backward()
    for tensor in (output.decision_logits, output.q_logits, output.slot_presence_logits):
        assert tensor.grad is not None
        assert tensor.grad.isfinite().all()
    assert output.tool_logits.grad is None or (output.tool_logits.grad == 0).all()


def test_an_unknown_tool_is_not_learnt() -> None:
    config = small_config(num_tools=3, num_slots=2)
    loss_fn = DeepSupervisionLoss(config)
    output = made(tool_logits=torch.randn(2, 3))
    labels = (torch.ones(2), torch.tensor([-2, 1]), torch.zeros(2, 2))
    losses = loss_fn([output], *labels)
    expected = F.cross_entropy(output.tool_logits[1:], torch.tensor([1]))
    assert torch.allclose(losses["tool_loss"], expected)
    losses["tool_loss"].backward()
    assert output.tool_logits.grad is not None
    assert (output.tool_logits.grad[0] == 0).all()
    assert count_labels(Targets(*labels))[:3].tolist() == [2, 1, 4]


def test_an_answer_teaches_which_call_comes_next_not_which_it_would_be() -> None:
    loss_fn = DeepSupervisionLoss(small_config(num_tools=3, num_slots=2, next_call_weight=0.5))
    output = made(tool_logits=torch.randn(2, 3), next_tool_logits=torch.randn(2, 3))
    values = replace(no_values(), next_tool_labels=torch.tensor([1, 2]))
    losses = loss_fn(
        [output], torch.tensor([1.0, 0.0]), torch.tensor([1, -1]), torch.zeros(2, 2), values
    )
    now = F.cross_entropy(output.tool_logits[:1], torch.tensor([1]))
    coming = F.cross_entropy(output.next_tool_logits, torch.tensor([1, 2]))
    assert torch.allclose(losses["tool_loss"], now)
    assert torch.allclose(losses["next_tool_loss"], coming)
    total = sum(losses[name] for name in ("decision_loss", "tool_loss"))
    total = total + 0.5 * sum(losses[f"{name}_loss"] for name in ("next_tool", "slot", "q"))
    assert torch.allclose(losses[TOTAL], total)
    losses[TOTAL].backward()
    assert output.tool_logits.grad is not None
    assert (output.tool_logits.grad[1] == 0).all()


def test_counts_names_and_total_follow_from_the_list_of_terms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A loss is added in one place."""
    mean = Mean(lambda step: step.output.y.sum() * 0 + 12, lambda targets: 4)
    terms = (*TERMS, Term("new_loss", "slot_weight", (mean,)))
    labels = Targets(torch.ones(2), torch.tensor([1, 0]), torch.zeros(2, 2))
    loss_fn = DeepSupervisionLoss(small_config(num_tools=3, num_slots=2, slot_weight=3.0))
    before = loss_fn.step(made(), labels, count_labels(labels))
    monkeypatch.setattr("trm_engine.training.losses.TERMS", terms)
    monkeypatch.setattr("trm_engine.training.losses.SIZES", [*SIZES, 1])
    assert loss_fn.names(KINDS)[-1] == "new_loss"
    assert count_labels(labels)[-1] == 4
    after = loss_fn.step(made(), labels, count_labels(labels))
    assert after["new_loss"] == 3
    assert torch.allclose(after[TOTAL], before[TOTAL] + 3 * 3)


def test_no_slots_at_all() -> None:
    config = small_config(num_tools=3, num_slots=0)
    output = made(slot_presence_logits=torch.zeros(2, 0))
    losses = DeepSupervisionLoss(config)(
        [output], torch.zeros(2), torch.full((2,), -1), torch.zeros(2, 0)
    )
    assert losses["slot_loss"] == 0
    assert losses[TOTAL].isfinite()


# --- q ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "tool", "presence", "truth", "right"),
    [
        (2.0, 1, (1, -1), (1, 1, (1, 0)), True),
        (-2.0, 1, (1, -1), (1, 1, (1, 0)), False),
        (2.0, 0, (1, -1), (1, 1, (1, 0)), False),
        (2.0, 1, (1, 1), (1, 1, (1, 0)), False),
        (-2.0, 0, (-1, -1), (0, -1, (0, 0)), True),
        (-2.0, 2, (-1, 1), (0, -1, (0, 0)), False),
        (2.0, 2, (-1, -1), (0, -1, (0, 0)), False),
        (2.0, 0, (-1, -1), (1, -2, (0, 0)), False),
    ],
)
def test_q_learns_whether_decision_tool_and_every_slot_are_right(
    decision: float,
    tool: int,
    presence: tuple[int, int],
    truth: tuple[int, int, tuple[int, int]],
    right: bool,
) -> None:
    output = made(
        decision_logits=torch.full((2, 1), decision),
        tool_logits=F.one_hot(torch.tensor([tool, tool]), 3).float(),
        slot_presence_logits=torch.tensor([presence, presence]).float(),
    )
    targets = Targets(
        torch.full((2,), float(truth[0])),
        torch.full((2,), truth[1]),
        torch.tensor([truth[2], truth[2]]).float(),
    )
    assert answer_is_right(output, targets).tolist() == [right, right]


def test_q_counts_only_tools_on_offer() -> None:
    output = made(decision_logits=torch.ones(2, 1), tool_logits=torch.tensor([[3.0, 2.0, 1.0]] * 2))
    values = no_values()
    values.tool_mask[1, 0] = 0
    targets = Targets(torch.ones(2), torch.tensor([1, 1]), torch.zeros(2, 2), values)
    assert answer_is_right(output, targets).tolist() == [False, True]


def test_q_does_not_teach_the_rest(dataset: TRMToolCallingDataset, batch: Batch) -> None:
    """The target of q is a constant: only q's logits get a gradient of q's loss."""
    model = small_model(small_config(dataset.labels))
    output = model.train_step(**inputs_of(batch))[0]
    loss = called(model.config, [output], batch, False)["q_loss"]
    gradients = torch.autograd.grad(
        loss, [output.decision_logits, output.tool_logits], allow_unused=True
    )
    assert gradients == (None, None)


# --- slots of data and model differ --------------------------------------------------------------


@pytest.mark.parametrize("slots", [1, 2])
def test_slots_that_only_one_side_has_are_left_out_with_a_warning(
    dataset: TRMToolCallingDataset, batch: Batch, slots: int
) -> None:
    model = small_model(small_config(dataset.labels, num_slots=slots, arg_slots=()))
    outputs = model.train_step(**inputs_of(batch))
    with pytest.warns(UserWarning, match=rf"3 slots, the model {slots}.*num_slots=3"):
        losses = called(model.config, outputs, batch, False)
    narrow = {**batch, "slot_presence_labels": batch["slot_presence_labels"][:, :slots]}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = called(model.config, outputs, narrow, False)
    assert all(torch.equal(losses[name], expected[name]) for name in losses)


def test_a_model_with_more_slots_than_the_data(
    dataset: TRMToolCallingDataset, batch: Batch
) -> None:
    model = small_model(small_config(dataset.labels, num_slots=6))
    outputs = model.train_step(**inputs_of(batch))
    with pytest.warns(UserWarning, match=r"3 slots, the model 6"):
        losses = called(model.config, outputs, batch, False)
    presence = torch.stack([output.slot_presence_logits[:, :3] for output in outputs])
    labels = batch["slot_presence_labels"].expand_as(presence)
    expected = F.binary_cross_entropy_with_logits(presence, labels)
    assert torch.allclose(losses["slot_loss"], expected, atol=1e-6)
