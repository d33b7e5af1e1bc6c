"""Turn recency: newer turns weigh more, or less, for each channel of a head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.models.layout import NUM_RECENCIES, Context


class TurnRecency(nn.Module):
    """A learned bias of token logits by how many turns ago the token was said:

        bias[f, t] = sqrt(D) weight[recency(t), f]

    for channel f and token t. The states of tokens do not depend on recency, since samples share
    them.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.weight = nn.Parameter(torch.zeros(NUM_RECENCIES, channels))

    def forward(self, context: Context) -> Tensor:
        """The bias of every token, [B, F, L]."""
        return torch.matmul((self.weight * self.scale).mT, context.token_recency.mT)
