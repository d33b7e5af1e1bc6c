"""Training items: samples with augmentation: next calls, early calls, exchanged values, no
capitals.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.early_calls import EARLY_STREAM, REQUIRES_NOTHING, early_calls
from trm_engine.data.next_call import next_calls, with_next_call
from trm_engine.data.samples import Sample
from trm_engine.data.value_exchange import ValueExchange, collect_values
from trm_engine.vocabulary import CAPITALISED

STREAM = 0x5355
"""Separates this random stream from others with the same seed."""


class TrainingItems:
    """The items of a dataset's samples, with augmentation.

    They depend only on the seed, the epoch, and which samples of a dialogue are requested
    together, because these get the same new values.

    Args:
        dataset: the samples.
        with_next_calls: whether to label the next call of answers.
        value_exchange: share of the dialogues whose values are exchanged, in each epoch.
        capital_dropout: share of the dialogues whose capitals are hidden, in each epoch.
        early_share: share of the dialogues whose tools require nothing, in each epoch.
        seed: seed of all these.
    """

    def __init__(
        self,
        dataset: TRMToolCallingDataset,
        with_next_calls: bool,
        value_exchange: float,
        capital_dropout: float,
        early_share: float,
        seed: int,
    ) -> None:
        self.dataset = dataset
        self.capital_dropout = capital_dropout
        self.early_share = early_share
        self.seed = seed
        self.next_calls = next_calls(dataset) if with_next_calls else {}
        self.early_calls = early_calls(dataset) if early_share else set()
        samples = (dataset.sample(index) for index in range(len(dataset) if value_exchange else 0))
        self.exchange = ValueExchange(collect_values(samples, dataset.labels), value_exchange, seed)

    def __call__(self, indices: np.ndarray, epoch: int) -> list[dict[str, Tensor]]:
        """The items of the samples at ``indices``, in that order."""
        dialogues = self.dataset.dialogues[indices]
        items: dict[int, dict[str, Tensor]] = {}
        for dialogue in np.unique(dialogues).tolist():
            own = indices[dialogues == dialogue].tolist()
            items.update(zip(own, self._items(own, epoch, dialogue), strict=True))
        return [items[index] for index in indices.tolist()]

    def _items(self, indices: list[int], epoch: int, dialogue: int) -> list[dict[str, Tensor]]:
        """The items of one dialogue's samples."""
        random = np.random.default_rng((self.seed, STREAM, epoch, dialogue))
        is_small = random.random(2)[1] < self.capital_dropout  # the first number is not used
        items = self._with_values(indices, epoch, dialogue)
        if self.early_share:
            random = np.random.default_rng((self.seed, EARLY_STREAM, epoch, dialogue))
            early = self.early_calls if random.random() < self.early_share else ()
            items = [
                _called(item, index in early) for item, index in zip(items, indices, strict=True)
            ]
        return [without_capitals(item) for item in items] if is_small else items

    def _with_values(
        self, indices: list[int], epoch: int, dialogue: int
    ) -> list[dict[str, Tensor]]:
        """The items with the values of the epoch."""
        if not self.exchange.draws(epoch, dialogue):
            return [self._plain(index) for index in indices]
        samples = [self._sample(index) for index in indices]
        exchanged = self.exchange.exchanged(samples, epoch, dialogue)
        return [self.dataset.encoded(*each) for each in zip(indices, exchanged, strict=True)]

    def _plain(self, index: int) -> dict[str, Tensor]:
        if index not in self.next_calls:
            return self.dataset[index]
        return self.dataset.encoded(index, self._sample(index))

    def _sample(self, index: int) -> Sample:
        sample = self.dataset.sample(index)
        call = self.next_calls.get(index)
        return sample if call is None else with_next_call(sample, call)


def _called(item: dict[str, Tensor], is_early: bool) -> dict[str, Tensor]:
    """The item, marked as an early call or not. The decision of one is a call."""
    marked = {**item, REQUIRES_NOTHING: torch.tensor(is_early)}
    return {**marked, "decision_label": torch.tensor(1.0)} if is_early else marked


def without_capitals(item: dict[str, Tensor]) -> dict[str, Tensor]:
    """The item without capitals."""
    return {**item, "text_flags": item["text_flags"] & ~CAPITALISED}
