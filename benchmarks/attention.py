"""Attention on the CPU in bf16, forward and backward: fused kernel against matrix products."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.setup import seconds
from trm_engine.models.layers import attend

BATCH, WIDTH = 16, 128


def measure() -> Iterator[str]:
    """One row for each length and number of heads."""
    for length in (128, 256):
        for heads in (2, 4):
            yield _row(length, heads)


def _row(length: int, heads: int) -> str:
    shape = (BATCH, heads, length, WIDTH // heads)
    q, k, v = (torch.randn(shape, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))

    def timed(call: Callable[..., Tensor]) -> Callable[[], None]:
        return lambda: call(q, k, v, None).sum().backward()

    times = seconds({"fused": timed(F.scaled_dot_product_attention), "ours": timed(attend)}, 9)
    ratio = times["fused"] / times["ours"]
    return f"{length} tokens, {heads} heads: fused takes {ratio:.2f} x as long"
