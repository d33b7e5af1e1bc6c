"""Folds: parts of a file of which each is judged by a model that was trained on the others."""

from __future__ import annotations

import numpy as np


def assign_folds(dialogues: np.ndarray, folds: int) -> np.ndarray:
    """The fold of each sample, [N], given its dialogue, [N]. A dialogue is in one fold.

    Dialogues are taken in one random order, each into the fold with the fewest samples.
    """
    names, place, sizes = np.unique(dialogues, return_inverse=True, return_counts=True)
    fold_of = np.zeros(len(names), dtype=np.int64)
    loads = np.zeros(folds, dtype=np.int64)
    for dialogue in np.random.default_rng(0).permutation(len(names)):
        fold_of[dialogue] = loads.argmin()
        loads[fold_of[dialogue]] += sizes[dialogue]
    return fold_of[place]
