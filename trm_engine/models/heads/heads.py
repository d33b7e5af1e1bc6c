"""Heads: from y to a step's output, in fp32."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.config import TRMConfig
from trm_engine.models.embeddings import SHARED_REGISTERS
from trm_engine.models.heads.arg_requirements import ArgRequirements
from trm_engine.models.heads.choices import Choices
from trm_engine.models.heads.classifier import TokenPooledClassifier
from trm_engine.models.heads.masking import among, probabilities
from trm_engine.models.heads.output import TRMOutput
from trm_engine.models.heads.pointers import Pointers
from trm_engine.models.heads.slot_prior import SlotPrior
from trm_engine.models.layers import lecun_, linear
from trm_engine.models.layout import Context

Q_BIAS = -5.0
"""Initial bias of q: the model begins sure that it is wrong, as in the reference code."""


class Heads(nn.Module):
    """All heads, and how they depend on each other.

        decision      = classifier(register 0) - sum of missing penalties under P(tool)
        tool          = classifier(register 1), for a call made now
        next tool     = classifier(register 1), for the next call, made now or later
        slot presence = w_s . register_s + b_s + evidence_s + slot prior under P(next tool)
        arg presence  = W register 1 + b + evidence_a
        q             = w . register 0 + b

    Now and later are two classifiers: one that answered both would name the booking where the
    search is due again. P(tool) and P(next tool) condition other heads without gradient; their own
    losses train them.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width, slots, args = config.hidden_size, config.num_slots, config.num_args
        self.num_slots, self.num_args = slots, args
        self.decision = TokenPooledClassifier(width, 1)
        self.arg_requirements = ArgRequirements(config)
        self.tool = TokenPooledClassifier(width, config.num_tools)
        self.next_tool = (
            TokenPooledClassifier(width, config.num_tools) if config.next_call_weight else None
        )
        self.q = linear(width, 1, bias=True)
        self.pointers = Pointers(width, slots, config.arg_slots or (-1,) * args)
        self.slot_presence = nn.Parameter(lecun_(torch.empty(slots, width), width))
        self.slot_presence_bias = nn.Parameter(torch.zeros(slots))
        self.slot_prior = SlotPrior(config.num_tools, slots, width)
        self.slot_choice = Choices(width, slots, config.num_choices)
        self.arg_presence = linear(width, args, bias=True)
        self.arg_choice = Choices(width, args, config.num_choices)
        self.words = linear(width, width) if config.word_weight else None
        nn.init.zeros_(self.q.weight)
        nn.init.constant_(self.q.bias, Q_BIAS)

    def forward(self, y: Tensor, z: Tensor, context: Context) -> TRMOutput:
        """y, z [N, D] to the step's output."""
        layout, num_slots = context.layout, self.num_slots
        tokens, registers = layout.split(y.float())  # (g l d), (b r d)
        answer, call, slots = registers[:, 0], registers[:, 1], registers[:, SHARED_REGISTERS:]
        asking = torch.cat((slots, call[:, None].expand(-1, self.num_args, -1)), dim=1)
        sizes = (num_slots, self.num_args)
        words = tokens + layout.split(context.x)[0]  # state and embedding of each word
        starts, ends, reads, evidence = self.pointers(tokens, words, asking, context)
        slot_starts, arg_starts = starts.split(sizes, dim=-1)
        slot_ends, arg_ends = ends.split(sizes, dim=-1)
        slot_evidence, arg_evidence = evidence.split(sizes, dim=-1)
        slot_reads, arg_reads = reads.split(sizes, dim=1)
        arg_presence = self.arg_presence(call) + arg_evidence
        tool_logits = among(self.tool(call, tokens, context), context.tool_mask)
        next_tool_logits = tool_logits
        if self.next_tool is not None:
            next_tool_logits = among(self.next_tool(call, tokens, context), context.tool_mask)
        tools = probabilities(tool_logits, context.tool_mask)
        next_tools = probabilities(next_tool_logits, context.tool_mask)
        slot_presence = (slots * self.slot_presence).sum(-1) + self.slot_presence_bias
        slot_presence = slot_presence + self.slot_prior(next_tools)
        penalty = self.arg_requirements(tools, arg_presence).sum(-1, keepdim=True)
        return TRMOutput(
            decision_logits=self.decision(answer, tokens, context) - penalty,
            tool_logits=tool_logits,
            arg_start_logits=arg_starts,
            arg_end_logits=arg_ends,
            slot_start_logits=slot_starts,
            slot_end_logits=slot_ends,
            slot_presence_logits=slot_presence + slot_evidence,
            q_logits=self.q(answer),
            y=layout.for_samples(layout.split(y)[0]),
            z=layout.for_samples(layout.split(z)[0]),
            next_tool_logits=next_tool_logits,
            arg_presence_logits=arg_presence,
            missing_penalty=self.arg_requirements(next_tools, arg_presence),
            slot_choice_logits=self.slot_choice(slots, slot_reads),
            arg_choice_logits=self.arg_choice(asking[:, num_slots:], arg_reads),
        )
