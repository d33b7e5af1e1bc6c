"""Peak memory of a training step at N_sup 16 against 1: ours, and a plain one."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.plain import plain_step
from benchmarks.setup import batch_of, model_for, prepared, streamed_step

BATCH = 8
"""The plain way's outputs of 32 long conversations do not fit into 24 GB."""

STEPS = {"ours": streamed_step, "plain": plain_step}


def measure() -> Iterator[str]:
    """One row for each way; every figure is a process of its own."""
    base = _peak("nothing", 1)
    peaks = {}
    for way in STEPS:
        one, sixteen = _peak(way, 1) - base, _peak(way, 16) - base
        peaks[way] = sixteen
        yield f"{way}: {one:.0f} MB at N_sup 1, {sixteen:.0f} MB at 16: {sixteen / one:.2f} x"
    yield f"ours takes 1/{peaks['plain'] / peaks['ours']:.1f} of the plain one's memory at N_sup 16"


def _peak(way: str, steps: int) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", way, str(steps)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _train(way: str, steps: int) -> None:
    config, data = prepared()
    config.model.N_supervision = steps
    longest = np.argsort(np.asarray(data.train.lengths))[-BATCH:]
    batch = batch_of(data, longest.tolist())
    model = model_for(config)
    if way == "nothing":
        return
    for _ in range(2):
        STEPS[way](model, batch)


if __name__ == "__main__":
    _train(sys.argv[1], int(sys.argv[2]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
