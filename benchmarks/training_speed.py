"""A training step (hidden 128, N_sup 4, n 2, T 2, batch 16) on the CPU, against a plain one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.plain import plain_step
from benchmarks.setup import batch_of, model_for, prepared, seconds, streamed_step
from trm_engine.data.collator import Batch, BucketBatchSampler
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.training.device import choose_dtype

BATCH = 16
BATCHES = 4
MATRIX = 2048
"""Rows and columns of the matrices whose product tells the machine's rate."""

Step = Callable[[TRMForToolCalling, Batch], object]


def measure() -> Iterator[str]:
    """Samples a second of each way, and the share of the machine's rate that the fastest uses."""
    config, data = prepared()
    shuffled = np.random.default_rng(0).permutation(len(data.train))[: BATCH * BATCHES]
    mixed = [batch_of(data, part.tolist()) for part in np.split(shuffled, BATCHES)]
    sampler = BucketBatchSampler(data.train.lengths, BATCH)
    alike = [batch_of(data, part.tolist()) for part in sampler.batches()[:BATCHES]]
    native, _ = choose_dtype("auto", torch.device("cpu"))

    def epoch(step: Step, batches: Sequence[Batch], dtype: torch.dtype) -> Callable[[], None]:
        model = model_for(config, dtype)
        return lambda: [step(model, batch) for batch in batches] and None

    tasks = {
        "plain loop": epoch(plain_step, mixed, torch.float32),
        "plain loop, batches of like length": epoch(plain_step, alike, torch.float32),
        "ours, fp32": epoch(streamed_step, alike, torch.float32),
    }
    if native != torch.float32:
        tasks["ours, bf16"] = epoch(streamed_step, alike, native)
    times = seconds({**tasks, "matrix": _matrix_product(native)}, rounds=3)
    samples = {name: _samples(mixed if name == "plain loop" else alike) for name in tasks}
    speeds = {name: samples[name] / times[name] for name in tasks}
    for name, speed in speeds.items():
        ratio = speed / speeds["plain loop"]
        yield f"{name}: {speed:.1f} samples/s, {ratio:.2f} x ({torch.get_num_threads()} threads)"
    fastest = list(tasks)[-1]
    rate = _operations(model_for(config), alike) / times[fastest]
    machine = 2 * MATRIX**3 / times["matrix"]
    yield (
        f"{fastest}: {rate / 1e9:.1f} of {machine / 1e9:.1f} GFLOP/s that a product of "
        f"{MATRIX} x {MATRIX} {str(native).removeprefix('torch.')} matrices reaches: "
        f"{rate / machine:.0%}"
    )


def _matrix_product(dtype: torch.dtype) -> Callable[[], object]:
    left, right = (torch.randn(MATRIX, MATRIX).to(dtype) for _ in range(2))
    return lambda: left @ right


def _samples(batches: Sequence[Batch]) -> int:
    return sum(len(batch["input_ids"]) for batch in batches)


def _operations(model: TRMForToolCalling, batches: Sequence[Batch]) -> int:
    """Floating-point operations of the matrix products, attention's counted as plain products."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        for batch in batches:
            streamed_step(model, batch)
    return int(counter.get_total_flops())
