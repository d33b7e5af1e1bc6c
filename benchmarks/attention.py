"""Attention on the CPU in bf16: the fused kernel against matrix products."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.setup import seconds
from trm_engine.models.layers import attend

SEQUENCES, WIDTH = 2, 128


def measure() -> Iterator[str]:
    """One row for each length and number of heads."""
    for length in (128, 512):
        for heads in (2, 4):
            yield _row(length, heads)


def _row(length: int, heads: int) -> str:
    shape = (SEQUENCES, heads, length, WIDTH // heads)
    inputs = [torch.randn(shape, dtype=torch.bfloat16) for _ in range(3)]
    learnt = [each.clone().requires_grad_() for each in inputs]
    bias = torch.zeros(SEQUENCES, 1, length, length, dtype=torch.bfloat16)

    def fused(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)

    def products(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        return attend(q, k, v, bias)

    times = seconds(
        {
            "fused, forward": lambda: fused(*inputs),
            "products, forward": lambda: products(*inputs),
            "fused, both": lambda: fused(*learnt).sum().backward(),
            "products, both": lambda: products(*learnt).sum().backward(),
        },
        rounds=15,
    )
    forward, both = (
        times[f"fused, {way}"] / times[f"products, {way}"] for way in ("forward", "both")
    )
    return (
        f"{length} tokens, {heads} heads: fused takes {forward:.2f} x as long forward, "
        f"{both:.2f} x forward and backward"
    )
