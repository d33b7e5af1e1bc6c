"""Embeddings: from token ids to the question x."""

from __future__ import annotations

from torch import Tensor, nn

from trm_engine.config import TRMConfig
from trm_engine.models.layers import lecun_
from trm_engine.models.layout import Context, batch_layout, joined, shared_sequences
from trm_engine.vocabulary import CAPITALISED, EOS_ID, ROLES

SHARED_REGISTERS = 2
"""Register 0 is for decision and q, register 1 for tool and arguments; then one for each slot."""


class ConversationEmbedding(nn.Module):
    """x = sqrt(D) (token + role + capital) for a token, and a learned vector for a register."""

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
        """The question of B samples.

        Args:
            input_ids, attention_mask, role_ids: [B, L] each.
            text_flags: which tokens are capitalised, among others, [B, L]; None for none.
            tool_mask: the tools that each sample may call, [B, T]; None for all.
            read_from: the sample whose tokens each sample reads, [B], which must begin with its
                own; None for itself. It changes the work, not the answers.
        """
        computed, sequences = shared_sequences(input_ids, read_from)
        words = self.tokens(input_ids[computed]) + self.roles(role_ids[computed])  # (g l d)
        if text_flags is not None:
            is_capitalised = text_flags[computed] & CAPITALISED > 0
            words = words + is_capitalised[..., None] * self.capital.weight
        registers = self.registers.weight.expand(len(input_ids), -1, -1)  # (b r d)
        x = joined(words.flatten(0, 1), registers.flatten(0, 1)) * self.scale  # (n d)

        token_mask = attention_mask.bool() & (input_ids != EOS_ID)  # the registers stand there
        layout = batch_layout(
            *(input_ids, token_mask, computed, sequences),
            num_registers=registers.shape[1],
            head_size=self.head_size,
            theta=self.rope_theta,
        )
        return Context(x, layout, token_mask, None if tool_mask is None else tool_mask.bool())


def _embedding(entries: int, width: int) -> nn.Embedding:
    """A table whose entries, multiplied by sqrt(D), have unit variance, as y and z have.

    Small stored values learn sqrt(D) times as fast under Adam, whose steps do not depend on scale.
    """
    table = nn.Embedding(entries, width)
    lecun_(table.weight.data, width)
    return table
