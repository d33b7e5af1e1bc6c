"""Rarity: how much a word says, by the number of training conversations that have it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.collator import by_dialogue
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.vocabulary import MASK_ID


def rarity(train: TRMToolCallingDataset) -> Tensor:
    """The inverse document frequency of each token, log((1 + N) / (1 + n)), [vocabulary].

    n of the N dialogues have the token. Markers have 0.
    """
    longest = [int(samples[-1]) for samples in by_dialogue(train.dialogues, train.lengths)]
    counts = np.zeros(train.tokenizer.vocab_size)
    for index in longest:
        counts[np.unique(train[index]["input_ids"].numpy())] += 1
    found = np.log((1 + len(longest)) / (1 + counts))
    found[: MASK_ID + 1] = 0.0
    return torch.from_numpy(found).float()
