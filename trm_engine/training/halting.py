"""Halting in training: a sample whose q says that its answer is right trains no further step."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.collator import Batch
from trm_engine.models.layout import Context
from trm_engine.models.recursion import State
from trm_engine.training.losses import num_samples
from trm_engine.training.targets import Targets

STREAM = 0x4841
"""Keeps these draws independent of others with the same seed."""


class Halting:
    """Decides which samples of an update train another step, and counts them.

    A sample halts after a step whose q logit is above 0. A share of the samples must first train a
    number of steps that is drawn from 2 to N_sup. So q also learns about the later steps of samples
    that it calls right early. The draws depend on the seed and the sample, not on its batch.

    Args:
        exploration: the share of samples that must train a drawn number of steps.
        steps: N_sup.
        seed: of the draws; it must differ from epoch to epoch.
        count: counts the labels over all parts and processes, [NUM_COUNTS].
    """

    def __init__(
        self,
        exploration: float,
        steps: int,
        seed: tuple[int, ...],
        count: Callable[[Sequence[Targets]], Tensor],
    ) -> None:
        self._exploration = exploration
        self._steps = steps
        self._seed = seed
        self._count = count
        self._samples: list[float] = []

    @property
    def steps_per_sample(self) -> float:
        """How many steps the update's samples have trained, on average over all processes."""
        return sum(self._samples) / self._samples[0]

    def counts(self, remaining: Sequence[Targets]) -> Tensor:
        """The labels of the next step, over all parts and processes, [NUM_COUNTS]."""
        counts = self._count(remaining)
        self._samples.append(float(num_samples(counts)))
        return counts

    def stays(self, samples: Tensor, q_logits: Tensor, step: int) -> Tensor:
        """Which samples train on after ``step``, a mask [B]; samples [B], q_logits [B, 1]."""
        least = torch.tensor([self._least(sample) for sample in samples.tolist()])
        return (q_logits[:, 0] <= 0) | (step < least.to(q_logits.device))

    def _least(self, sample: int) -> int:
        """How many steps a sample must train."""
        random = np.random.default_rng((*self._seed, STREAM, sample))
        explores, least = random.random() < self._exploration, random.integers(2, self._steps + 1)
        return int(least) if explores else 1


class Remaining:
    """The samples of a batch that have not halted: their rows in it, labels, y and z."""

    def __init__(self, batch: Batch, targets: Targets) -> None:
        self.targets = targets
        self.state: State | None = None
        self._read_from = batch["read_from"]
        self._numbers = batch["sample_index"]
        self._rows = torch.arange(len(self._numbers), device=self._numbers.device)
        self._all = targets

    def __len__(self) -> int:
        return len(self._rows)

    def context(self, whole: Context) -> Context:
        """The part of the batch's context that they need."""
        return whole if len(self) == len(self._numbers) else whole.rows(self._rows)[0]

    @torch.no_grad()
    def drop_halted(self, halting: Halting, q_logits: Tensor, step: int, context: Context) -> None:
        """Keep the samples that do not halt after ``step``, which had this ``context``."""
        stays = halting.stays(self._numbers[self._rows], q_logits, step)
        if stays.all():
            return
        self._rows = self._rows[stays]
        self.targets = self._all.rows(self._rows, self._read_from)
        if self.state and len(self):
            _, places = context.rows(stays)
            self.state = (self.state[0][places], self.state[1][places])
