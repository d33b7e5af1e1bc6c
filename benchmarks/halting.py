"""``python -m benchmarks.halting CHECKPOINT FILE``: what halting saves a model that has learnt.

Gradients of supervision steps on the samples of a file, with and without halting, alternately; the
weights stay as they are.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.collator import create_dataloader
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.inference.predictor import Predictor
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.halting import Halting
from trm_engine.training.losses import DeepSupervisionLoss, count_labels
from trm_engine.training.supervision import Part, per_step
from trm_engine.training.targets import Targets

EXPLORATION = 0.1


def main() -> int:
    """Print steps and time for several N_sup; returns the exit status."""
    parser = argparse.ArgumentParser(description="What halting saves a model that has learnt.")
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("file", type=Path, help="samples as JSON lines")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--steps", type=int, nargs="+", default=[2, 4])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    predictor = Predictor.load(arguments.checkpoint, device="cpu")
    limits = {"max_length": predictor.max_length, "max_tool_tokens": predictor.max_tool_tokens}
    dataset = TRMToolCallingDataset(arguments.file, predictor.tokenizer, predictor.labels, **limits)
    loader = create_dataloader(dataset, arguments.batch_size, whole_dialogues=True)
    batches = [batch for _, batch in zip(range(arguments.batches), loader, strict=False)]
    catalogue = CatalogueTokens.of(dataset.labels, predictor.tokenizer)
    parts = [Part(batch, Targets.of(batch), catalogue) for batch in batches]
    for steps in arguments.steps:
        print(_compared(predictor.model, parts, steps))
    return 0


def _compared(model: TRMForToolCalling, parts: Sequence[Part], steps: int) -> str:
    plain = halted = trained = 0.0
    for part in parts:
        plain += _seconds(model, part, steps, None)
        halting = Halting(EXPLORATION, steps, (0,), _count)
        halted += _seconds(model, part, steps, halting)
        trained += halting.steps_per_sample * len(part.targets.decision)
    samples = sum(len(part.targets.decision) for part in parts)
    return (
        f"N_sup {steps}: {samples} samples train {trained / samples:.2f} of {steps} steps in "
        f"{halted:.1f} instead of {plain:.1f} CPU seconds, {halted / plain:.0%}"
    )


def _seconds(model: TRMForToolCalling, part: Part, steps: int, halting: Halting | None) -> float:
    loss_fn, counts = DeepSupervisionLoss(model.config), count_labels(part.targets)
    began = time.process_time()
    for _ in per_step(model, loss_fn, [part], counts, steps, halting):
        model.zero_grad(set_to_none=True)
    return time.process_time() - began


def _count(remaining: Sequence[Targets]) -> Tensor:
    return torch.stack([count_labels(targets) for targets in remaining]).sum(dim=0)


if __name__ == "__main__":
    raise SystemExit(main())
