"""Readings: what the network makes of a catalogue, once for all conversations."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from trm_engine.data.catalogue_tokens import CatalogueTokens


class Readings(NamedTuple):
    """T tools, S slots and A arguments as read; E = T + S + A entries, F = S + A fields.

    Attributes:
        summaries: one vector of each entry, [E, D].
        words: the state of each token of the tools, plus its embedding, [T, L, D].
        word_mask: which of these are no padding, [T, L].
        values: of each listed value its first token, its last one and the mean of all, as
            embeddings, [F, V, 3, D].
        value_mask: which values there are, [F, V].
        catalogue: what was read.
    """

    summaries: Tensor
    words: Tensor
    word_mask: Tensor
    values: Tensor
    value_mask: Tensor
    catalogue: CatalogueTokens

    @property
    def tools(self) -> Tensor:
        """[T, D]."""
        return self.summaries[: self.catalogue.num_tools]

    @property
    def fields(self) -> Tensor:
        """Slots, then arguments, [F, D]."""
        return self.summaries[self.catalogue.num_tools :]

    @property
    def slots(self) -> Tensor:
        """[S, D]."""
        return self.fields[: self.catalogue.num_slots]

    @property
    def args(self) -> Tensor:
        """[A, D]."""
        return self.fields[self.catalogue.num_slots :]


def narrowed(readings: Readings, tools: Tensor, args: Tensor) -> Readings:
    """The readings of some tools and arguments, indices [T'] and [A'], and of all slots."""
    slots = readings.slots
    fields = torch.arange(len(slots), device=args.device)
    fields = torch.cat((fields, len(slots) + args))
    return Readings(
        torch.cat((readings.tools[tools], slots, readings.args[args])),
        readings.words[tools],
        readings.word_mask[tools],
        readings.values[fields],
        readings.value_mask[fields],
        readings.catalogue.narrowed(tools, args),
    )


def joined(known: Readings, new: Readings, catalogue: CatalogueTokens) -> Readings:
    """Readings of two catalogues with the same slots as those of one.

    ``catalogue`` has the tools and arguments of ``known``, then those of ``new``.
    """
    slots = catalogue.num_slots
    longest = max(known.words.shape[1], new.words.shape[1])
    most = max(known.values.shape[1], new.values.shape[1])

    def together(one: Tensor, other: Tensor, size: int) -> Tensor:
        """Rows of both, their second dimension padded to ``size``."""
        return torch.cat([_padded(each, size) for each in (one, other)])

    return Readings(
        torch.cat((known.tools, new.tools, known.fields, new.args)),
        together(known.words, new.words, longest),
        together(known.word_mask, new.word_mask, longest),
        together(known.values, new.values[slots:], most),
        together(known.value_mask, new.value_mask[slots:], most),
        catalogue,
    )


def _padded(rows: Tensor, size: int) -> Tensor:
    """[N, M, ...] to [N, size, ...] with zeros."""
    padding = rows.new_zeros(len(rows), size - rows.shape[1], *rows.shape[2:])
    return torch.cat((rows, padding), dim=1)


def value_embeddings(values: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
    """``Readings.values`` and ``value_mask`` of ids [F, V, M] and their embeddings [F, V, M, D]."""
    present = values > 0
    lengths = present.sum(dim=-1)
    last = (
        (lengths - 1).clamp(min=0)[..., None, None].expand(*tokens.shape[:2], 1, tokens.shape[-1])
    )
    mean = (tokens * present[..., None]).sum(dim=2) / lengths.clamp(min=1)[..., None]
    first = tokens[:, :, 0]
    return torch.stack((first, tokens.gather(2, last)[:, :, 0], mean), dim=2), lengths > 0
