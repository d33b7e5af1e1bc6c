"""Pointers: where the value of each slot and argument begins and ends."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.models.heads.masking import MASKED_LOGIT, log_mean_exp
from trm_engine.models.layers import linear
from trm_engine.models.layout import NUM_RECENCIES, Context


class Pointers(nn.Module):
    """Start and end logits of a value for each of F fields (slots, then arguments).

    With the field's state h_f and reading v_f, token y_t, word e_t (its state plus its embedding)
    and d = D / 2:

        query_f   = W_h h_f + W_v v_f
        start_f,t = query_f . K_s y_t / sqrt(d) + recency bias of v_f
        read_f    = sum_t softmax(start_f)_t e_t
        end_f,t   = (query_f + W_b read_f) . K_e y_t / sqrt(d) + recency bias of v_f
        evidence_f = w log(1/L sum_t exp(start_f,t))

    The end query contains what was read at the start, so that both belong to one value. Evidence
    says how clearly any token starts a value; it is added to the field's presence logit. An
    argument with a slot's name adds the slot's query to its own: slots have labels in every sample,
    arguments in calls only.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.size = width // 2
        self.states = linear(width, self.size)
        self.readings = linear(width, self.size)
        self.keys = linear(width, 2 * self.size)
        self.starts = linear(width, self.size)
        self.evidence = nn.Parameter(torch.ones(2))
        self.recency = nn.Linear(width, NUM_RECENCIES)
        for weight in self.recency.parameters():
            nn.init.zeros_(weight)

    def forward(
        self, tokens: Tensor, words: Tensor, states: Tensor, context: Context
    ) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """tokens, words [G, L, D], states [B, F, D] to starts, ends [B, F, L], what is read at
        both [B, F, D], and evidence [B, F]."""
        assert context.readings is not None
        read = context.readings
        queries = self.states(states) + self.readings(read.fields)  # (b f d/2)
        slots, args = queries.split((read.catalogue.num_slots, read.catalogue.num_args), dim=1)
        shared = slots[:, read.catalogue.arg_slots.clamp(min=0)] if slots.shape[1] else args * 0
        has_slot = (read.catalogue.arg_slots >= 0)[:, None]
        queries = torch.cat((slots, args + shared.where(has_slot, 0.0)), dim=1)
        bias = self.recency(read.fields) @ context.token_recency.mT  # (b f l)
        start_keys, end_keys = self.keys(tokens).chunk(2, dim=-1)  # (g l d/2)
        starts = self._logits(start_keys, queries, bias, context)
        at_start = context.layout.matmul(starts.softmax(dim=-1), words)  # (b f d)
        ends = self._logits(end_keys, queries + self.starts(at_start), bias, context)
        at_end = context.layout.matmul(ends.softmax(dim=-1), words)
        of_slots, of_args = self.evidence.split(1)
        weights = torch.cat(
            (of_slots.expand(read.slots.shape[0]), of_args.expand(read.args.shape[0]))
        )
        evidence = weights * log_mean_exp(starts, context.token_mask)
        return starts, ends, at_start, at_end, evidence

    def _logits(self, keys: Tensor, queries: Tensor, bias: Tensor, context: Context) -> Tensor:
        """[B, F, L]."""
        logits: Tensor = context.layout.matmul(queries * self.size**-0.5, keys.mT) + bias
        return logits.where(context.token_mask[:, None], MASKED_LOGIT)
