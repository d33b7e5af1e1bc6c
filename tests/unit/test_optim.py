"""Optimiser groups and the learning rate of every update."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.models import small_config, small_model
from trm_engine.config import TrainingConfig
from trm_engine.models.heads.turn_recency import TurnRecency
from trm_engine.training.muon import STEP_SIZE, Muon, orthogonal
from trm_engine.training.optim import build_optimizer, build_scheduler, lr_factor


def rates(config: TrainingConfig, total: int) -> list[float]:
    """The learning rate of each of ``total`` updates, as the trainer uses them."""
    optimizer = build_optimizer(nn.Linear(2, 2), config)
    scheduler = build_scheduler(optimizer, config, total)
    found = []
    for _ in range(total):
        found.append(optimizer.param_groups[0]["lr"])
        assert {group["lr"] for group in optimizer.param_groups} == {found[-1]}
        assert scheduler.get_last_lr()[0] == found[-1]
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize("warmup", [0, 1, 2, 7, 40])
def test_warm_up_is_linear_and_then_constant(warmup: int) -> None:
    config = TrainingConfig(learning_rate=3e-4, warmup_steps=warmup)
    expected = [3e-4 * min(1, k / max(1, warmup)) for k in range(1, 26)]
    found = rates(config, 25)
    assert found == pytest.approx(expected)
    assert found[0] > 0


@given(st.integers(1, 400), st.floats(0, 0.5))
def test_a_linear_schedule_rises_holds_and_falls_to_nearly_zero(total: int, share: float) -> None:
    warmup = int(total * share)
    factor = lr_factor(TrainingConfig(warmup_steps=warmup, schedule="linear"), total)
    found = [factor(index) for index in range(total)]
    half = total // 2
    assert all(0 < each <= 1 for each in found)
    assert found[:half] == pytest.approx([min(1, k / max(1, warmup)) for k in range(1, half + 1)])
    falling = found[half:]
    assert all(one >= other for one, other in pairwise(falling))
    assert found[-1] == pytest.approx(1 / (total - half))
    assert factor(total) == 0
    assert factor(total + 10) == 0


@given(st.integers(1, 400), st.integers(0, 800))
def test_however_long_the_warm_up_a_linear_schedule_rises_and_then_falls(
    total: int, warmup: int
) -> None:
    factor = lr_factor(TrainingConfig(warmup_steps=warmup, schedule="linear"), total)
    found = [factor(index) for index in range(total)]
    top = found.index(max(found))
    assert found[: top + 1] == sorted(found[: top + 1])
    assert found[top:] == sorted(found[top:], reverse=True)
    assert found[0] > 0


def test_only_matrices_decay() -> None:
    model = small_model(small_config(num_choices=2))
    config = TrainingConfig(weight_decay=0.3, learning_rate=0.02, beta1=0.8, beta2=0.9)
    optimizer = build_optimizer(model, config)
    matrices, others = optimizer.param_groups
    assert (matrices["weight_decay"], others["weight_decay"]) == (0.3, 0.0)
    assert matrices["betas"] == others["betas"] == (0.8, 0.9)
    assert matrices["lr"] == 0.02
    names = {id(weight): name for name, weight in model.named_parameters()}
    decaying = {names[id(weight)] for weight in matrices["params"]}
    kept = {names[id(weight)] for weight in others["params"]}
    assert decaying | kept == set(names.values())
    assert not decaying & kept
    linear = {
        f"{name}.weight" for name, module in model.named_modules() if isinstance(module, nn.Linear)
    }
    assert decaying == linear
    assert {"embedding.tokens.weight", "embedding.registers.weight"} <= kept
    assert {"core.layers.0.mlp.down.weight", "heads.decision.register.weight"} <= decaying


def test_what_a_tool_needs_does_not_change_without_gradient() -> None:
    """Decay of a softplus argument would make an argument that no call needs needed."""
    model = small_model(small_config(num_choices=2))
    optimizer = build_optimizer(model, TrainingConfig(weight_decay=1.0, learning_rate=0.1))
    tables = [
        model.heads.arg_requirements.levels,
        model.heads.pointers.evidence,
        model.heads.tool_views.queries,
        model.heads.tool.weights,
    ]
    tables += [m.weight for m in model.modules() if isinstance(m, TurnRecency)]
    before = [table.detach().clone() for table in tables]
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    for _ in range(20):
        optimizer.step()
    for table, old in zip(tables, before, strict=True):
        assert torch.equal(table, old)


def test_decay_shrinks_matrices_alone() -> None:
    model = nn.Linear(2, 2)
    optimizer = build_optimizer(model, TrainingConfig(weight_decay=0.5, learning_rate=0.1))
    before = (model.weight.detach().clone(), model.bias.detach().clone())
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    optimizer.step()
    assert torch.allclose(model.weight, before[0] * 0.95)
    assert torch.equal(model.bias, before[1])


# --- Muon ---------------------------------------------------------------------------------------


def muon(weight: nn.Module, **changes: float) -> Muon:
    config = TrainingConfig(optimizer="muon", learning_rate=0.1, weight_decay=0.0, **changes)
    optimizer = build_optimizer(weight, config)
    assert isinstance(optimizer, Muon)
    return optimizer


@pytest.mark.parametrize("shape", [(16, 16), (24, 40), (40, 24)])
def test_an_update_is_orthogonal_whatever_the_gradients_size(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    matrices = torch.randn(2, *shape) * torch.tensor([1e-4, 1e3])[:, None, None]
    values = torch.linalg.svdvals(orthogonal(matrices))
    assert values.min() > 0.5
    assert values.max() < 1.3


def test_a_step_goes_along_the_gradient() -> None:
    layer = nn.Linear(16, 24, bias=False)
    before = layer.weight.detach().clone()
    u, _, v = torch.linalg.svd(torch.randn(24, 16), full_matrices=False)
    layer.weight.grad = 3.0 * u @ v
    muon(layer).step()
    moved = (before - layer.weight) / (0.1 * STEP_SIZE * 32**0.5)
    along = (moved * (u @ v)).sum() / (moved.norm() * (u @ v).norm())
    assert along > 0.999
    assert 0.6 < moved.norm() / (u @ v).norm() < 1.3


def test_queries_keys_and_values_are_matrices_of_their_own() -> None:
    stacked, apart = nn.Linear(16, 48, bias=False), [nn.Linear(16, 16, bias=False) for _ in "qkv"]
    for part, other in zip(stacked.weight.data.chunk(3), apart, strict=True):
        other.weight.data.copy_(part)
    gradient = torch.randn(48, 16) * torch.linspace(0.1, 10, 48)[:, None]
    stacked.weight.grad = gradient
    for part, other in zip(gradient.chunk(3), apart, strict=True):
        other.weight.grad = part.clone()
    muon(stacked).step()
    muon(nn.ModuleList(apart)).step()
    assert torch.allclose(stacked.weight, torch.cat([other.weight for other in apart]), atol=1e-6)


def test_embeddings_biases_and_narrow_matrices_have_adamw() -> None:
    model = small_model(small_config(hidden_size=32, num_choices=2))
    optimizer = muon(model)
    by_muon = {id(w) for w in optimizer.param_groups[-1]["params"]}
    names = {name for name, weight in model.named_parameters() if id(weight) in by_muon}
    assert {"core.layers.0.attention.qkv.weight", "heads.pointers.keys.weight"} <= names
    assert not names & {
        "embedding.tokens.weight",
        "heads.q.weight",
        "heads.pointers.recency.weight",
    }


def test_a_step_that_is_not_to_be_made_changes_nothing() -> None:
    layer = nn.Linear(16, 16)
    optimizer = muon(layer)
    for gradient in (1.0, float("nan")):
        state = [tensor.detach().clone() for tensor in (layer.weight, layer.bias)]
        for weight in layer.parameters():
            weight.grad = torch.full_like(weight, gradient)
        optimizer.found_inf = torch.tensor(float(gradient != 1.0))  # type: ignore[attr-defined]
        optimizer.step()
    assert torch.equal(layer.weight, state[0])
    assert torch.equal(layer.bias, state[1])
    assert optimizer.state[layer.weight]["momentum"].isfinite().all()


def test_an_optimiser_goes_on_where_it_was_saved() -> None:
    torch.manual_seed(0)
    one, other = nn.Linear(16, 16), nn.Linear(16, 16)
    other.load_state_dict(one.state_dict())
    first, second = muon(one), muon(other)

    def update(layer: nn.Module, optimizer: Muon, seed: int) -> None:
        torch.manual_seed(seed)
        for weight in layer.parameters():
            weight.grad = torch.randn_like(weight)
        optimizer.step()

    update(one, first, 1)
    update(other, second, 1)
    resumed = muon(other)
    resumed.load_state_dict(second.state_dict())
    update(one, first, 2)
    update(other, resumed, 2)
    assert torch.equal(one.weight, other.weight)
    assert torch.equal(one.bias, other.bias)
