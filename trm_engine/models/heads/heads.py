"""Heads: from y to a step's output, in fp32."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.config import TRMConfig
from trm_engine.models.embeddings import SHARED_REGISTERS
from trm_engine.models.heads.arg_requirements import ArgRequirements
from trm_engine.models.heads.choices import Choices
from trm_engine.models.heads.classifier import TokenPooledClassifier
from trm_engine.models.heads.common_words import CommonWords
from trm_engine.models.heads.fields import FieldStates
from trm_engine.models.heads.masking import MASKED_LOGIT, probabilities
from trm_engine.models.heads.output import TRMOutput
from trm_engine.models.heads.pointers import Pointers
from trm_engine.models.heads.said_values import SaidValues, heard
from trm_engine.models.heads.slot_prior import SlotPrior
from trm_engine.models.heads.tools import ToolScores, ToolViews
from trm_engine.models.layers import linear
from trm_engine.models.layout import Context

Q_BIAS = -5.0
"""Initial bias of q: the model begins sure that it is wrong, as in the reference code."""
LEAST_TOTAL_PENALTY = 1e-5
"""P(call) is at most about 1 minus this."""


class Heads(nn.Module):
    """All heads, and how they depend on each other.

        wanted        = classifier(register 0) + log sum_k exp(w . tool register k)
        P(call)       = sigmoid(wanted) exp(-sum of missing penalties under P(tool))
        tool          = score of each tool (register, matches, common words), for a call made now
        next tool     = another score of each, for the next call, made now or later
        presence      = w . state + b + evidence (+ slot prior under P(next tool), + common words)
        q             = w . register 0 + b

    Now and later are two scores: one that answered both would name the booking where the search is
    due again. P(tool) and P(next tool) condition other heads without gradient; their own losses
    train them.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width = config.hidden_size
        self.decision = TokenPooledClassifier(width, 1)
        self.calls = linear(width, 1)
        self.arg_requirements = ArgRequirements(width)
        self.common_words = CommonWords(config.vocab_size)
        self.tool_views = ToolViews(width)
        self.tool = ToolScores(width)
        self.next_tool = ToolScores(width) if config.next_call_weight else None
        self.q = linear(width, 1, bias=True)
        self.states = FieldStates(width)
        self.pointers = Pointers(width)
        self.slot_presence = linear(width, 1, bias=True)
        self.arg_presence = linear(width, 1, bias=True)
        self.slot_prior = SlotPrior(width)
        self.choices = Choices(width)
        self.said_values = SaidValues()
        self.words = linear(width, width) if config.word_weight else None
        nn.init.zeros_(self.q.weight)
        nn.init.constant_(self.q.bias, Q_BIAS)

    def forward(self, y: Tensor, z: Tensor, context: Context) -> TRMOutput:
        """y, z [N, D] to the step's output."""
        context = heard(context)
        assert context.readings is not None
        layout, readings = context.layout, context.readings
        num_slots = readings.catalogue.num_slots
        tokens, registers = layout.split(y.float())  # (g l d), (b r d)
        words = tokens + layout.split(context.x)[0]  # state and embedding of each word
        answer, call = registers[:, 0], registers[:, 1]
        slots = registers[:, SHARED_REGISTERS : SHARED_REGISTERS + num_slots]
        tools = registers[:, SHARED_REGISTERS + num_slots :]  # (b k d)

        matches = self.tool_views(words, context)
        tool_scores = self.tool(tools, matches, context)
        next_scores = tool_scores
        if self.next_tool is not None:
            next_scores = self.next_tool(tools, matches, context)
        of_args = 0.0
        if not self.training:  # else the network would rely on them, and learn less itself
            common, of_args = self.common_words(context)
            tool_scores, next_scores = tool_scores + common, next_scores + common
        chances = probabilities(tool_scores, context.has_tool)
        next_chances = probabilities(next_scores, context.has_tool)

        likely = (next_chances[:, None] @ tools)[:, 0]  # (b d)
        next_tools = _by_tool(next_chances, context, 0.0)
        states = self.states(slots, call + likely, next_tools, readings)
        starts, ends, at_start, at_end, evidence = self.pointers(tokens, words, states, context)
        presence = (
            evidence
            + torch.cat(
                (self.slot_presence(slots), self.arg_presence(states[:, num_slots:])), dim=1
            )[..., 0]
        )
        slot_presence, arg_presence = presence[:, :num_slots], presence[:, num_slots:] + of_args
        slot_presence = slot_presence + self.slot_prior(next_tools, readings)
        choices = self.choices(states, at_start, at_end, readings)
        choices = choices + self.said_values(starts, ends, context)

        now = _by_tool(chances, context, 0.0)
        penalty = self.arg_requirements(now, arg_presence, readings).sum(-1, keepdim=True)
        calls = self.calls(tools)[..., 0].where(context.has_tool, MASKED_LOGIT)
        wanted = self.decision(answer, tokens, context) + calls.logsumexp(dim=-1, keepdim=True)
        return TRMOutput(
            decision_logits=_wanted_and_known(wanted, penalty),
            tool_logits=_by_tool(tool_scores, context, MASKED_LOGIT),
            arg_start_logits=starts[:, num_slots:].mT,
            arg_end_logits=ends[:, num_slots:].mT,
            slot_start_logits=starts[:, :num_slots].mT,
            slot_end_logits=ends[:, :num_slots].mT,
            slot_presence_logits=slot_presence,
            q_logits=self.q(answer),
            y=layout.for_samples(layout.split(y)[0]),
            z=layout.for_samples(layout.split(z)[0]),
            next_tool_logits=_by_tool(next_scores, context, MASKED_LOGIT),
            arg_presence_logits=arg_presence,
            missing_penalty=self.arg_requirements(next_tools, arg_presence, readings),
            slot_choice_logits=choices[:, :num_slots],
            arg_choice_logits=choices[:, num_slots:],
        )


def _wanted_and_known(wanted: Tensor, penalty: Tensor) -> Tensor:
    """The logit of P(call) = sigmoid(wanted) exp(-penalty).

    A call is never more probable than that all that it needs is known. If the penalty were
    subtracted from the logit instead, a strong wish for the call could outweigh it.
    """
    unknown = torch.log(1 - torch.exp(-penalty.clamp(min=LEAST_TOTAL_PENALTY)))
    return wanted - penalty - F.softplus(wanted + unknown)


def _by_tool(scores: Tensor, context: Context, other: float) -> Tensor:
    """Scores of the tool registers [B, K] as scores of all tools [B, T]; ``other`` elsewhere."""
    every = torch.full_like(context.tool_mask, other, dtype=scores.dtype)
    return every.scatter(1, context.tool_places, scores.where(context.has_tool, other))
