"""Deep supervision, streamed: each step is backpropagated before the next one is computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.collator import Batch
from trm_engine.data.encoding import INPUTS
from trm_engine.models.heads import TRMOutput
from trm_engine.models.layout import Context
from trm_engine.models.readings import Readings
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.halting import Halting, Remaining
from trm_engine.training.losses import TOTAL, DeepSupervisionLoss, num_samples
from trm_engine.training.targets import WORD_LABELS, Targets
from trm_engine.vocabulary import MASK_ID

Losses = dict[str, Tensor]

WORD_STREAM = 0x574F
"""Keeps these draws independent of others with the same seed."""


class Part(NamedTuple):
    """One of the batches that make up an update."""

    batch: Batch
    targets: Targets
    catalogue: CatalogueTokens


def averaged(
    model: TRMForToolCalling,
    loss_fn: DeepSupervisionLoss,
    parts: Sequence[Part],
    counts: Tensor,
    steps: int | None = None,
) -> Iterator[list[Losses]]:
    """Leave the gradient of the loss averaged over ``steps`` (N_sup) in the parameters, once.

    y and z are detached between steps, so the losses of different steps share only the parameters,
    x and the readings. The gradient is that of keeping all graphs, in the memory of one. Yields the
    losses of all steps.
    """
    steps = steps or model.config.N_supervision
    losses: list[Losses] = [{} for _ in range(steps)]
    for part in parts:
        context, roots, leaves = embed(model, part.batch, model.read(part.catalogue)).apart()
        sums = iter(losses)
        for output in model.supervision_steps(context, steps):
            step = _losses(model, loss_fn, output, part.targets, counts)
            (step[TOTAL] / steps).backward()
            _add(next(sums), step)
            del output, step  # before the next step takes memory
        torch.autograd.backward(roots, [leaf.grad for leaf in leaves])
    yield losses


def per_step(
    model: TRMForToolCalling,
    loss_fn: DeepSupervisionLoss,
    parts: Sequence[Part],
    counts: Tensor,
    steps: int | None = None,
    halting: Halting | None = None,
) -> Iterator[list[Losses]]:
    """Leave each supervision step's gradient in the parameters in turn, ``steps`` times.

    The caller updates the parameters at every yield, as in the paper (section 4.1), so x is
    embedded anew for each step. With ``halting``, samples leave: the losses of a step are means
    over the labels of those that remain, and the steps end when no process has any left.
    """
    remaining = [Remaining(part.batch, part.targets) for part in parts]
    steps = steps or model.config.N_supervision
    for number in range(1, steps + 1):
        if halting:
            counts = halting.counts([each.targets for each in remaining])
            if not num_samples(counts):
                return
        losses: Losses = {}
        for part, each in zip(parts, remaining, strict=True):
            if not len(each):
                continue
            context = each.context(embed(model, part.batch, model.read(part.catalogue)))
            state = model.refine(context, each.state or model.start(context))
            output = model.heads(*state, context)
            step = _losses(model, loss_fn, output, each.targets, counts)
            step[TOTAL].backward()
            each.state = (state[0].detach(), state[1].detach())
            if halting and number < steps:
                each.drop_halted(halting, output.q_logits, number, context)
            _add(losses, step)
        yield [losses]


def deep_probability(share: float, progress: float) -> float:
    """The probability that an update trains all supervision steps: p^(1/share - 1).

    p is ``progress``, the part of the run that is done, in (0, 1]. The probability grows from 0 to
    1, so depth is learnt last. Its mean over the run is ``share``.
    """
    return progress ** (1 / share - 1) if share else 0.0


def mask_words(batch: Batch, share: float, seed: tuple[int, ...]) -> Batch:
    """Replace a share of the text tokens by the mask token, and add the labels of hidden words.

    Samples can share the tokens of one row; only rows that are read are changed. Which tokens of a
    sample are hidden depends on ``seed`` and its ``sample_index``, not on its batch.
    """
    if not share:
        return batch
    ids = batch["input_ids"]
    hidden = torch.zeros(ids.shape, dtype=torch.bool)
    lengths = batch["attention_mask"].sum(dim=1).tolist()
    for row in batch["read_from"].unique().tolist():
        random = np.random.default_rng((*seed, WORD_STREAM, int(batch["sample_index"][row])))
        hidden[row, : lengths[row]] = torch.from_numpy(random.random(lengths[row]) < share)
    hidden &= ids > MASK_ID
    labels = ids.masked_fill(~hidden, -1)
    return {**batch, "input_ids": ids.masked_fill(hidden, MASK_ID), WORD_LABELS: labels}


def _losses(
    model: TRMForToolCalling,
    loss_fn: DeepSupervisionLoss,
    output: TRMOutput,
    targets: Targets,
    counts: Tensor,
) -> Losses:
    """The losses of a step, with that of hidden words if it has a weight."""
    logits = None
    if model.config.word_weight and targets.words is not None:
        logits = model.word_logits(output.y[targets.words >= 0])
    return loss_fn.step(output, targets, counts, logits)


def embed(model: TRMForToolCalling, batch: Batch, readings: Readings) -> Context:
    """Embed the inputs of a batch; ``readings`` are those of its catalogue."""
    inputs = {name: batch[name] for name in INPUTS}
    context: Context = model.embedding(readings, **inputs, read_from=batch["read_from"])
    return context


def _add(sums: Losses, losses: Losses) -> None:
    for name, loss in losses.items():
        sums[name] = sums.get(name, 0) + loss.detach()
