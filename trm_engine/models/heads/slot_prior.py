"""Slot prior: which slots a task fills, given its likely tool."""

from __future__ import annotations

from torch import Tensor, nn

from trm_engine.models.layers import linear
from trm_engine.models.readings import Readings


class SlotPrior(nn.Module):
    """A bias of every slot's presence logit, expected under the next call's tool:

    bias_s = sum_k P(next tool k) (U reading_k) . (V reading_s) / sqrt(D)
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.tools = nn.Linear(width, width, bias=False)
        self.slots = linear(width, width)
        nn.init.zeros_(self.tools.weight)

    def forward(self, tools: Tensor, readings: Readings) -> Tensor:
        """Probabilities of tools [B, T] to [B, S]."""
        expected = tools @ self.tools(readings.tools)  # (b d)
        bias: Tensor = expected @ self.slots(readings.slots).mT * self.scale
        return bias
