"""Training items: samples as they are learnt from, with next calls and with other values."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.next_call import next_calls, with_next_call
from trm_engine.data.samples import Sample
from trm_engine.data.value_exchange import ValueExchange, collect_values


class TrainingItems:
    """The items of a dataset's samples in an epoch; a function of (seed, epoch, sample).

    Args:
        dataset: the samples.
        with_next_calls: whether answers are given their next call.
        value_exchange: the share of the dialogues whose values are exchanged, epoch by epoch.
        seed: of the exchange.
    """

    def __init__(
        self,
        dataset: TRMToolCallingDataset,
        with_next_calls: bool,
        value_exchange: float,
        seed: int,
    ) -> None:
        self.dataset = dataset
        self.next_calls = next_calls(dataset) if with_next_calls else {}
        samples = (dataset.sample(index) for index in range(len(dataset) if value_exchange else 0))
        self.exchange = ValueExchange(collect_values(samples, dataset.labels), value_exchange, seed)

    def __call__(self, indices: np.ndarray, epoch: int) -> list[dict[str, Tensor]]:
        """The items of the samples ``indices``, in that order."""
        dialogues = self.dataset.dialogues[indices]
        items: dict[int, dict[str, Tensor]] = {}
        for dialogue in np.unique(dialogues).tolist():
            own = indices[dialogues == dialogue].tolist()
            items.update(zip(own, self._items(own, epoch, dialogue), strict=True))
        return [items[index] for index in indices.tolist()]

    def _items(self, indices: list[int], epoch: int, dialogue: int) -> list[dict[str, Tensor]]:
        """The items of one dialogue's samples."""
        if self.exchange.draws(epoch, dialogue):
            plain = [self._sample(index) for index in indices]
            samples = self.exchange.exchanged(plain, epoch, dialogue)
            return list(map(self.dataset.encoded, indices, samples))
        return [
            self.dataset.encoded(index, self._sample(index))
            if index in self.next_calls
            else self.dataset[index]
            for index in indices
        ]

    def _sample(self, index: int) -> Sample:
        sample = self.dataset.sample(index)
        call = self.next_calls.get(index)
        return sample if call is None else with_next_call(sample, call)
