"""Readings: what the network makes of a catalogue, once for all conversations. Imports no torch."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trm_engine.data.catalogue_tokens import Array, CatalogueTokens


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

    summaries: Array
    words: Array
    word_mask: Array
    values: Array
    value_mask: Array
    catalogue: CatalogueTokens

    @property
    def tools(self) -> Array:
        """[T, D]."""
        return self.summaries[: self.catalogue.num_tools]

    @property
    def fields(self) -> Array:
        """Slots, then arguments, [F, D]."""
        return self.summaries[self.catalogue.num_tools :]

    @property
    def slots(self) -> Array:
        """[S, D]."""
        return self.fields[: self.catalogue.num_slots]

    @property
    def args(self) -> Array:
        """[A, D]."""
        return self.fields[self.catalogue.num_slots :]


def narrowed(readings: Readings, tools: np.ndarray, args: np.ndarray) -> Readings:
    """The readings of some tools and arguments, indices [T'] and [A'], and of all slots."""
    slots = readings.slots
    fields = np.concatenate((np.arange(len(slots)), len(slots) + args))
    return Readings(
        np.concatenate((readings.tools[tools], slots, readings.args[args])),
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
    return Readings(
        np.concatenate((known.tools, new.tools, known.fields, new.args)),
        _together(known.words, new.words),
        _together(known.word_mask, new.word_mask),
        _together(known.values, new.values[slots:]),
        _together(known.value_mask, new.value_mask[slots:]),
        catalogue,
    )


def _together(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rows [N, M, ...] of both, with zeros up to the larger M."""
    size = max(one.shape[1], other.shape[1])
    found = np.zeros((len(one) + len(other), size, *one.shape[2:]), one.dtype)
    found[: len(one), : one.shape[1]] = one
    found[len(one) :, : other.shape[1]] = other
    return found
