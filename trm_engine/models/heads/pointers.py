"""Pointers: where the value of each slot and argument begins and ends."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trm_engine.models.heads.masking import MASKED_LOGIT, log_mean_exp
from trm_engine.models.heads.turn_recency import TurnRecency
from trm_engine.models.layers import lecun_, linear
from trm_engine.models.layout import Context


class Pointers(nn.Module):
    """Start and end logits of a value for each of F channels (slots, then arguments).

    With register r_f, token y_t and word e_t (its state plus its embedding), d = D / 2:

        query_f   = W_r r_f + sqrt(d) v_f
        start_f,t = query_f . K_s y_t / sqrt(d) + recency bias
        read_f    = sum_t softmax(start_f)_t e_t
        end_f,t   = (query_f + W_b read_f) . K_e y_t / sqrt(d) + recency bias
        evidence_f = w_f log(1/L sum_t exp(start_f,t))

    The end query contains what was read at the start, so that both belong to one value. Evidence
    says how clearly any token starts a value; it is added to the channel's presence logit. An
    argument with a slot's name adds the slot's query to its own: slots have labels in every sample,
    arguments in calls only.
    """

    def __init__(self, width: int, slots: int, arg_slots: Sequence[int]) -> None:
        super().__init__()
        self.size = width // 2
        channels = slots + len(arg_slots)
        shared = [(slots + arg, slot) for arg, slot in enumerate(arg_slots) if slot >= 0]
        self.shared: Tensor
        pairs = torch.tensor(shared, dtype=torch.long).reshape(-1, 2).T
        self.register_buffer("shared", pairs, persistent=False)
        self.queries = nn.Parameter(lecun_(torch.empty(channels, self.size), self.size))
        self.registers = linear(width, self.size)
        self.keys = linear(width, 2 * self.size)
        self.starts = linear(width, self.size)
        self.evidence = nn.Parameter(torch.ones(channels))
        self.recency = TurnRecency(channels, width)

    def forward(
        self, tokens: Tensor, words: Tensor, registers: Tensor, context: Context
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """tokens, words [G, L, D], registers [B, F, D] to starts, ends [B, L, F], reads [B, F, D]
        and evidence [B, F]."""
        queries = self.registers(registers) + self.queries * self.size**0.5  # (b f d/2)
        queries = queries.index_add(1, self.shared[0], queries[:, self.shared[1]])
        start_keys, end_keys = self.keys(tokens).chunk(2, dim=-1)  # (g l d/2)
        starts = self._logits(start_keys, queries, context)
        reads = context.layout.matmul(starts.softmax(dim=-1), words)  # (b f d)
        ends = self._logits(end_keys, queries + self.starts(reads), context)
        evidence = self.evidence * log_mean_exp(starts, context.token_mask)
        return starts.mT, ends.mT, reads, evidence

    def _logits(self, keys: Tensor, queries: Tensor, context: Context) -> Tensor:
        """[B, F, L]."""
        logits: Tensor = context.layout.matmul(queries * self.size**-0.5, keys.mT)
        logits = logits + self.recency(context)
        return logits.where(context.token_mask[:, None], MASKED_LOGIT)
