"""Training items: samples as they are learnt from: next calls, other values, other subwords."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.next_call import next_calls, with_next_call
from trm_engine.data.samples import Sample
from trm_engine.data.value_exchange import ValueExchange, collect_values

STREAM = 0x5355
"""Sets these draws apart from others that are made of the same seed."""


class TrainingItems:
    """The items of a dataset's samples; a function of the seed, of the epoch and of which samples
    of a dialogue are asked for together, since these get the same new values.

    Args:
        dataset: the samples.
        with_next_calls: whether answers are given their next call.
        value_exchange: the share of the dialogues whose values are exchanged, epoch by epoch.
        subword_sampling: the share of the dialogues whose words are split by chance.
        seed: of both.
    """

    def __init__(
        self,
        dataset: TRMToolCallingDataset,
        with_next_calls: bool,
        value_exchange: float,
        subword_sampling: float,
        seed: int,
    ) -> None:
        self.dataset = dataset
        self.subword_sampling = subword_sampling
        self.seed = seed
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
        subword_seed = self._subword_seed(epoch, dialogue)
        is_exchanged = self.exchange.draws(epoch, dialogue)
        if subword_seed is None and not is_exchanged:
            return [self._plain(index) for index in indices]
        samples: Sequence[Sample] = [self._sample(index) for index in indices]
        if is_exchanged:
            samples = self.exchange.exchanged(samples, epoch, dialogue)
        return [
            self.dataset.encoded(index, sample, subword_seed)
            for index, sample in zip(indices, samples, strict=True)
        ]

    def _plain(self, index: int) -> dict[str, Tensor]:
        if index not in self.next_calls:
            return self.dataset[index]
        return self.dataset.encoded(index, self._sample(index))

    def _subword_seed(self, epoch: int, dialogue: int) -> int | None:
        """What draws the words' splits in an epoch; None if they are the likeliest ones."""
        random = np.random.default_rng((self.seed, STREAM, epoch, dialogue))
        is_drawn = random.random() < self.subword_sampling
        return int(random.integers(2**32)) if is_drawn else None

    def _sample(self, index: int) -> Sample:
        sample = self.dataset.sample(index)
        call = self.next_calls.get(index)
        return sample if call is None else with_next_call(sample, call)
