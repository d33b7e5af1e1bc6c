"""Losses: what one supervision step is worth, and their mean over all steps."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum, auto

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.config import TRMConfig
from trm_engine.data.collator import Batch
from trm_engine.inference.decoding import value_borders
from trm_engine.models.heads import MASKED_LOGIT, TRMOutput

LOSSES = ("decision_loss", "tool_loss", "slot_loss", "q_loss", "slot_span_loss", "arg_loss")
WORD_LOSS = "word_loss"
"""Of hidden words, where they are learnt."""
TOTAL = "total_loss"
WORD_LABELS = "word_labels"
"""Of a batch: the tokens that were hidden, -1 where none was, [B, L]."""


class Counted(IntEnum):
    """What losses are means over, and where its number stands among a batch's counts."""

    DECISIONS = 0
    TOOLS = auto()
    SLOTS = auto()
    SLOT_VALUES = auto()
    ARGS = auto()
    ARG_VALUES = auto()
    NEXT_TOOLS = auto()
    NEXT_ARGS = auto()
    NEXT_ARG_VALUES = auto()
    WORDS = auto()


@dataclass(frozen=True)
class ValueLabels:
    """Labels beyond the spec's three: values of slots and arguments, and the tools on offer.

    Shapes are the batch's: [B, S, M, 2] and [B, A, M, 2] occurrences, [B, S] and [B, A] choices,
    [B, A] argument presence (-1: not a parameter of the call), [B] tool of the next call, be it
    this one (-1: none), [B, T] tools on offer, [B, L] text flags.
    """

    slot_span_labels: Tensor
    slot_choice_labels: Tensor
    arg_span_labels: Tensor
    arg_choice_labels: Tensor
    arg_presence_labels: Tensor
    next_tool_labels: Tensor
    tool_mask: Tensor
    text_flags: Tensor

    @classmethod
    def of(cls, batch: Batch) -> ValueLabels:
        """The value labels of a batch."""
        return cls(**{each.name: batch[each.name] for each in fields(cls)})


@dataclass(frozen=True)
class Targets:
    """All labels of a batch; ``values`` may be missing, as in the spec's call.

    ``words`` [B, L]: the tokens that are hidden, else -1; missing where they are not asked for.
    """

    decision: Tensor
    tool: Tensor
    presence: Tensor
    values: ValueLabels | None = None
    words: Tensor | None = None

    @classmethod
    def of(cls, batch: Batch) -> Targets:
        """The labels of a batch."""
        return cls(
            batch["decision_labels"],
            batch["tool_name_labels"],
            batch["slot_presence_labels"],
            ValueLabels.of(batch),
            batch.get(WORD_LABELS),
        )

    def rows(self, rows: Tensor, read_from: Tensor) -> Targets:
        """The labels of the samples ``rows`` [K]; ``read_from`` [B] is the whole batch's.

        A hidden word stays a label as long as a sample reads its tokens: at the first that does.
        """
        values = self.values
        if values is not None:
            values = ValueLabels(
                **{each.name: getattr(values, each.name)[rows] for each in fields(values)}
            )
        words = self.words
        if words is not None:
            sources = read_from[rows]
            is_repeated = (sources[:, None] == sources).tril(-1).any(dim=1)
            words = words[sources].masked_fill(is_repeated[:, None], -1)
        return Targets(self.decision[rows], self.tool[rows], self.presence[rows], values, words)

    def counts(self) -> Tensor:
        """How many labels the means are over, [len(Counted)]; without value labels its first 3."""
        numbers = [
            torch.tensor(self.decision.numel(), device=self.decision.device),
            (self.tool >= 0).sum(),
            torch.tensor(self.presence.numel(), device=self.decision.device),
        ]
        if self.values is not None:
            values, called = self.values, self.decision > 0.5
            numbers += [
                _has_span(values.slot_span_labels).sum() + (values.slot_choice_labels >= 0).sum(),
                *_argument_counts(values, called),
                (values.next_tool_labels >= 0).sum(),
                *_argument_counts(values, ~called),
                (self.words >= 0).sum() if self.words is not None else torch.zeros_like(numbers[0]),
            ]
        return torch.stack(numbers).float()


def focal_loss(logits: Tensor, targets: Tensor, gamma: float, alpha: float) -> Tensor:
    """Sum of binary focal losses (Lin et al. 2017, eq. 5); ``alpha`` below 0: no class weight."""
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if gamma:
        certainty = torch.exp(-cross_entropy)
        doubt = (1 - certainty).clamp(min=torch.finfo(certainty.dtype).tiny)
        cross_entropy = cross_entropy * doubt**gamma
    if alpha >= 0:
        cross_entropy = cross_entropy * (alpha * targets + (1 - alpha) * (1 - targets))
    return cross_entropy.sum()


def span_loss(starts: Tensor, ends: Tensor, spans: Tensor, text_flags: Tensor) -> Tensor:
    """Sum over fields of -log P(any occurrence), P(span) = P(start) P(end).

    Every verbatim occurrence of a value is right, so their probability is summed (marginal
    likelihood). Only where words begin and end can a value: others need not be told from it.
    starts, ends [B, L, F]; spans [B, F, M, 2], -1 where there is none; text_flags [B, L].
    """
    rows, channels = _has_span(spans).nonzero(as_tuple=True)
    if not len(rows):
        return starts.sum() * 0
    spans = spans[rows, channels]  # (k m 2)
    can_begin, can_end = value_borders(text_flags[rows])  # (k l)
    log_start = starts[rows, :, channels].masked_fill(~can_begin, MASKED_LOGIT).log_softmax(dim=-1)
    log_end = ends[rows, :, channels].masked_fill(~can_end, MASKED_LOGIT).log_softmax(dim=-1)
    places = spans.clamp(min=0)
    log_span = log_start.gather(1, places[..., 0]) + log_end.gather(1, places[..., 1])
    log_span = log_span.masked_fill(spans[..., 0] < 0, float("-inf"))
    return -log_span.logsumexp(dim=-1).sum()


def choice_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum of cross entropies of the labelled fields; logits [B, F, V], labels [B, F], -1: none."""
    labelled = labels >= 0
    return F.cross_entropy(logits[labelled], labels[labelled], reduction="sum")


class DeepSupervisionLoss(nn.Module):
    """The weighted losses of a supervision step, averaged over all steps.

    total = decision + tool + 0.5 slot + 0.5 q, and 0.5 slot_span + 0.5 arg where value labels are
    given (weights from the configuration). Each loss is a mean over its labels.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        self.config = config

    def forward(
        self,
        outputs: Sequence[TRMOutput],
        decision_labels: Tensor,
        tool_name_labels: Tensor,
        slot_presence_labels: Tensor,
        values: ValueLabels | None = None,
    ) -> dict[str, Tensor]:
        """The losses of all steps' outputs; labels [B], [B], [B, S].

        If the data and the model differ in their number of slots, only the first ones that both
        have are learnt, with a warning.
        """
        presence = _known_slots(slot_presence_labels, outputs[0].slot_presence_logits.shape[1])
        targets = Targets(decision_labels, tool_name_labels, presence, values)
        counts = targets.counts()
        steps = [self.step(output, targets, counts) for output in outputs]
        return {name: torch.stack([step[name] for step in steps]).mean() for name in steps[0]}

    def step(
        self,
        output: TRMOutput,
        targets: Targets,
        counts: Tensor,
        word_logits: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """One step's losses. ``counts`` are those of the whole update: over every process and
        accumulated batch, so that the sum of the parts' losses is the loss of the whole.
        ``word_logits`` [K, vocabulary] are those of the K hidden words."""
        counts = counts.clamp(min=1)
        losses = {
            "decision_loss": self._decision(output, targets) / counts[Counted.DECISIONS],
            "tool_loss": _tool(output.tool_logits, targets.tool) / counts[Counted.TOOLS],
            "slot_loss": _presence(output, targets) / counts[Counted.SLOTS],
            "q_loss": _q(output, targets) / counts[Counted.DECISIONS],
        }
        if targets.values is not None:
            losses |= self._values(output, targets, targets.values, counts)
            if self.config.next_call_weight:
                next_call = self._next_call(output, targets, targets.values, counts)
                losses = {name: loss + next_call.get(name, 0) for name, loss in losses.items()}
        if word_logits is not None and targets.words is not None:
            hidden = targets.words[targets.words >= 0]
            words = F.cross_entropy(word_logits, hidden, reduction="sum")
            losses[WORD_LOSS] = words / counts[Counted.WORDS]
        losses[TOTAL] = self._weighted(losses)
        return losses

    def _decision(self, output: TRMOutput, targets: Targets) -> Tensor:
        config = self.config
        logits = output.decision_logits[:, 0].float()
        return focal_loss(logits, targets.decision, config.focal_gamma, config.focal_alpha)

    def _values(
        self, output: TRMOutput, targets: Targets, values: ValueLabels, counts: Tensor
    ) -> dict[str, Tensor]:
        slot_values = span_loss(
            output.slot_start_logits,
            output.slot_end_logits,
            values.slot_span_labels,
            values.text_flags,
        ) + choice_loss(output.slot_choice_logits, values.slot_choice_labels)
        called, sizes = targets.decision > 0.5, counts[[Counted.ARGS, Counted.ARG_VALUES]]
        return {
            "slot_span_loss": slot_values / counts[Counted.SLOT_VALUES],
            "arg_loss": _arguments(output, values, called, sizes),
        }

    def _next_call(
        self, output: TRMOutput, targets: Targets, values: ValueLabels, counts: Tensor
    ) -> dict[str, Tensor]:
        """What next calls add to the losses of calls: their tools, and after answers arguments."""
        answered = targets.decision <= 0.5
        sizes = counts[[Counted.NEXT_ARGS, Counted.NEXT_ARG_VALUES]]
        tool = _tool(output.next_tool_logits, values.next_tool_labels)
        arguments = _arguments(output, values, answered, sizes)
        weight = self.config.next_call_weight
        return {
            "tool_loss": weight * tool / counts[Counted.NEXT_TOOLS],
            "arg_loss": weight * arguments,
        }

    def _weighted(self, losses: dict[str, Tensor]) -> Tensor:
        config = self.config
        weights = {
            "decision_loss": config.decision_weight,
            "tool_loss": config.tool_weight,
            "slot_loss": config.slot_weight,
            "q_loss": config.q_weight,
            "slot_span_loss": config.slot_span_weight,
            "arg_loss": config.arg_weight,
            WORD_LOSS: config.word_weight,
        }
        return torch.stack([weights[name] * loss for name, loss in losses.items()]).sum()


@torch.no_grad()
def answer_is_right(output: TRMOutput, targets: Targets) -> Tensor:
    """Whether decision, tool (of a call) and every slot's presence are right, [B]; q's target."""
    logits = output.tool_logits
    if targets.values is not None:
        logits = logits.masked_fill(targets.values.tool_mask == 0, float("-inf"))
    called = targets.decision > 0.5
    decided = (output.decision_logits[:, 0] > 0) == called
    tool = (logits.argmax(dim=-1) == targets.tool) | ~called
    presence = (_presence_logits(output, targets) > 0) == (targets.presence > 0.5)
    return decided & tool & presence.all(dim=-1)


def _known_slots(presence: Tensor, num_slots: int) -> Tensor:
    given = presence.shape[1]
    if given != num_slots:
        warnings.warn(
            f"the data has {given} slots, the model {num_slots}: the others are left out; "
            f"TRMConfig(num_slots={given}) learns them all",
            stacklevel=3,
        )
    return presence[:, :num_slots]


def _presence_logits(output: TRMOutput, targets: Targets) -> Tensor:
    return output.slot_presence_logits[:, : targets.presence.shape[1]]


def _tool(logits: Tensor, labels: Tensor) -> Tensor:
    return F.cross_entropy(logits, labels.clamp(min=-1), ignore_index=-1, reduction="sum")


def _presence(output: TRMOutput, targets: Targets) -> Tensor:
    return F.binary_cross_entropy_with_logits(
        _presence_logits(output, targets), targets.presence, reduction="sum"
    )


def _q(output: TRMOutput, targets: Targets) -> Tensor:
    right = answer_is_right(output, targets).float()
    return F.binary_cross_entropy_with_logits(output.q_logits[:, 0], right, reduction="sum")


def _argument_counts(values: ValueLabels, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Arguments asked for and argument values of some samples, a mask [B]."""
    spans, choices = values.arg_span_labels[rows], values.arg_choice_labels[rows]
    asked = (values.arg_presence_labels[rows] >= 0).sum()
    return asked, _has_span(spans).sum() + (choices >= 0).sum()


def _arguments(output: TRMOutput, values: ValueLabels, rows: Tensor, counts: Tensor) -> Tensor:
    """The mean losses of presence and of values over the arguments of some samples, a mask [B]."""
    labels = values.arg_presence_labels[rows]
    asked = labels >= 0
    presence = F.binary_cross_entropy_with_logits(
        output.arg_presence_logits[rows][asked], labels[asked], reduction="sum"
    )
    spans = span_loss(
        output.arg_start_logits,
        output.arg_end_logits,
        values.arg_span_labels.masked_fill(~rows[:, None, None, None], -1),
        values.text_flags,
    )
    choices = choice_loss(output.arg_choice_logits[rows], values.arg_choice_labels[rows])
    return presence / counts[0] + (spans + choices) / counts[1]


def _has_span(spans: Tensor) -> Tensor:
    """[B, F]: whether a field has any occurrence; spans [B, F, M, 2]."""
    return (spans[..., 0] >= 0).any(dim=-1)
