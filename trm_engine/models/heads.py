"""Heads: from the answer state y to decision, tool, slots, arguments and halting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.config import TRMConfig
from trm_engine.models.embeddings import SHARED_REGISTERS
from trm_engine.models.layers import lecun_, linear
from trm_engine.models.layout import AGES, Context

Q_BIAS = -5.0
"""The model begins sure that it is wrong (TRM, reference code)."""

MASKED_LOGIT = -1e4

LITTLE_NEED = -2.0
"""What a tool needs to begin with, before the softplus."""


@dataclass
class TRMOutput:
    """One supervision step's answer; B samples, L tokens, T tools, S slots, A argument channels.

    ``decision_logits``, ``q_logits`` [B, 1]; ``tool_logits`` [B, T]; ``slot_start_logits``,
    ``slot_end_logits`` [B, L, S]; ``slot_presence_logits`` [B, S]; ``arg_start_logits``,
    ``arg_end_logits`` [B, L, A]; ``y``, ``z`` [B, L, D]; and, beyond the spec,
    ``next_tool_logits`` [B, T] (of the call that comes next, now or later),
    ``arg_presence_logits`` [B, A], ``arg_lacks`` [B, A] (what each argument takes off the
    logit of the decision for the next call), ``slot_choice_logits`` [B, S, V],
    ``arg_choice_logits`` [B, A, V]; ``steps_used`` [B] after halting. Span logits of
    padding, and logits of tools that are not on offer, are -10000.
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
    next_tool_logits: Tensor
    arg_presence_logits: Tensor
    arg_lacks: Tensor
    slot_choice_logits: Tensor
    arg_choice_logits: Tensor
    steps_used: Tensor | None = None

    def put_rows(self, rows: Tensor, other: TRMOutput) -> None:
        """Write the samples of ``other`` over the samples ``rows``, in place."""
        for each in fields(self):
            mine, theirs = getattr(self, each.name), getattr(other, each.name)
            if isinstance(mine, Tensor) and isinstance(theirs, Tensor):
                mine[rows] = theirs


class Ages(nn.Module):
    """What the age of a turn adds to its tokens' logits, for each of F channels."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.weight = nn.Parameter(torch.zeros(AGES, channels))

    def forward(self, context: Context) -> Tensor:
        """[B, F, L]."""
        return torch.matmul((self.weight * self.scale).mT, context.token_ages.mT)


class Pointers(nn.Module):
    """Start and end of a value for each of F channels, what stands where it starts, and how much
    the tokens speak for one.

    A channel's query is its own vector plus what its register holds, and for an argument that is
    a slot too the slot's query: slots are labelled in every sample, arguments in calls only. Its
    logits at a token are the query's products with two projections of that token, half as wide as
    the model; the end is asked for with what was read at the start, so that both are of one value.
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
        self.beginnings = linear(width, self.size)
        self.trust = nn.Parameter(torch.ones(channels))
        self.ages = Ages(channels, width)

    def forward(
        self, tokens: Tensor, words: Tensor, registers: Tensor, context: Context
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """tokens, words [G, L, D], registers [B, F, D] to starts, ends [B, L, F], reads [B, F, D]
        and evidence [B, F]."""
        queries = self.registers(registers) + self.queries * self.size**0.5  # (b f d/2)
        queries = queries.index_add(1, self.shared[0], queries[:, self.shared[1]])
        start_keys, end_keys = self.keys(tokens).chunk(2, dim=-1)  # (g l d/2)
        starts = self._logits(start_keys, queries, context)
        reads = context.layout.products(starts.softmax(dim=-1), words)  # (b f d)
        ends = self._logits(end_keys, queries + self.beginnings(reads), context)
        evidence = self.trust * log_mean_exp(starts, context.token_mask)
        return starts.mT, ends.mT, reads, evidence

    def _logits(self, keys: Tensor, queries: Tensor, context: Context) -> Tensor:
        """[B, F, L]."""
        logits: Tensor = context.layout.products(queries * self.size**-0.5, keys.mT)
        logits = logits + self.ages(context)
        return logits.where(context.token_mask[:, None], MASKED_LOGIT)


class Votes(nn.Module):
    """Logits from a register, plus a vote of every token; either may know the answer."""

    def __init__(self, width: int, classes: int) -> None:
        super().__init__()
        self.register = linear(width, classes, bias=True)
        self.tokens = linear(width, classes)
        self.ages = Ages(classes, width)

    def forward(self, register: Tensor, tokens: Tensor, context: Context) -> Tensor:
        """register [B, D], tokens [G, L, D] to [B, classes]."""
        votes = context.layout.for_samples(self.tokens(tokens).mT) + self.ages(context)  # (b c l)
        votes = votes.where(context.token_mask[:, None], MASKED_LOGIT)
        logits: Tensor = self.register(register) + log_mean_exp(votes, context.token_mask)
        return logits


class _Choices(nn.Module):
    """For each of F choice fields a vector for each value, compared with a register and with what
    the field's pointer reads: the value, where it is said, in whatever words."""

    def __init__(self, width: int, channels: int, choices: int) -> None:
        super().__init__()
        self.register = nn.Parameter(lecun_(torch.empty(channels, choices, width), width))
        self.read = nn.Parameter(lecun_(torch.empty(channels, choices, width), width))

    def forward(self, registers: Tensor, reads: Tensor) -> Tensor:
        """registers [B, F, D], reads [B, F, D] to [B, F, V]."""
        return _products(registers, self.register) + _products(reads, self.read)


class TaskSlots(nn.Module):
    """How much likelier each slot is filled, by the likely tool: its task has some slots only."""

    def __init__(self, tools: int, slots: int, width: int) -> None:
        super().__init__()
        self.scale = width**0.5
        self.weight = nn.Parameter(torch.zeros(tools, slots))

    def forward(self, tools: Tensor) -> Tensor:
        """Probabilities of tools [B, T] to [B, S]."""
        logits: Tensor = tools @ self.weight * self.scale
        return logits


class Needs(nn.Module):
    """What speaks against a call: for each argument how much the likely tool needs it, which is
    learnt, times the doubt that it was said, -log P(present).

    Needs of all tools are weighed by the tools' probabilities; a tool needs its own arguments only.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        tools, args = config.num_tools, config.num_args
        known = torch.zeros(tools, args)
        for tool, channels in enumerate(config.tool_args or [range(args)] * tools):
            known[tool, list(channels)] = 1
        self.known: Tensor
        self.register_buffer("known", known, persistent=False)
        self.scale = config.hidden_size**0.5
        self.weight = nn.Parameter(torch.full((tools, args), LITTLE_NEED / self.scale))

    def forward(self, tools: Tensor, arg_presence_logits: Tensor) -> Tensor:
        """Probabilities of tools [B, T], arg_presence_logits [B, A] to [B, A], none below 0."""
        needs = F.softplus(self.weight * self.scale) * self.known  # (t a)
        return (tools @ needs) * F.softplus(-arg_presence_logits)


class Heads(nn.Module):
    """Reads registers and tokens of y, in fp32.

    Presence, decision and tool are read off a register and, as a soft maximum, off the tokens; a
    choice off a register and the tokens that its pointer stands on. A value is recognised where it
    stands long before a register has learnt to ask for it, so this shortens training several times.

    Which tool a call has is one question, which call comes next, be it turns later, another: asked
    to answer both, a model names the booking where the search is due again. Both speak with: the
    tool against a call that lacks what it needs, the next call for the slots that its task has.
    They are heard only: what they are, their own losses teach. What they weigh is stored small, as
    embeddings are, so that it learns as fast.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        width, slots, args = config.hidden_size, config.num_slots, config.num_args
        self.num_slots, self.num_args = slots, args
        self.decision = Votes(width, 1)
        self.needs = Needs(config)
        self.tool = Votes(width, config.num_tools)
        self.next_tool = Votes(width, config.num_tools) if config.next_call_weight else None
        self.q = linear(width, 1, bias=True)
        self.pointers = Pointers(width, slots, config.arg_slots or (-1,) * args)
        self.slot_presence = nn.Parameter(lecun_(torch.empty(slots, width), width))
        self.slot_presence_bias = nn.Parameter(torch.zeros(slots))
        self.task_slots = TaskSlots(config.num_tools, slots, width)
        self.slot_choice = _Choices(width, slots, config.num_choices)
        self.arg_presence = linear(width, args, bias=True)
        self.arg_choice = _Choices(width, args, config.num_choices)
        self.words = linear(width, width) if config.word_weight else None
        nn.init.zeros_(self.q.weight)
        nn.init.constant_(self.q.bias, Q_BIAS)

    def forward(self, y: Tensor, z: Tensor, context: Context) -> TRMOutput:
        """y, z [N, D] to the step's output."""
        layout, num_slots = context.layout, self.num_slots
        tokens, registers = layout.split(y.float())  # (g l d), (b r d)
        answer, call, slots = registers[:, 0], registers[:, 1], registers[:, SHARED_REGISTERS:]
        askers = torch.cat((slots, call[:, None].expand(-1, self.num_args, -1)), dim=1)
        sizes = (num_slots, self.num_args)
        words = tokens + layout.split(context.x)[0]  # what y makes of a word, and the word
        starts, ends, reads, evidence = self.pointers(tokens, words, askers, context)
        slot_starts, arg_starts = starts.split(sizes, dim=-1)
        slot_ends, arg_ends = ends.split(sizes, dim=-1)
        slot_evidence, arg_evidence = evidence.split(sizes, dim=-1)
        slot_reads, arg_reads = reads.split(sizes, dim=1)
        arg_presence = self.arg_presence(call) + arg_evidence
        tool_logits = _among(self.tool(call, tokens, context), context.offered)
        next_tool_logits = tool_logits
        if self.next_tool is not None:
            next_tool_logits = _among(self.next_tool(call, tokens, context), context.offered)
        tools = _probabilities(tool_logits, context.offered)
        next_tools = _probabilities(next_tool_logits, context.offered)
        slot_presence = (slots * self.slot_presence).sum(-1) + self.slot_presence_bias
        slot_presence = slot_presence + self.task_slots(next_tools)
        lacks = self.needs(tools, arg_presence)
        next_lacks = self.needs(next_tools, arg_presence)
        return TRMOutput(
            decision_logits=self.decision(answer, tokens, context) - lacks.sum(-1, keepdim=True),
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
            arg_lacks=next_lacks,
            slot_choice_logits=self.slot_choice(slots, slot_reads),
            arg_choice_logits=self.arg_choice(askers[:, num_slots:], arg_reads),
        )


def _among(logits: Tensor, offered: Tensor | None) -> Tensor:
    """Logits [B, T] of the tools on offer, MASKED_LOGIT for the others; None: all are."""
    return logits if offered is None else logits.where(offered, MASKED_LOGIT)


def _probabilities(logits: Tensor, offered: Tensor | None) -> Tensor:
    """The tools' probabilities, [B, T], without gradient; all 0 where no tool is on offer."""
    probabilities = logits.detach().softmax(dim=-1)
    return probabilities if offered is None else probabilities.where(offered, 0.0)


def _products(vectors: Tensor, values: Tensor) -> Tensor:
    """[B, F, D] with [F, V, D] to [B, F, V]."""
    return torch.einsum("bfd,fvd->bfv", vectors, values)


def log_mean_exp(logits: Tensor, token_mask: Tensor) -> Tensor:
    """A soft maximum over the tokens, [B, F, L] to [B, F]; padding must be masked already."""
    tokens = token_mask.sum(dim=1, keepdim=True)
    # The normaliser, read off the first token. Where padding underflows, logsumexp is ten times
    # as slow on the CPU.
    log_sum = (logits - logits.log_softmax(dim=-1))[..., 0]
    return log_sum - tokens.log()
