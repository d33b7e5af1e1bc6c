"""Peak memory of a training step at N_sup 16 against 1: ours, and a plain one."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from benchmarks.plain import plain_step
from benchmarks.setup import batch_of, model_for, prepared, streamed_step
from trm_engine.data.collator import BucketBatchSampler

BATCH = 16
"""The plain way's outputs of 32 long conversations do not fit into 24 GB."""

STEPS = {"ours": streamed_step, "plain": plain_step}


def measure() -> Iterator[str]:
    """One row for each way; every figure is a process of its own (Linux)."""
    peaks = {}
    for way in STEPS:
        one, sixteen = _peak(way, 1), _peak(way, 16)
        peaks[way] = sixteen
        yield f"{way}: {one:.0f} MB at N_sup 1, {sixteen:.0f} MB at 16: {sixteen / one:.2f} x"
    yield f"ours takes 1/{peaks['plain'] / peaks['ours']:.1f} of the plain one's memory at N_sup 16"


def _peak(way: str, steps: int) -> float:
    command = [sys.executable, "-m", "benchmarks.step_memory", way, str(steps)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _train(way: str, steps: int) -> float:
    """The megabytes that two steps need beyond what stood in memory before, on the longest batch
    of whole dialogues."""
    config, data = prepared()
    config.model.N_supervision = steps
    lengths, dialogues = data.train.lengths, data.train.dialogues
    batches = BucketBatchSampler(lengths, BATCH, shuffle=False, dialogues=dialogues).batches()
    longest = max(batches, key=lambda batch: len(batch) * int(np.max(lengths[batch])))
    batch = batch_of(data, longest.tolist())
    model = model_for(config, data)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is counted anew
    before = _megabytes("VmRSS")
    for _ in range(2):
        STEPS[way](model, batch)
    return _megabytes("VmHWM") - before


def _megabytes(name: str) -> float:
    found = re.search(rf"^{name}:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found
    return int(found[1]) / 1024


if __name__ == "__main__":
    print(_train(sys.argv[1], int(sys.argv[2])))
