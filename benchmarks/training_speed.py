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
DIALOGUES = 6
MATRIX = 2048
"""Rows and columns of the matrices whose product tells the machine's rate."""

Step = Callable[[TRMForToolCalling, Batch], object]


def measure() -> Iterator[str]:
    """Samples a second of each way, and the share of the machine's rate that the fastest uses."""
    config, data = prepared()
    random = np.random.default_rng(0)
    dialogues = random.permutation(np.unique(data.train.dialogues))[:DIALOGUES]
    samples = np.flatnonzero(np.isin(data.train.dialogues, dialogues))
    parts = np.array_split(random.permutation(samples), -(-len(samples) // BATCH))
    mixed = [batch_of(data, part.tolist()) for part in parts]
    lengths, dialogues = data.train.lengths[samples], data.train.dialogues[samples]
    sampler = BucketBatchSampler(lengths, BATCH, dialogues=dialogues)
    whole = [batch_of(data, samples[part].tolist()) for part in sampler.batches()]
    apart = [{**batch, "read_from": torch.arange(len(batch["read_from"]))} for batch in whole]
    native, _ = choose_dtype("auto", torch.device("cpu"))
    tasks: dict[str, tuple[Step, Sequence[Batch], torch.dtype]] = {
        "plain loop": (plain_step, mixed, torch.float32),
        "ours, each sample read by itself, fp32": (streamed_step, apart, torch.float32),
        "ours, fp32": (streamed_step, whole, torch.float32),
    }
    if native != torch.float32:
        tasks["ours, bf16"] = (streamed_step, whole, native)

    def epoch(step: Step, batches: Sequence[Batch], dtype: torch.dtype) -> Callable[[], None]:
        model = model_for(config, data, dtype)
        return lambda: [step(model, batch) for batch in batches] and None

    timed = {name: epoch(*task) for name, task in tasks.items()}
    times = seconds({**timed, "matrix": _matrix_product(native)}, rounds=3)
    speeds = {name: len(samples) / times[name] for name in tasks}
    for name, speed in speeds.items():
        ratio = speed / speeds["plain loop"]
        yield f"{name}: {speed:.1f} samples/s, {ratio:.2f} x ({torch.get_num_threads()} threads)"
    fastest = list(tasks)[-1]
    rate = _operations(model_for(config, data), whole) / times[fastest]
    machine = 2 * MATRIX**3 / times["matrix"]
    yield (
        f"{fastest}: {rate / 1e9:.1f} of {machine / 1e9:.1f} GFLOP/s that a product of "
        f"{MATRIX} x {MATRIX} {str(native).removeprefix('torch.')} matrices reaches: "
        f"{rate / machine:.0%}"
    )


def _matrix_product(dtype: torch.dtype) -> Callable[[], object]:
    left, right = (torch.randn(MATRIX, MATRIX).to(dtype) for _ in range(2))
    return lambda: left @ right


def _operations(model: TRMForToolCalling, batches: Sequence[Batch]) -> int:
    """Floating-point operations of the matrix products, attention's counted as plain products."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        for batch in batches:
            streamed_step(model, batch)
    return int(counter.get_total_flops())
