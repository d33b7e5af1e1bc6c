"""Neighbours: each token reads the tokens beside it, before any attention."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

BEFORE, AFTER = 3, 2
"""Tokens that are read on each side."""


class Neighbours(nn.Module):
    """A short convolution along the tokens, each dimension by itself:

        c_t = x_t + sum_o w_o * x_t+o,  o = -3 ... -1, 1, 2

    What a word means depends on the words beside it: "from Paris", "to Paris". Attention needs
    many updates to find its neighbours; these weights have them from the beginning. A token sees
    no later turn, so neighbours after it are those of its own turn.

    Source: Z. Allen-Zhu, "Physics of Language Models: Part 4.1" (2025), "canon layers".
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.weights = nn.Parameter(torch.zeros(BEFORE + AFTER, width))  # scaled like embeddings

    def forward(self, x: Tensor, is_token: Tensor, begins: Tensor) -> Tensor:
        """Tokens [G, L, D], which of them are no padding and which begin a turn [G, L] each."""
        x = x * is_token[..., None]
        weights = self.weights * self.scale
        total = x
        for offset in range(1, BEFORE + 1):
            total = total + weights[offset - 1] * pad(x, (0, 0, offset, 0))[:, :-offset]
        later = x
        for offset in range(AFTER):
            later = pad(later * ~begins[..., None], (0, 0, 0, 1))[:, 1:]
            total = total + weights[BEFORE + offset] * later
        return total
