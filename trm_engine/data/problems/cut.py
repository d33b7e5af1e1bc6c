"""Cut: conversations on both sides of the split, or that the split counts as several."""

from __future__ import annotations

import numpy as np

from trm_engine.data.problems.kind import Kind, Table

KIND = Kind(
    name="cut",
    title="Conversations that the split cuts",
    explanation=(
        "Parts of one conversation count as several: their first turns were shortened or changed, "
        "or they have different names. Some can be trained on and others evaluated."
    ),
    repair="Give all samples of a conversation the same `conversation` name.",
    cost="high",
)
ACROSS = Kind(
    name="cut-across",
    title="Conversations in both files",
    explanation=(
        "The conversation begins as one of the other file does. Samples of one conversation on "
        "both sides of the split make evaluation flatter the model."
    ),
    repair="Keep all samples of a conversation in one file.",
    cost="high",
)


def pieces(heads: np.ndarray, tails: np.ndarray, dialogues: np.ndarray) -> Table:
    """Samples whose first turns stand in another dialogue too.

    ``heads`` [N]: hash of a sample's first turns. ``tails`` [N, K]: hashes of its last turns. 0 is
    no hash. ``dialogues`` [N].
    """
    hashes = np.concatenate([heads, *tails.T])
    rows = np.tile(np.arange(len(heads)), 1 + tails.shape[1])
    order = np.lexsort((rows, dialogues[rows], hashes))  # the first dialogue with a hash is first
    known, first = np.unique(hashes[order], return_index=True)
    partners = rows[order][first[np.searchsorted(known, heads)]]
    is_other = (heads != 0) & (dialogues[partners] != dialogues)
    found = np.flatnonzero(is_other)
    return Table.of(found, "its first turns stand in another conversation too", partners[found])


def shared(heads: np.ndarray, other: np.ndarray) -> Table:
    """Samples whose first turns are those of a sample of the other file. Both are ``heads``."""
    if not len(other):
        return Table.of(np.empty(0, np.int64), "")
    known, first = np.unique(other, return_index=True)
    places = np.minimum(np.searchsorted(known, heads), len(known) - 1)
    found = np.flatnonzero((heads != 0) & (known[places] == heads))
    return Table.of(found, "begins as one of the other file", first[places[found]])
