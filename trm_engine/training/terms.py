"""Loss terms: every part of the training loss, in one list.

A term is a sum of means. Each mean has a numerator, the summed loss of its labels, and a
denominator, their number. To add a loss, append a ``Term`` to ``TERMS`` and add its weight to the
configuration. The counts, the total, the columns of the ``steps`` events and the curves of the loss
chart follow from the list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from trm_engine.config import ModelConfig
from trm_engine.data.encoding import NONE
from trm_engine.inference.decoding import value_borders
from trm_engine.models.heads import MASKED_LOGIT, TRMOutput
from trm_engine.training.targets import Kind, Targets, ValueLabels


class Step(NamedTuple):
    """What the losses of one supervision step are computed from.

    ``word_logits`` [K, vocabulary] are those of the K hidden words, in the order of ``targets``.
    """

    config: ModelConfig
    output: TRMOutput
    targets: Targets
    word_logits: Tensor | None = None


@dataclass(frozen=True)
class Mean:
    """A mean over labels: ``loss`` is their summed loss, ``count`` how many there are."""

    loss: Callable[[Step], Tensor]
    count: Callable[[Targets], Tensor | int]


@dataclass(frozen=True)
class Term:
    """One part of the loss.

    Attributes:
        name: its column in ``steps`` events.
        weight: the setting in ``model`` that it is multiplied by.
        means: it is their sum.
        labels: the kind of labels that it needs; without them it is left out.
        share: a second setting, a weight relative to other terms with the same ``weight``. Where
            it is 0, the term is left out.
    """

    name: str
    weight: str
    means: tuple[Mean, ...]
    labels: Kind = "spec"
    share: str | None = None

    def counts(self, targets: Targets) -> list[Tensor | int]:
        """How many labels each of its means is over; 0 where its labels were not given."""
        return [mean.count(targets) if self.labels in targets.kinds else 0 for mean in self.means]

    def loss(self, step: Step, counts: Tensor) -> Tensor:
        """The unweighted loss of a step; ``counts`` [len(means)] as above, but at least 1."""
        parts = [mean.loss(step) / count for mean, count in zip(self.means, counts, strict=True)]
        return torch.stack(parts).sum()


# What the means are over --------------------------------------------------------------------------


def samples(targets: Targets) -> int:
    """The samples of the batch."""
    return targets.decision.numel()


def called(targets: Targets) -> Tensor:
    """Which samples are tool calls, [B]."""
    return targets.decision > 0.5


def answered(targets: Targets) -> Tensor:
    """Which samples are direct answers, [B]."""
    return ~called(targets)


def _calls(targets: Targets) -> Tensor:
    return (targets.tool >= 0).sum()


def _slots(targets: Targets) -> int:
    return targets.presence.numel()


def _slot_values(targets: Targets) -> Tensor:
    values = _values(targets)
    return _has_span(values.slot_span_labels).sum() + (values.slot_choice_labels >= 0).sum()


def _next_calls(targets: Targets) -> Tensor:
    return (_values(targets).next_tool_labels >= 0).sum()


def _hidden_words(targets: Targets) -> Tensor:
    return (_words(targets) >= 0).sum()


# Summed losses ------------------------------------------------------------------------------------


def focal_loss(logits: Tensor, targets: Tensor, gamma: float) -> Tensor:
    """The sum of binary focal losses, -(1 - p)^gamma log p (Lin et al. 2017, eq. 4).

    p is the probability of the right class. logits, targets [B].
    """
    cross_entropy = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if gamma:
        certainty = torch.exp(-cross_entropy)
        doubt = (1 - certainty).clamp(min=torch.finfo(certainty.dtype).tiny)
        cross_entropy = cross_entropy * doubt**gamma
    return cross_entropy.sum()


def span_loss(starts: Tensor, ends: Tensor, spans: Tensor, text_flags: Tensor) -> Tensor:
    """The sum over fields of -log P(any occurrence), where P(span) = P(start) P(end).

    Every verbatim occurrence of a value is right, so their probabilities are added (marginal
    likelihood). The softmax is over the tokens at which a word begins or ends, as in decoding.
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
    """The sum of cross entropies of labelled fields; logits [B, F, V], labels [B, F], -1: none."""
    labelled = labels >= 0
    return F.cross_entropy(logits[labelled], labels[labelled], reduction="sum")


@torch.no_grad()
def answer_is_right(output: TRMOutput, targets: Targets) -> Tensor:
    """Whether decision, tool (of a call) and every slot's presence are right, [B]: q's label."""
    logits = output.tool_logits
    if targets.values is not None:
        logits = logits.masked_fill(targets.values.tool_mask == 0, float("-inf"))
    is_call = called(targets)
    decided = (output.decision_logits[:, 0] > 0) == is_call
    tool = (logits.argmax(dim=-1) == targets.tool) | ~is_call | (targets.tool == NONE)
    presence = (_presence_logits(output, targets) > 0) == (targets.presence > 0.5)
    return decided & tool & presence.all(dim=-1)


def _decision(step: Step) -> Tensor:
    config, logits = step.config, step.output.decision_logits[:, 0].float()
    return focal_loss(logits, step.targets.decision, config.focal_gamma)


def _tool(step: Step) -> Tensor:
    return _cross_entropy(step.output.tool_logits, step.targets.tool)


def _next_tool(step: Step) -> Tensor:
    return _cross_entropy(step.output.next_tool_logits, _values(step.targets).next_tool_labels)


def _slot_presence(step: Step) -> Tensor:
    logits = _presence_logits(step.output, step.targets)
    return F.binary_cross_entropy_with_logits(logits, step.targets.presence, reduction="sum")


def _q(step: Step) -> Tensor:
    right = answer_is_right(step.output, step.targets).float()
    return F.binary_cross_entropy_with_logits(step.output.q_logits[:, 0], right, reduction="sum")


def _slot_value(step: Step) -> Tensor:
    output, values = step.output, _values(step.targets)
    spans = span_loss(
        output.slot_start_logits,
        output.slot_end_logits,
        values.slot_span_labels,
        values.text_flags,
    )
    return spans + choice_loss(output.slot_choice_logits, values.slot_choice_labels)


def _word(step: Step) -> Tensor:
    if step.word_logits is None:
        raise ValueError("there are no logits of hidden words")
    words = _words(step.targets)
    return F.cross_entropy(step.word_logits, words[words >= 0], reduction="sum")


def _arguments(rows: Callable[[Targets], Tensor]) -> tuple[Mean, Mean]:
    """Presence and values of the arguments of some samples; ``rows`` tells which, a mask [B]."""

    def presence(step: Step) -> Tensor:
        of, labels = rows(step.targets), _values(step.targets).arg_presence_labels
        logits, labels = step.output.arg_presence_logits[of], labels[of]
        known = labels >= 0
        return F.binary_cross_entropy_with_logits(logits[known], labels[known], reduction="sum")

    def value(step: Step) -> Tensor:
        of, output, values = rows(step.targets), step.output, _values(step.targets)
        spans = values.arg_span_labels.masked_fill(~of[:, None, None, None], -1)
        return span_loss(
            output.arg_start_logits, output.arg_end_logits, spans, values.text_flags
        ) + choice_loss(output.arg_choice_logits[of], values.arg_choice_labels[of])

    def parameters(targets: Targets) -> Tensor:
        return (_values(targets).arg_presence_labels[rows(targets)] >= 0).sum()

    def filled(targets: Targets) -> Tensor:
        of, values = rows(targets), _values(targets)
        spans, choices = values.arg_span_labels[of], values.arg_choice_labels[of]
        return _has_span(spans).sum() + (choices >= 0).sum()

    return Mean(presence, parameters), Mean(value, filled)


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The sum over the labels from 0; -1 is none, and -2 a tool that the model does not know."""
    return F.cross_entropy(logits, labels.clamp(min=-1), ignore_index=-1, reduction="sum")


def _presence_logits(output: TRMOutput, targets: Targets) -> Tensor:
    return output.slot_presence_logits[:, : targets.presence.shape[1]]


def _values(targets: Targets) -> ValueLabels:
    if targets.values is None:
        raise ValueError("there are no labels of values")
    return targets.values


def _words(targets: Targets) -> Tensor:
    if targets.words is None:
        raise ValueError("there are no labels of hidden words")
    return targets.words


def _has_span(spans: Tensor) -> Tensor:
    """Whether a field has any occurrence, [B, F]; spans [B, F, M, 2]."""
    return (spans[..., 0] >= 0).any(dim=-1)


# The list -----------------------------------------------------------------------------------------

TERMS = (
    Term("decision_loss", "decision_weight", (Mean(_decision, samples),)),
    Term("tool_loss", "tool_weight", (Mean(_tool, _calls),)),
    Term("slot_loss", "slot_weight", (Mean(_slot_presence, _slots),)),
    Term("q_loss", "q_weight", (Mean(_q, samples),)),
    Term("slot_span_loss", "slot_span_weight", (Mean(_slot_value, _slot_values),), "values"),
    Term("arg_loss", "arg_weight", _arguments(called), "values"),
    Term(
        "next_tool_loss",
        "tool_weight",
        (Mean(_next_tool, _next_calls),),
        "values",
        share="next_call_weight",
    ),
    Term("next_arg_loss", "arg_weight", _arguments(answered), "values", share="next_call_weight"),
    Term("word_loss", "word_weight", (Mean(_word, _hidden_words),), "words"),
)
