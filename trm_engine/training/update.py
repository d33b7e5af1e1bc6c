"""Updater: one update of the weights, from sample indices to a step of the optimiser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from trm_engine.config import Config
from trm_engine.data.collator import LENGTH_STEP, TRMCollator, split_batch
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.training_items import TrainingItems
from trm_engine.training.catalogue import (
    fewer_offered,
    narrowed,
    renamed,
    reworded,
    without_requirements,
    without_words,
)
from trm_engine.training.distributed import ProcessGroup
from trm_engine.training.halting import Halting
from trm_engine.training.losses import NUM_COUNTS, DeepSupervisionLoss, count_labels
from trm_engine.training.state import TrainingState
from trm_engine.training.supervision import (
    Losses,
    Part,
    averaged,
    deep_probability,
    mask_words,
    per_step,
)
from trm_engine.training.targets import KINDS, Targets

MOST_OFFERED = 32
"""Tools that a sample is trained to choose among, at most. In use there may be more."""


@dataclass(frozen=True)
class Update:
    """The figures of one update; tensors stay on the device until they are read.

    Attributes:
        samples: indices of the samples of all processes.
        learning_rate: that of the update.
        losses: by name, means over the supervision steps.
        by_step: the total loss of each supervision step.
        grad_norm: before clipping; with ``per_step`` that of the last supervision step.
        steps_per_sample: supervision steps that a sample trained, on average; None unless samples
            can halt.
    """

    samples: np.ndarray
    learning_rate: float
    losses: dict[str, Tensor]
    by_step: list[Tensor]
    grad_norm: Tensor
    steps_per_sample: float | None


class Updater:
    """Makes the updates of a training, together with the other processes.

    Args:
        config: the resolved configuration.
        state: what is updated.
        train: the samples learnt from.
        group: the processes that train together.
        total_steps: the updates of the whole run.
    """

    def __init__(
        self,
        config: Config,
        state: TrainingState,
        train: TRMToolCallingDataset,
        group: ProcessGroup,
        total_steps: int,
    ) -> None:
        training = config.training
        self._config = config
        self._state = state
        self._group = group
        self._total_steps = total_steps
        self._device = next(state.model.parameters()).device
        self._lengths, self._dialogues = train.lengths, train.dialogues
        self._items = TrainingItems(
            train,
            bool(config.model.next_call_weight),
            training.value_exchange,
            training.capital_dropout,
            training.early_calls,
            training.seed,
        )
        self._catalogue = state.model.catalogue
        self._words = torch.tensor([*train.tokenizer.words()], dtype=torch.long)
        self._collator = TRMCollator(pad_to_multiple=LENGTH_STEP)
        self._loss_fn = DeepSupervisionLoss(config.model)
        self._supervise = averaged if training.supervision == "averaged" else per_step
        learns_words = config.model.word_weight and training.word_dropout
        self._names = self._loss_fn.names(KINDS if learns_words else KINDS - {"words"})

    def __call__(self, batches: Sequence[np.ndarray]) -> Update:
        """Train on a group of batches, each the sample indices of all processes.

        ``supervision: averaged`` makes one step of the optimiser, ``per_step`` one for each
        supervision step.

        Raises:
            LostProcess: another process has ended.
        """
        state = self._state
        shares = [self._share(batch) for batch in batches]
        parts = [self._part(share) for share in shares if len(share)]
        counts = self._counts([part.targets for part in parts])
        learning_rate = state.learning_rate
        halting = self._halting()
        supervise = partial(per_step, halting=halting) if halting else self._supervise
        losses: list[Losses] = []
        norm = torch.zeros((), device=self._device)
        steps = self._supervision_steps()
        for step_losses in supervise(state.model, self._loss_fn, parts, counts, steps):
            norm = self._apply_gradients()
            losses += step_losses
        state.advance()
        table = self._table(losses)
        return Update(
            np.concatenate(batches),
            learning_rate,
            dict(zip(self._names, table.mean(dim=0), strict=True)),
            list(table[:, 0]),
            norm,
            halting.steps_per_sample if halting else None,
        )

    def _share(self, batch: np.ndarray) -> np.ndarray:
        """The samples of a batch that this process trains."""
        shares = split_batch(
            batch, self._dialogues[batch], self._lengths[batch], self._group.world_size
        )
        return shares[self._group.rank]

    def _part(self, indices: np.ndarray) -> Part:
        training, state = self._config.training, self._state
        batch = self._collator(self._items(indices, state.epoch))
        seed = (training.seed, state.global_step)
        batch = fewer_offered(batch, MOST_OFFERED, seed)
        vectors, vocab = state.model.embedding.tokens.weight, state.model.config.vocab_size
        catalogue = self._catalogue  # all of it, so that every process makes the same draws
        catalogue = reworded(catalogue, training.similar_words, self._words, vectors, seed)
        batch, catalogue = renamed(batch, catalogue, training.word_renaming, vocab, seed)
        catalogue = without_words(catalogue, training.catalogue_dropout, seed)
        batch, catalogue = without_requirements(batch, catalogue)
        batch, catalogue = narrowed(batch, catalogue)
        batch = mask_words(batch, training.word_dropout, (training.seed, state.global_step))
        batch = {name: tensor.to(self._device) for name, tensor in batch.items()}
        return Part(batch, Targets.of(batch), catalogue.to(self._device))

    def _counts(self, parts: Sequence[Targets]) -> Tensor:
        """The labels of all parts in all processes, [NUM_COUNTS]."""
        counts = torch.zeros(NUM_COUNTS, device=self._device)
        for targets in parts:
            counts += count_labels(targets)
        return self._group.sum(counts)

    def _supervision_steps(self) -> int:
        """How many steps this update trains: one or, ever more often, all N_sup."""
        training, step = self._config.training, self._state.global_step
        draw = np.random.default_rng((training.seed, step)).random()
        is_deep = draw < deep_probability(training.deep_share, (step + 1) / self._total_steps)
        return self._config.model.N_supervision if is_deep else 1

    def _halting(self) -> Halting | None:
        """Decides which samples leave this update early, if any may."""
        training = self._config.training
        if not training.halting:
            return None
        seed = (training.seed, self._state.epoch)
        steps = self._config.model.N_supervision
        return Halting(training.halt_exploration, steps, seed, self._counts)

    def _apply_gradients(self) -> Tensor:
        """Clip, make a step of the optimiser, average. Returns the gradient's norm."""
        state = self._state
        self._group.sum_gradients(state.model)
        limit = self._config.training.max_grad_norm
        norm = nn.utils.clip_grad_norm_(state.model.parameters(), limit)
        state.safeguard.admit(norm)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        if state.ema:
            state.ema.update()
        return norm

    def _table(self, losses: list[Losses]) -> Tensor:
        """Losses summed over all processes: a row a supervision step, a column a name."""
        table = torch.zeros(len(losses), len(self._names), device=self._device)
        for row, step in zip(table, losses, strict=True):
            if step:  # else this process has no samples left
                row.copy_(torch.stack([step[name] for name in self._names]))
        return self._group.sum(table)
