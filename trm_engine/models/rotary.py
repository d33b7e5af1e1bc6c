"""Rotary position embeddings (Su et al. 2021, RoFormer)."""

from __future__ import annotations

import torch
from torch import Tensor


def rope_tables(positions: Tensor, head_size: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines for ``rotate``: positions [N] to [N, 1, head_size] each."""
    powers = torch.arange(0, head_size, 2, device=positions.device, dtype=torch.float32)
    angles = (positions[..., None].float() * theta ** (-powers / head_size))[:, None]
    cos, sin = angles.cos(), angles.sin()  # (n 1 d/2)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply the rotation to x [N, H, head_size]; dimension i is paired with i + head_size / 2."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)
