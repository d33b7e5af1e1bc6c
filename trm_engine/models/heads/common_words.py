"""Common words: what a conversation and a tool have in common, letter by letter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.models.layout import NUM_RECENCIES, Context
from trm_engine.vocabulary import MASK_ID

TOOL, ARGUMENT = 2.0, 0.4
"""Weights of words in common: in the score of a tool, in the presence logit of an argument."""

VALUE = 0.5
"""Weight of a listed value that was said, in the score of a tool with a parameter that lists it."""

USUAL = 0.7
"""An argument with fewer words in common is less likely to be present."""

DECAY = 0.8
"""The weight of a word falls by this factor with each turn."""


class CommonWords(nn.Module):
    """Which words an entry k (a tool, an argument) and the conversation have in common (TF-IDF):

        common_k = sum_j r_j^2 best_j / sqrt(1 + sum_j r_j^2)
        best_j   = max over the tokens t that equal word j: 0.8^recency(t), 0 if there is none
        value_k  = max over the occurrences v of listed values of k's parameters:
                   0.8^recency(v) s_v / sqrt(1 + s_v), s_v the sum of r^2 of the words of v
        score of a tool k += 2 common_k + 0.5 value_k
        presence of an argument k += 0.4 (common_k - 0.7)

    r is the rarity of a word, its inverse document frequency in the training data. So
    tools and arguments are found by words that training never saw: "a museum" leads to the tool
    that lists museums among the kinds of attractions.

    Nothing here is learned: the tools of the training data do not teach how much an unknown word
    counts. Training leaves it out, because a network that gets these scores learns less by itself
    (benchmarks/learning.md).

    Source: K. Sparck Jones, "A statistical interpretation of term specificity" (1972).
    """

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.rarity: Tensor
        self.register_buffer("rarity", torch.ones(vocab_size))
        self.rarity[: MASK_ID + 1] = 0.0
        self.ages: Tensor
        ages = torch.tensor([DECAY**recency for recency in range(NUM_RECENCIES)])
        self.register_buffer("ages", ages, persistent=False)

    def forward(self, context: Context) -> tuple[Tensor, Tensor]:
        """For the K tools of each sample, [B, K], and for all arguments, [B, A]; ``context`` is
        ``said_values.heard``."""
        assert context.readings is not None
        catalogue = context.readings.catalogue
        ages = self.token_ages(context)
        best = self.best(ages, context)
        tools = self.common(best, catalogue.ids[: catalogue.num_tools])  # (b t)
        args = self.common(best, catalogue.ids[catalogue.num_tools + catalogue.num_slots :])
        values = self.values(ages, context)[:, catalogue.num_slots :]  # (b a)
        own = values[:, None] * catalogue.accepted  # (b t a)
        of_values = F.pad(own, (0, 1)).amax(dim=-1)  # (b t); 0 for a tool without parameters
        scores = TOOL * tools + VALUE * of_values
        return scores.gather(1, context.tool_places), ARGUMENT * (args - USUAL)

    def best(self, ages: Tensor, context: Context) -> Tensor:
        """0.8^recency of the newest of each token of the vocabulary, 0 for others, [B, V]."""
        said = context.layout.for_samples(context.token_ids)  # (b l)
        size = len(self.rarity)
        places = said + size * torch.arange(len(said), device=said.device)[:, None]
        best = ages.new_zeros(len(said) * size)
        return best.scatter_reduce(0, places.flatten(), ages.flatten(), "amax").view(-1, size)

    def values(self, ages: Tensor, context: Context) -> Tensor:
        """The rarest and newest listed value of each field that stands in a sample, [B, F]."""
        assert context.readings is not None
        assert context.said is not None
        rows, fields = context.said[:2]
        shape = len(context.token_mask), context.readings.catalogue.values.shape[0]
        scores = self.value_scores(ages, context)
        found = scores.new_zeros(shape[0] * shape[1])
        return found.scatter_reduce(0, rows * shape[1] + fields, scores, "amax").view(shape)

    def value_scores(self, ages: Tensor, context: Context) -> Tensor:
        """0.8^recency s / sqrt(1 + s) of each of K said values, [K]."""
        assert context.said is not None
        rows, _, _, first, last = context.said
        squares = self.rarity[context.layout.for_samples(context.token_ids)] ** 2  # (b l)
        before = F.pad(squares.cumsum(dim=1), (1, 0))
        size = before.shape[1]
        before = before.flatten()
        sums = before[rows * size + last + 1] - before[rows * size + first]
        scores: Tensor = ages.flatten()[rows * ages.shape[1] + first] * sums / (1 + sums).sqrt()
        return scores

    def token_ages(self, context: Context) -> Tensor:
        """0.8^recency of each token that a sample reads, 0 for others, [B, L]."""
        ages: Tensor = (context.token_recency @ self.ages) * context.token_mask
        return ages

    def common(self, best: Tensor, words: Tensor) -> Tensor:
        """``best`` [B, V] of the words [E, J] of entries, weighted by rarity, [B, E]."""
        counts = self.rarity[words] ** 2 * (words > 0)
        shares = counts / (1 + counts.sum(dim=1, keepdim=True)).sqrt()
        return (best[:, words] * shares).sum(dim=-1)
