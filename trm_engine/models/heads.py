"""Heads: from the answer state y to decision, tool, slots, arguments and halting."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from trm_engine.config import TRMConfig
from trm_engine.models.embeddings import SHARED_REGISTERS
from trm_engine.models.layers import lecun_, linear

Q_BIAS = -5.0
"""The model begins sure that it is wrong (TRM, reference code)."""

MASKED_LOGIT = -1e4


@dataclass
class TRMOutput:
    """One supervision step's answer; B samples, L tokens, T tools, S slots, A argument channels.

    ``decision_logits``, ``q_logits`` [B, 1]; ``tool_logits`` [B, T]; ``slot_start_logits``,
    ``slot_end_logits`` [B, L, S]; ``slot_presence_logits`` [B, S]; ``arg_start_logits``,
    ``arg_end_logits`` [B, L, A]; ``y``, ``z`` [B, L, D]; and, beyond the spec,
    ``arg_presence_logits`` [B, A], ``slot_choice_logits`` [B, S, V], ``arg_choice_logits``
    [B, A, V]; ``steps_used`` [B] after halting. Span logits of padding are -10000.
    """

    decision_logits: Tensor
    tool_logits: Tensor
    arg_start_logits: Tensor
    arg_end_logits: Tensor
    slot_start_logits: Tensor
    slot_end_logits: Tensor
    slot_presence_logits: Tensor
    q_logits: Tensor
    y: Tensor
    z: Tensor
    arg_presence_logits: Tensor
    slot_choice_logits: Tensor
    arg_choice_logits: Tensor
    steps_used: Tensor | None = None

    def put_rows(self, rows: Tensor, other: TRMOutput) -> None:
        """Write the samples of ``other`` over the samples ``rows``, in place."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Tensor) and isinstance(theirs, Tensor):
                mine[rows] = theirs


class Heads(nn.Module):
    """Reads registers and tokens of y, in fp32.

    A pointer's query is the channel's own vector plus what its register holds; its start and end
    logit at a token are the products with two projections of that token.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width, slots, args = config.hidden_size, config.num_slots, config.num_args
        self.num_slots, self.num_args, self.num_choices = slots, args, config.num_choices
        self.decision = linear(width, 1, bias=True)
        self.q = linear(width, 1, bias=True)
        self.tool = linear(width, config.num_tools, bias=True)
        self.slot_presence = nn.Parameter(lecun_(torch.empty(slots, width), width))
        self.slot_presence_bias = nn.Parameter(torch.zeros(slots))
        self.slot_choice = nn.Parameter(
            lecun_(torch.empty(slots, self.num_choices, width), width)
        )
        self.arg_presence = linear(width, args, bias=True)
        self.arg_choice = linear(width, args * self.num_choices)
        self.queries = nn.Parameter(lecun_(torch.empty(slots + args, width), width))
        self.slot_query = linear(width, width)
        self.arg_query = linear(width, width)
        self.pointer_keys = linear(width, 2 * width)
        nn.init.zeros_(self.q.weight)
        nn.init.constant_(self.q.bias, Q_BIAS)

    def forward(self, y: Tensor, z: Tensor, token_mask: Tensor) -> TRMOutput:
        """y, z [B, R+L, D] and token_mask [B, L] to the step's output."""
        registers = SHARED_REGISTERS + self.num_slots
        tokens = y[:, registers:].float()  # (b l d)
        answer, call = y[:, 0].float(), y[:, 1].float()  # (b d)
        slots = y[:, SHARED_REGISTERS:registers].float()  # (b s d)
        said = torch.cat(
            (
                self.slot_query(slots),
                self.arg_query(call)[:, None].expand(-1, self.num_args, -1),
            ),
            dim=1,
        )
        queries = said + self.queries * self.queries.shape[1] ** 0.5  # (b s+a d)
        starts, ends = self._point(tokens, queries, token_mask)
        return TRMOutput(
            decision_logits=self.decision(answer),
            tool_logits=self.tool(call),
            arg_start_logits=starts[..., self.num_slots :],
            arg_end_logits=ends[..., self.num_slots :],
            slot_start_logits=starts[..., : self.num_slots],
            slot_end_logits=ends[..., : self.num_slots],
            slot_presence_logits=(slots * self.slot_presence).sum(-1) + self.slot_presence_bias,
            q_logits=self.q(answer),
            y=y[:, registers:],
            z=z[:, registers:],
            arg_presence_logits=self.arg_presence(call),
            slot_choice_logits=torch.einsum("bsd,svd->bsv", slots, self.slot_choice),
            arg_choice_logits=self.arg_choice(call).view(-1, self.num_args, self.num_choices),
        )

    def _point(
        self, tokens: Tensor, queries: Tensor, token_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Start and end logits [B, L, S+A] each."""
        scale = tokens.shape[-1] ** -0.5
        keys = self.pointer_keys(tokens).chunk(2, dim=-1)
        padding = ~token_mask[..., None]
        starts, ends = (
            ((key @ queries.mT) * scale).masked_fill(padding, MASKED_LOGIT) for key in keys
        )
        return starts, ends
