"""What benchmarks share: data, a model's configuration, a training step, interleaved timing."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch

from trm_engine.config import Config
from trm_engine.data.collator import Batch, TRMCollator
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.losses import DeepSupervisionLoss, count_labels
from trm_engine.training.prepare import Prepared, build_model, prepare_data
from trm_engine.training.supervision import Part, averaged
from trm_engine.training.targets import Targets

DATA = "TRM_BENCHMARK_DATA"
"""Environment variable: a JSONL file to measure on instead of the built-in conversations."""


def prepared(*overrides: str) -> tuple[Config, Prepared]:
    """The design's measured model (hidden 128, N_sup 4, n 2, T 2) and its data."""
    config = Config.model_validate(
        {
            "model": {
                "hidden_size": 128,
                "num_heads": 2,
                "n_latent_recursion": 2,
                "T_deep_recursion": 2,
                "N_supervision": 4,
            },
            "data": {
                "train_data": os.environ.get(DATA, "builtin:telecom"),
                "builtin_conversations": 300,
            },
        }
    )
    for override in overrides:
        section, _, rest = override.partition(".")
        key, _, value = rest.partition("=")
        setattr(getattr(config, section), key, value)
    data = prepare_data(config)
    return data.config, data


def batch_of(data: Prepared, indices: Sequence[int]) -> Batch:
    """The training samples ``indices`` as one batch."""
    return TRMCollator()([data.train[int(index)] for index in indices])


def model_for(
    config: Config, data: Prepared, dtype: torch.dtype | None = None
) -> TRMForToolCalling:
    """A fresh model on the CPU."""
    model = build_model(config, data, torch.device("cpu"))
    if dtype is not None:
        model.compute_dtype = dtype
    return model


def streamed_step(model: TRMForToolCalling, batch: Batch) -> None:
    """Forward and backward of one averaged update, as the trainer does it."""
    targets = Targets.of(batch)
    loss_fn = DeepSupervisionLoss(model.config)
    part = Part(batch, targets, model.catalogue)
    for _ in averaged(model, loss_fn, [part], count_labels(targets)):
        model.zero_grad(set_to_none=True)


def seconds(tasks: dict[str, Callable[[], object]], rounds: int = 5) -> dict[str, float]:
    """The median seconds of each task; tasks take turns, so that the machine's drift is shared."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for round_ in range(rounds + 1):
        for name, task in tasks.items():
            began = time.perf_counter()
            task()
            if round_:  # the first warms up
                times[name].append(time.perf_counter() - began)
    return {name: statistics.median(each) for name, each in times.items()}


def spread(times: Sequence[float]) -> str:
    """Median, 95th percentile and longest of times in milliseconds."""
    p50, p95 = np.percentile(times, [50, 95])
    return f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {max(times):.0f} ms"
