"""Samples a second of a training step (hidden 128, N_sup 4, n 2, T 2, batch 16), on the CPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from benchmarks.setup import batch_of, model_for, prepared, seconds, streamed_step
from trm_engine.data.collator import BucketBatchSampler

BATCH = 16
BATCHES = 4


def measure() -> Iterator[str]:
    """One row for each number type, and the ratio."""
    config, data = prepared()
    rows = BucketBatchSampler(data.train.lengths, BATCH).batches()[:BATCHES]
    batches = [batch_of(data, indices.tolist()) for indices in rows]
    samples = sum(len(indices) for indices in rows)

    def epoch(dtype: torch.dtype) -> Callable[[], None]:
        model = model_for(config, dtype)
        return lambda: [streamed_step(model, batch) for batch in batches] and None

    times = seconds({"fp32": epoch(torch.float32), "bf16": epoch(torch.bfloat16)}, rounds=3)
    threads = torch.get_num_threads()
    for name, time in times.items():
        yield f"{name}, {threads} threads: {samples / time:.1f} samples/s"
    yield f"bf16 is {times['fp32'] / times['bf16']:.2f} x as fast"
