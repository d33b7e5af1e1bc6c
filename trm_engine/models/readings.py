"""Embeddings of listed values, which are part of a catalogue's readings."""

from __future__ import annotations

import torch
from torch import Tensor

from trm_engine.inference.readings import Readings

__all__ = ["Readings", "value_embeddings"]


def value_embeddings(values: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """``Readings.values`` and ``value_mask`` of ids [F, V, M] and their embeddings [F, V, M, D]."""
    present = values > 0
    lengths = present.sum(dim=-1)
    last = (
        (lengths - 1).clamp(min=0)[..., None, None].expand(*tokens.shape[:2], 1, tokens.shape[-1])
    )
    mean = (tokens * present[..., None]).sum(dim=2) / lengths.clamp(min=1)[..., None]
    first = tokens[:, :, 0]
    return torch.stack((first, tokens.gather(2, last)[:, :, 0], mean), dim=2), lengths > 0
