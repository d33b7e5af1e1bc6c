"""Targets: the labels of a batch."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args

from torch import Tensor

from trm_engine.data.collator import Batch

WORD_LABELS = "word_labels"
"""Key of a batch: the ids of the tokens that were hidden, -1 elsewhere, [B, L]."""

Kind = Literal["spec", "values", "words"]
"""Kinds of labels: those that the spec names, values of slots and arguments, hidden words."""

KINDS: frozenset[Kind] = frozenset(get_args(Kind))


@dataclass(frozen=True)
class ValueLabels:
    """Labels beyond the spec's three: values of slots and arguments, and the available tools.

    Shapes, for B samples, L tokens, S slots, A arguments, T tools and at most M occurrences of a
    value: spans [B, S, M, 2] and [B, A, M, 2]; choices [B, S] and [B, A]; argument presence [B, A];
    tool of the next call [B], which for a call is the call itself; available tools [B, T]; text
    flags [B, L]. A label of -1 means that there is nothing to learn.
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
    """All labels of a batch of B samples.

    Attributes:
        decision: 1 for a tool call, else 0, [B].
        tool: the tool of a call, else -1, [B].
        presence: 1 for each slot that is filled, else 0, [B, S].
        values: labels of values; None where only the three above are given, as in the spec.
        words: ids of hidden tokens, -1 elsewhere, [B, L]; None where no token was hidden.
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

    @property
    def kinds(self) -> set[Kind]:
        """The kinds of labels that were given."""
        missing = {"values": self.values is None, "words": self.words is None}
        return {kind for kind in KINDS if not missing.get(kind)}

    def rows(self, rows: Tensor, read_from: Tensor) -> Targets:
        """The labels of the samples ``rows`` [K]; ``read_from`` [B] is that of the whole batch.

        Samples can share their tokens. A hidden word of shared tokens is a label of the first
        sample that reads them.
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
