"""Slot prior: which slots a task fills, given its likely tool."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class SlotPrior(nn.Module):
    """A bias of every slot's presence logit, expected under the next call's tool:

    bias_s = sqrt(D) sum_k P(next tool k) weight[k, s]
    """

    def __init__(self, tools: int, slots: int, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.weight = nn.Parameter(torch.zeros(tools, slots))

    def forward(self, tools: Tensor) -> Tensor:
        """Probabilities of tools [B, T] to [B, S]."""
        bias: Tensor = tools @ self.weight * self.scale
        return bias
