"""Layers: initial weights have the variance that their docstrings state."""

from __future__ import annotations

import pytest
import torch

from tests.models import small_config
from trm_engine.models import TRMForToolCalling
from trm_engine.models.layers import lecun_, linear, truncated_normal_


@pytest.mark.parametrize("std", [0.02, 1.0, 3.0])
def test_a_truncated_normal_has_the_deviation_asked_for(std: float) -> None:
    torch.manual_seed(0)
    values = truncated_normal_(torch.empty(400_000), std)
    assert values.std().item() == pytest.approx(std, rel=0.01)
    assert values.mean().item() == pytest.approx(0, abs=0.01 * std)
    assert values.abs().max() <= 2 * std / 0.879


@pytest.mark.parametrize("fan_in", [16, 128, 512])
def test_lecun_initialisation_keeps_the_variance_of_the_input(fan_in: int) -> None:
    torch.manual_seed(0)
    assert lecun_(torch.empty(600, fan_in), fan_in).var().item() == pytest.approx(
        1 / fan_in, rel=0.03
    )
    outputs = linear(fan_in, 400)(torch.randn(500, fan_in))
    assert outputs.var().item() == pytest.approx(1, rel=0.05)


def test_embeddings_and_starts_have_unit_variance() -> None:
    torch.manual_seed(0)
    model = TRMForToolCalling(small_config(vocab_size=4000, hidden_size=512))
    embedded = model.embedding.tokens.weight * model.embedding.scale
    assert embedded.var().item() == pytest.approx(1, rel=0.02)
    starts = torch.cat((model.y_init, model.z_init))
    assert starts.var().item() == pytest.approx(1, rel=0.15)
