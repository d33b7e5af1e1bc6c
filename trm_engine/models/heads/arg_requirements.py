"""Argument requirements: a call lacks what its tool needs until the user has said it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.models.readings import Readings

REQUIRED, OPTIONAL = 1.0, -3.0
"""Before the softplus, at first."""


class ArgRequirements(nn.Module):
    """The missing penalty of each argument a, which is subtracted from log P(call):

        penalty_a = sum_k P(tool k) need[k, a] x -log P(argument a is known)
        need[k, a] = softplus(c[is a required by k] + w . reading_a)

    Only a tool's own arguments count.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.levels = nn.Parameter(torch.tensor([OPTIONAL, REQUIRED]) / self.scale)
        self.reading = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.reading.weight)

    def forward(self, tools: Tensor, arg_presence_logits: Tensor, readings: Readings) -> Tensor:
        """Probabilities of tools [B, T], arg_presence_logits [B, A] to penalties [B, A], >= 0."""
        catalogue = readings.catalogue
        level = self.levels[catalogue.required.long()] * self.scale  # (t a)
        needs = F.softplus(level + self.reading(readings.args).mT) * catalogue.accepted
        penalty: Tensor = (tools @ needs) * F.softplus(-arg_presence_logits)
        return penalty
