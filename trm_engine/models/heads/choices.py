"""Choices: which of its listed values a field has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.models.layers import lecun_


class Choices(nn.Module):
    """Logits of V values for each of F fields whose values are listed (an enum, an intent):

        logit_f,v = r_f . a_f,v + read_f . b_f,v

    r_f is the field's register and read_f what its pointer reads, so that a value is recognised
    where it is said, in whatever words ("two bedrooms" for 2).
    """

    def __init__(self, width: int, fields: int, choices: int) -> None:
        super().__init__()
        self.register = nn.Parameter(lecun_(torch.empty(fields, choices, width), width))
        self.read = nn.Parameter(lecun_(torch.empty(fields, choices, width), width))

    def forward(self, registers: Tensor, reads: Tensor) -> Tensor:
        """registers, reads [B, F, D] to [B, F, V]."""
        return _products(registers, self.register) + _products(reads, self.read)


def _products(vectors: Tensor, values: Tensor) -> Tensor:
    """[B, F, D] with [F, V, D] to [B, F, V]."""
    return torch.einsum("bfd,fvd->bfv", vectors, values)
