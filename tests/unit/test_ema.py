"""The moving average of weights."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from tests.models import small_config, small_model
from trm_engine.models import EMA


def module() -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(3, 2)


def change(model: nn.Module) -> None:
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(torch.randn_like(weight))


@given(st.floats(0, 0.9999), st.integers(1, 40))
def test_the_average_is_its_formula(decay: float, updates: int) -> None:
    model = module()
    ema = EMA(model, decay)
    expected = model.weight.detach().double().clone()
    for k in range(updates):
        change(model)
        d = min(decay, (1 + k) / (10 + k))
        expected = d * expected + (1 - d) * model.weight.detach().double()
        ema.update()
    assert ema.updates == updates
    assert torch.allclose(ema.shadow["weight"].double(), expected, atol=1e-5)


def test_the_decay_ramps_up_to_the_one_given() -> None:
    model = module()
    ema = EMA(model, 0.5)
    with torch.no_grad():
        model.weight.zero_()
    shares = []
    for _ in range(12):
        ema.shadow["weight"].fill_(1.0)
        ema.update()
        shares.append(float(ema.shadow["weight"][0, 0]))
    assert shares == pytest.approx([min(0.5, (1 + k) / (10 + k)) for k in range(12)])
    assert shares[-1] == 0.5


def test_the_average_is_put_in_and_taken_out() -> None:
    model = module()
    ema = EMA(model)
    first = copy.deepcopy(model.state_dict())
    change(model)
    changed = copy.deepcopy(model.state_dict())
    identity = [id(weight) for weight in model.parameters()]
    ema.apply_shadow()
    assert all(torch.equal(first[name], weight) for name, weight in model.state_dict().items())
    ema.restore()
    assert all(torch.equal(changed[name], weight) for name, weight in model.state_dict().items())
    assert [id(weight) for weight in model.parameters()] == identity
    assert not ema.shadow["weight"].requires_grad


def test_the_wrong_order_is_an_error() -> None:
    ema = EMA(module())
    with pytest.raises(RuntimeError, match="not applied"):
        ema.restore()
    ema.apply_shadow()
    with pytest.raises(RuntimeError, match="applied already"):
        ema.apply_shadow()
    ema.restore()
    with pytest.raises(RuntimeError, match="not applied"):
        ema.restore()


def test_the_weights_come_back_even_after_an_error() -> None:
    model = module()
    ema = EMA(model)
    change(model)
    changed = model.weight.detach().clone()
    with pytest.raises(ValueError, match="broken"), ema.applied():
        assert not torch.equal(model.weight, changed)
        raise ValueError("broken")
    assert torch.equal(model.weight, changed)


def test_a_saved_average_goes_on_as_it_was(tmp_path: Path) -> None:
    model = module()
    ema = EMA(model, 0.9)
    for _ in range(3):
        change(model)
        ema.update()
    torch.save(ema.state_dict(), tmp_path / "ema.pt")
    other = EMA(model, 0.1)
    other.load_state_dict(torch.load(tmp_path / "ema.pt", weights_only=True))
    assert (other.decay, other.updates) == (0.9, 3)
    change(model)
    ema.update()
    other.update()
    for name, average in ema.shadow.items():
        assert torch.equal(average, other.shadow[name])
        assert average is not other.shadow[name]


def test_the_model_learns_on_while_its_average_is_kept() -> None:
    model = small_model(small_config())
    ema = EMA(model)
    assert set(ema.shadow) == {name for name, _ in model.named_parameters()}
    before = {name: value.clone() for name, value in ema.shadow.items()}
    change(model)
    assert all(torch.equal(before[name], value) for name, value in ema.shadow.items())
    ema.update()
    assert all(
        not torch.equal(before[name], value) for name, value in ema.shadow.items() if value.numel()
    )
