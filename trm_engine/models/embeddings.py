"""Embeddings: tokens, roles and recency of turns, behind learned registers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from trm_engine.config import TRMConfig
from trm_engine.models.layers import lecun_, rope_tables
from trm_engine.vocabulary import FIRST_MARKER_ID, MASK_ID, ROLES

MASKED_SCORE = -1e9

RECENCIES = 8
"""Turns told apart by age: newest, the one before, ..., older."""

SHARED_REGISTERS = 2
"""Register 0 is read for decision and q, register 1 for tool and arguments; then one a slot."""


@dataclass(frozen=True)
class Context:
    """A batch as the core sees it: R registers, then L tokens.

    ``x`` [B, R+L, D]; ``cos``, ``sin`` [B, R+L, 1, D/H]; ``bias`` [B, 1, 1, R+L], added to the
    attention's scores, None if nothing is padding; ``token_mask`` [B, L].
    """

    x: Tensor
    cos: Tensor
    sin: Tensor
    bias: Tensor | None
    token_mask: Tensor

    def with_input(self, x: Tensor) -> Context:
        """The same context with another x."""
        return replace(self, x=x)

    def rows(self, rows: Tensor) -> Context:
        """The samples ``rows`` (indices or a mask, [B])."""
        bias = None if self.bias is None else self.bias[rows]
        return Context(self.x[rows], self.cos[rows], self.sin[rows], bias, self.token_mask[rows])


def turn_recency(input_ids: Tensor) -> Tensor:
    """How many turns ago each token was said, at most RECENCIES - 1; [B, L] to [B, L]."""
    opens_turn = (input_ids >= FIRST_MARKER_ID) & (input_ids < MASK_ID)
    turns = opens_turn.cumsum(dim=1)
    return (turns[:, -1:] - turns).clamp(max=RECENCIES - 1)


class ConversationEmbedding(nn.Module):
    """Turns token ids into a Context. Registers stand, for rotary positions, after the last token.

    Their distance to the newest turn is thus the same in every conversation.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_heads
        self.rope_theta = config.rope_theta
        self.tokens = _embedding(config.vocab_size, width)
        self.roles = _embedding(len(ROLES), width)
        self.recency = _embedding(RECENCIES, width)
        self.registers = _embedding(SHARED_REGISTERS + config.num_slots, width)
        self.scale = width**0.5

    def forward(self, input_ids: Tensor, attention_mask: Tensor, role_ids: Tensor) -> Context:
        batch, length = input_ids.shape
        words = self.tokens(input_ids) + self.roles(role_ids)
        words = words + self.recency(turn_recency(input_ids))
        registers = self.registers.weight.expand(batch, -1, -1)
        x = torch.cat((registers, words), dim=1) * self.scale  # (b r+l d)

        token_mask = attention_mask.bool()
        ends = token_mask.sum(dim=1, keepdim=True)
        places = torch.arange(length, device=input_ids.device).expand(batch, -1)
        positions = torch.cat((ends.expand(-1, registers.shape[1]), places), dim=1)
        cos, sin = rope_tables(positions, self.head_size, self.rope_theta)
        return Context(x, cos, sin, _padding_bias(token_mask, registers.shape[1]), token_mask)


def _padding_bias(token_mask: Tensor, registers: int) -> Tensor | None:
    if bool(token_mask.all()):
        return None
    bias = torch.zeros(token_mask.shape, device=token_mask.device)
    bias.masked_fill_(~token_mask, MASKED_SCORE)
    return nn.functional.pad(bias, (registers, 0))[:, None, None]


def _embedding(entries: int, width: int) -> nn.Embedding:
    """A table to be scaled by sqrt(D): then entries have unit variance, as y and z have.

    Stored small, they learn sqrt(D) times as fast under Adam, whose steps have one size for all.
    """
    table = nn.Embedding(entries, width)
    lecun_(table.weight.data, width)
    return table
