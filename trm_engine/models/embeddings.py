"""Embeddings: tokens, their capitals and roles, and the learned registers of each sample."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot, pad

from trm_engine.config import TRMConfig
from trm_engine.models.layers import lecun_, rope_tables
from trm_engine.models.layout import (
    AGES,
    OLDEST,
    REGISTER_AGE,
    Context,
    Layout,
    filled_up,
    readers,
)
from trm_engine.vocabulary import CAPITALISED, EOS_ID, FIRST_MARKER_ID, MASK_ID, ROLES

MASKED_SCORE = -1e9

SHARED_REGISTERS = 2
"""Register 0 is read for decision and q, register 1 for tool and arguments; then one a slot."""


def turn_numbers(input_ids: Tensor) -> Tensor:
    """Which turn each token belongs to, from 1; 0 before the first; [B, L] to [B, L]."""
    opens_turn = (input_ids >= FIRST_MARKER_ID) & (input_ids < MASK_ID)
    return opens_turn.cumsum(dim=1)


def turn_ages(input_ids: Tensor) -> Tensor:
    """How many turns before the newest each token was said, at most OLDEST; [B, L] to [B, L]."""
    turns = turn_numbers(input_ids)
    return (turns[:, -1:] - turns).clamp(max=OLDEST)


class ConversationEmbedding(nn.Module):
    """Turns token ids into a Context. Registers stand, for rotary positions, after the last token.

    Their distance to the newest turn is thus the same in every conversation. How old a turn is
    depends on the sample: registers are told, tokens are not.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.head_size = width // config.num_heads
        self.rope_theta = config.rope_theta
        self.tokens = _embedding(config.vocab_size, width)
        self.roles = _embedding(len(ROLES), width)
        self.capital = _embedding(1, width)
        self.registers = _embedding(SHARED_REGISTERS + config.num_slots, width)
        self.scale = width**0.5

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        role_ids: Tensor,
        text_flags: Tensor | None = None,
        tool_mask: Tensor | None = None,
        read_from: Tensor | None = None,
    ) -> Context:
        """The question x with positions and masks; inputs [B, L] each, ``tool_mask`` [B, T].

        Without ``text_flags`` no word is known to be capitalised; without ``tool_mask`` all tools
        are on offer. ``read_from`` [B]: the sample
        that each sample's tokens are read from, which must begin with them; a sample of its own
        each if not given. The answers are the same.
        """
        batch, length = input_ids.shape
        everyone = torch.arange(batch, device=input_ids.device)
        read, sequences = (
            (everyone, everyone) if read_from is None else read_from.unique(return_inverse=True)
        )
        words = self.tokens(input_ids[read]) + self.roles(role_ids[read])  # (g l d)
        if text_flags is not None:
            is_capitalised = text_flags[read] & CAPITALISED > 0
            words = words + is_capitalised[..., None] * self.capital.weight
        registers = self.registers.weight.expand(batch, -1, -1)  # (b r d)
        x = filled_up(words.flatten(0, 1), registers.flatten(0, 1)) * self.scale  # (n d)

        token_mask = attention_mask.bool() & (input_ids != EOS_ID)  # the registers stand there
        places = torch.arange(length, device=input_ids.device).repeat(len(read))
        count = registers.shape[1]
        ends = token_mask.sum(dim=1).repeat_interleave(count)
        positions = filled_up(places, ends)
        cos, sin = rope_tables(positions, self.head_size, self.rope_theta)
        layout = Layout(
            cos,
            sin,
            _token_bias(turn_numbers(input_ids[read]), token_mask[read]),
            pad(_bias(token_mask), (count, 0))[:, None, None],
            sequences,
            *readers(sequences),
            one_hot(pad(turn_ages(input_ids), (count, 0), value=REGISTER_AGE), AGES).float(),
        )
        return Context(x, layout, token_mask, None if tool_mask is None else tool_mask.bool())


def _token_bias(turns: Tensor, token_mask: Tensor) -> Tensor:
    """[G, L] each to [G, 1, L, L]: later turns, and padding, are not seen."""
    return _bias((turns[:, None] <= turns[..., None]) & token_mask[:, None])[:, None]


def _bias(is_seen: Tensor) -> Tensor:
    """0 where something is seen, else MASKED_SCORE."""
    return torch.zeros(is_seen.shape, device=is_seen.device).masked_fill_(~is_seen, MASKED_SCORE)


def _embedding(entries: int, width: int) -> nn.Embedding:
    """A table to be scaled by sqrt(D): then entries have unit variance, as y and z have.

    Stored small, they learn sqrt(D) times as fast under Adam, whose steps have one size for all.
    """
    table = nn.Embedding(entries, width)
    lecun_(table.weight.data, width)
    return table
