"""Tool scores: which of the tools on offer, from their registers and from words that match."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.models.heads.masking import MASKED_LOGIT, log_mean_exp
from trm_engine.models.heads.turn_recency import TurnRecency
from trm_engine.models.layers import lecun_, linear
from trm_engine.models.layout import Context

VIEWS = 4
"""Vectors that a tool's words are pooled into."""


class ToolViews(nn.Module):
    """Several vectors of each tool, each pooled from other words of its name and description:

        view_k,m = W sum_j softmax_j(q_m . word_k,j) word_k,j

    They are compared with the conversation's words, u_t = W (y_t + x_t). Both use the same W, so
    that a word matches itself from the beginning, even one that training never saw.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.size = width // 2
        self.queries = nn.Parameter(lecun_(torch.empty(VIEWS, width), width))
        self.words = linear(width, self.size)

    def forward(self, words: Tensor, context: Context) -> Tensor:
        """Words of the conversations [G, L, D] to matches [B, K, VIEWS, L] of K tools."""
        assert context.readings is not None
        read = context.readings
        scores = (read.words @ self.queries.T).masked_fill(~read.word_mask[..., None], MASKED_LOGIT)
        pooled = scores.softmax(dim=1).mT @ read.words  # (t m d)
        views = self.words(pooled)[context.tool_places] * self.size**-0.5  # (b k m d/2)
        keys = self.words(words)  # (g l d/2)
        matches = context.layout.matmul(views.flatten(1, 2), keys.mT)
        by_view: Tensor = matches.unflatten(1, (-1, VIEWS))
        return by_view


class ToolScores(nn.Module):
    """A score of each of K tools from its register g_k and from its matches:

    score_k = w . g_k + sum_m c_m log(1/L sum_t exp(match_k,m,t + recency bias))
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register = linear(width, 1)
        self.weights = nn.Parameter(torch.full((VIEWS,), 1 / VIEWS))
        self.recency = TurnRecency(1, width)

    def forward(self, registers: Tensor, matches: Tensor, context: Context) -> Tensor:
        """registers [B, K, D], matches [B, K, VIEWS, L] to [B, K]; MASKED_LOGIT for no tool."""
        biased = matches + self.recency(context)[:, None]
        biased = biased.where(context.token_mask[:, None, None], MASKED_LOGIT)
        evidence = log_mean_exp(biased.flatten(1, 2), context.token_mask)
        evidence = evidence.unflatten(1, (-1, VIEWS)) @ self.weights
        scores: Tensor = self.register(registers)[..., 0] + evidence
        return scores.where(context.has_tool, MASKED_LOGIT)
