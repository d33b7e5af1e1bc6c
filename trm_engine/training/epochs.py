"""Epochs: how many updates each one has, and how much of them a run has done."""

from __future__ import annotations

import math

from trm_engine.data.collator import BucketBatchSampler

DECIMALS = 7
"""Tells updates apart in epochs of up to five million."""


class Epochs:
    """The epochs of a run. They differ in length, because batches hold whole dialogues.

    ``ends`` are the updates after which epochs end, up to the epoch in which the run ends.

    Args:
        sampler: makes the batches.
        batches: the number of batches in an update.
        count: the number of epochs.
        most: the most updates of the run.
    """

    def __init__(
        self, sampler: BucketBatchSampler, batches: int, count: int, most: int | None = None
    ) -> None:
        self._sampler = sampler
        self._batches = batches
        self.ends: list[int] = []
        while len(self.ends) < count and not (most and self.ends and self.ends[-1] >= most):
            self._count_next()
        self.total = min(self.ends[-1], most or self.ends[-1])

    def done(self, epoch: int, position: int) -> float:
        """The epochs done after the first ``position`` updates of ``epoch``.

        It rises with every update and is a whole number exactly at an epoch's end.
        """
        if not position:
            return float(epoch)
        while len(self.ends) <= epoch:  # a run that was resumed for fewer epochs
            self._count_next()
        first = self.ends[epoch - 1] if epoch else 0
        return round(epoch + position / (self.ends[epoch] - first), DECIMALS)

    def _count_next(self) -> None:
        self._sampler.set_epoch(len(self.ends))
        updates = math.ceil(len(self._sampler) / self._batches)
        self.ends.append((self.ends[-1] if self.ends else 0) + updates)
