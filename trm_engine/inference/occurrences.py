"""Occurrences: where the listed values of fields stand in conversations. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Occurrences = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Sample, field, value, first and last token of each, [K] each."""


def occurrences(
    values: np.ndarray, ids: np.ndarray, token_mask: np.ndarray, sample_sequences: np.ndarray
) -> Occurrences:
    """Where listed values [F, V, M] stand.

    A value stands where all its tokens follow each other in what a sample reads. Samples read
    ``token_mask`` [B, L] of the sequences ``sample_sequences`` [B] among ``ids`` [G, L].
    """
    lengths = (values > 0).sum(axis=-1)
    begun = (lengths > 0) & np.isin(values[..., 0], ids)  # most values are not said at all
    fields, choices = begun.nonzero()
    numbers, sequences, first = (values[fields, choices, 0, None, None] == ids).nonzero()
    fields, choices = fields[numbers], choices[numbers]
    for place in range(1, values.shape[-1]):
        wanted = values[fields, choices, place]
        at = first + place
        found = ids[sequences, at.clip(max=ids.shape[1] - 1)]
        kept = (wanted == 0) | ((wanted == found) & (at < ids.shape[1]))
        fields, choices, sequences, first = (x[kept] for x in (fields, choices, sequences, first))
    last = first + lengths[fields, choices] - 1
    rows, numbers = (sample_sequences[:, None] == sequences).nonzero()  # (b k)
    is_read = token_mask[rows, last[numbers]]
    rows, numbers = rows[is_read], numbers[is_read]
    return rows, fields[numbers], choices[numbers], first[numbers], last[numbers]


class ListedValues:
    """The same for one conversation after another, with an index of the values [F, V, M]."""

    def __init__(self, values: np.ndarray) -> None:
        self._begun: dict[int, list[tuple[int, int, list[int]]]] = {}
        for field, choice in np.argwhere((values > 0).any(axis=-1)).tolist():
            ids = [each for each in values[field, choice].tolist() if each]
            self._begun.setdefault(ids[0], []).append((field, choice, ids))

    def find(self, tokens: Sequence[int]) -> np.ndarray:
        """Field, value, first and last token of each occurrence in a conversation, [4, K]."""
        found = [
            (field, choice, place, place + len(ids) - 1)
            for place, token in enumerate(tokens)
            if token in self._begun
            for field, choice, ids in self._begun[token]
            if tokens[place : place + len(ids)] == ids
        ]
        return np.array(found, np.int64).reshape(-1, 4).T
