"""Field states: what is known of each slot and argument."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.models.layers import linear
from trm_engine.models.readings import Readings


class FieldStates(nn.Module):
    """The state of a slot is its register; that of an argument is worked out for the likely call:

        h_a = W call + U reading_a + r P(a is required by the next tool)
        state_a = h_a + D silu(G h_a)

    ``call`` is the call's register plus those of the tools, weighted by P(next tool).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.call = linear(width, width)
        self.reading = linear(width, width)
        self.required = linear(1, width)
        self.gate = linear(width, width)
        self.down = linear(width, width)

    def forward(self, slots: Tensor, call: Tensor, tools: Tensor, readings: Readings) -> Tensor:
        """slots [B, S, D], call [B, D], probabilities of tools [B, T] to [B, S + A, D]."""
        required = (tools @ readings.catalogue.required.float())[..., None]  # (b a 1)
        h = self.call(call)[:, None] + self.reading(readings.args) + self.required(required)
        return torch.cat((slots, h + self.down(F.silu(self.gate(h)))), dim=1)
