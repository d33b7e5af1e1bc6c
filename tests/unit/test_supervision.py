"""Deep supervision: streamed gradients are those of the loss as it is written."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tests.models import batch_of, inputs_of, reading_model
from trm_engine.data.collator import Batch
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.models import TRMForToolCalling
from trm_engine.training.losses import TOTAL, DeepSupervisionLoss, count_labels
from trm_engine.training.supervision import Part, averaged, deep_probability, mask_words, per_step
from trm_engine.training.targets import Targets, ValueLabels
from trm_engine.vocabulary import MASK_ID, PAD_ID

SAMPLES = [0, 1, 2, 4, 11, 13, 59]
HALVES = [slice(0, 3), slice(3, 7)]


@pytest.fixture(scope="module")
def batch(dataset: TRMToolCallingDataset) -> Batch:
    return batch_of(dataset, SAMPLES)


def apart(batch: Batch) -> Batch:
    """The batch with every sample read by itself."""
    return {**batch, "read_from": torch.arange(len(batch["input_ids"]))}


def part(model: TRMForToolCalling, batch: Batch, with_values: bool = True) -> Part:
    """A batch that is read with the model's whole catalogue."""
    targets = Targets.of(batch)
    plain = Targets(targets.decision, targets.tool, targets.presence)
    return Part(batch, targets if with_values else plain, model.catalogue)


def counts_of(parts: Sequence[Part]) -> Tensor:
    return torch.stack([count_labels(each.targets) for each in parts]).sum(dim=0)


def gradients(model: TRMForToolCalling) -> dict[str, Tensor]:
    """All gradients, and none left behind."""
    found = {
        name: torch.zeros_like(weight) if weight.grad is None else weight.grad.clone()
        for name, weight in model.named_parameters()
    }
    model.zero_grad(set_to_none=True)
    return found


def assert_same(one: dict[str, Tensor], other: dict[str, Tensor], within: float = 3e-6) -> None:
    assert one.keys() == other.keys()
    for name, tensor in one.items():
        assert (tensor - other[name]).abs().max() <= within, name


def streamed(
    model: TRMForToolCalling, parts: Sequence[Part]
) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Losses by step, and gradients."""
    loss_fn = DeepSupervisionLoss(model.config)
    [losses] = list(averaged(model, loss_fn, parts, counts_of(parts)))
    return losses, gradients(model)


def kept(
    model: TRMForToolCalling, batch: Batch, with_values: bool
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Losses and gradients of the specification's way: all steps' graphs are kept."""
    losses = DeepSupervisionLoss(model.config)(
        model.train_step(**inputs_of(batch)),
        batch["decision_labels"],
        batch["tool_name_labels"],
        batch["slot_presence_labels"],
        ValueLabels.of(batch) if with_values else None,
    )
    losses[TOTAL].backward()
    return losses, gradients(model)


@pytest.mark.parametrize("steps", [1, 4, pytest.param(16, marks=pytest.mark.slow)])
@pytest.mark.parametrize("with_values", [True, False])
def test_streamed_gradients_are_those_of_all_graphs_kept(
    dataset: TRMToolCallingDataset, batch: Batch, steps: int, with_values: bool
) -> None:
    model = reading_model(dataset, N_supervision=steps, num_layers=2)
    expected_losses, expected = kept(model, batch, with_values)
    losses, found = streamed(model, [part(model, batch, with_values)])
    assert_same(found, expected)
    assert max(gradient.abs().max() for gradient in found.values()) > 1e-3
    assert len(losses) == steps
    assert losses[0].keys() == expected_losses.keys()
    assert ("arg_loss" in losses[0]) == with_values
    for name, loss in expected_losses.items():
        mean = torch.stack([step[name] for step in losses]).mean()
        assert torch.allclose(mean, loss, atol=1e-6), name
        assert not losses[0][name].requires_grad


@pytest.mark.parametrize("supervise", [averaged, per_step])
def test_accumulated_parts_are_the_whole_batch(
    dataset: TRMToolCallingDataset, supervise: object
) -> None:
    """Two parts with unlike numbers of samples, calls and values."""
    model = reading_model(dataset)
    first, second = batch_of(dataset, SAMPLES[:1]), batch_of(dataset, SAMPLES[1:])
    halves = [part(model, first), part(model, second)]
    numbers = [count_labels(each.targets) for each in halves]
    assert not torch.equal(numbers[0] * 6, numbers[1])
    assert numbers[0][1] == 0 < numbers[1][1]
    loss_fn = DeepSupervisionLoss(model.config)
    results = []
    for parts in ([part(model, batch_of(dataset, SAMPLES))], halves):
        found = []
        for losses in supervise(model, loss_fn, parts, counts_of(parts)):
            found.append((losses, gradients(model)))
        results.append(found)
    for (whole, gradient), (joined, other) in zip(*results, strict=True):
        assert_same(gradient, other)
        for one, two in zip(whole, joined, strict=True):
            assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_each_step_gives_its_own_gradient(dataset: TRMToolCallingDataset, batch: Batch) -> None:
    model = reading_model(dataset, N_supervision=4)
    loss_fn = DeepSupervisionLoss(model.config)
    each = part(model, batch)
    counts = count_labels(each.targets)
    expected = []
    for output in model.supervision_steps(model.embedding(model.read(), **inputs_of(batch))):
        loss = loss_fn.step(output, each.targets, counts)[TOTAL]
        loss.backward(retain_graph=True)
        expected.append((loss.item(), gradients(model)))
    found = [
        (float(losses[TOTAL]), gradients(model))
        for [losses] in per_step(model, loss_fn, [each], counts)
    ]
    assert len(found) == 4
    for (loss, gradient), (other_loss, other) in zip(expected, found, strict=True):
        assert loss == pytest.approx(other_loss, abs=1e-6)
        assert_same(gradient, other)


def test_the_steps_gradients_average_to_the_whole(
    dataset: TRMToolCallingDataset, batch: Batch
) -> None:
    model = reading_model(dataset, N_supervision=4)
    each, loss_fn = part(model, batch), DeepSupervisionLoss(model.config)
    steps = [gradients(model) for _ in per_step(model, loss_fn, [each], count_labels(each.targets))]
    mean = {name: torch.stack([step[name] for step in steps]).mean(dim=0) for name in steps[0]}
    assert_same(mean, streamed(model, [each])[1])


def test_weights_changed_between_steps_are_used(
    dataset: TRMToolCallingDataset, batch: Batch
) -> None:
    model = reading_model(dataset)
    each, loss_fn = part(model, batch), DeepSupervisionLoss(model.config)

    def losses(changes: bool) -> list[float]:
        found = []
        for [step] in per_step(model, loss_fn, [each], count_labels(each.targets)):
            found.append(float(step["decision_loss"]))
            if changes:
                with torch.no_grad():
                    model.heads.decision.register.bias += 5
        return found

    plain, moved = losses(False), losses(True)
    assert plain[0] == moved[0]
    assert plain[1] != moved[1]


# --- word dropout -------------------------------------------------------------------------------


def test_words_are_hidden_by_the_seed_alone(batch: Batch) -> None:
    torch.manual_seed(1)
    one = mask_words(batch, 0.3, (0, 5, 0, 0))["input_ids"]
    torch.manual_seed(2)
    state = torch.get_rng_state()
    same = mask_words(batch, 0.3, (0, 5, 0, 0))["input_ids"]
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(one, same)
    others = [(0, 6, 0, 0), (0, 5, 1, 0), (0, 5, 0, 1), (1, 5, 0, 0)]
    assert all(not torch.equal(one, mask_words(batch, 0.3, s)["input_ids"]) for s in others)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_only_words_are_hidden_and_as_many_as_asked(batch: Batch, share: float) -> None:
    before = batch["input_ids"].clone()
    hidden = mask_words(batch, share, (7,))
    after = hidden["input_ids"]
    assert torch.equal(batch["input_ids"], before)
    changed = after != before
    assert (after[changed] == MASK_ID).all()
    words = before > MASK_ID
    assert words[changed].all()
    read = batch["read_from"].unique()
    assert 0 < len(read) < len(before)
    assert changed.sum() == changed[read].sum()
    words = words[read]
    assert changed.sum() / words.sum() == pytest.approx(share, abs=0.1)
    assert (after[before == PAD_ID] == PAD_ID).all()
    assert all(hidden[name] is batch[name] for name in batch if name != "input_ids")


def test_hidden_words_are_labels(batch: Batch) -> None:
    hidden = mask_words(batch, 0.3, (7,))
    labels, was_hidden = hidden["word_labels"], hidden["input_ids"] != batch["input_ids"]
    assert torch.equal(labels >= 0, was_hidden)
    assert torch.equal(labels[was_hidden], batch["input_ids"][was_hidden])


def test_the_loss_of_hidden_words_is_the_mean_over_all_of_them(
    dataset: TRMToolCallingDataset,
) -> None:
    """Added with its weight; parts of a batch give what the whole gives."""
    model = reading_model(dataset, word_weight=0.5)
    loss_fn = DeepSupervisionLoss(model.config)
    hidden = mask_words(apart(batch_of(dataset, SAMPLES)), 0.3, (7,))
    [whole] = averaged(model, loss_fn, [part(model, hidden)], counts_of([part(model, hidden)]))
    expected = gradients(model)
    assert model.heads.words is not None
    assert expected["heads.words.weight"].abs().max() > 0

    split = [{name: value[rows] for name, value in hidden.items()} for rows in HALVES]
    halves = [part(model, apart(half)) for half in split]
    [joined] = averaged(model, loss_fn, halves, counts_of(halves))
    assert_same(gradients(model), expected)
    for one, two in zip(whole, joined, strict=True):
        assert torch.allclose(one[TOTAL], two[TOTAL], atol=1e-5)

    at, counts = hidden["word_labels"] >= 0, counts_of([part(model, hidden)])
    for step, output in zip(whole, model.train_step(**inputs_of(hidden)), strict=True):
        words = F.cross_entropy(model.word_logits(output.y[at]), hidden["word_labels"][at])
        assert torch.allclose(step["word_loss"], words, atol=1e-4)
        others = loss_fn.step(output, part(model, hidden).targets, counts)[TOTAL]
        assert torch.allclose(step[TOTAL], others + 0.5 * words, atol=1e-4)


def test_no_dropout_changes_nothing(batch: Batch) -> None:
    assert mask_words(batch, 0.0, (0,)) is batch


@given(st.floats(0.01, 1))
def test_depth_is_learnt_last_and_as_often_as_asked(share: float) -> None:
    moments = torch.linspace(0.5, 999.5, 1000, dtype=torch.float64) / 1000
    chances = [deep_probability(share, float(moment)) for moment in moments]
    assert chances == sorted(chances)
    assert deep_probability(share, 1.0) == 1
    assert sum(chances) / len(chances) == pytest.approx(share, abs=0.01)


def test_all_updates_are_deep_or_none() -> None:
    assert [deep_probability(1.0, progress) for progress in (0.001, 0.5, 1.0)] == [1, 1, 1]
    assert [deep_probability(0.0, progress) for progress in (0.001, 0.5, 1.0)] == [0, 0, 0]
