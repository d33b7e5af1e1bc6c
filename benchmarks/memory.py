"""Peak memory of a training step at N_sup 16 against 1: streamed, and with all outputs kept."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator

import numpy as np

from benchmarks.setup import batch_of, model_for, prepared, streamed_step
from trm_engine.training.losses import DeepSupervisionLoss, Targets


def measure() -> Iterator[str]:
    """One row for each way; every figure is a process of its own."""
    base = _peak("nothing", 1)
    for way in ("streamed", "kept"):
        one, sixteen = _peak(way, 1) - base, _peak(way, 16) - base
        yield f"{way}: {one:.0f} MB at N_sup 1, {sixteen:.0f} MB at 16: {sixteen / one:.2f} x"


def _peak(way: str, steps: int) -> float:
    command = [sys.executable, "-m", "benchmarks.memory", way, str(steps)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _train(way: str, steps: int) -> None:
    config, data = prepared()
    config.model.N_supervision = steps
    longest = np.argsort(np.asarray(data.train.lengths))[-32:]
    batch = batch_of(data, longest.tolist())
    model = model_for(config)
    if way == "nothing":
        return
    if way == "streamed":
        for _ in range(2):
            streamed_step(model, batch)
        return
    outputs = model.train_step(batch["input_ids"], batch["attention_mask"], batch["role_ids"])
    targets = Targets.of(batch)
    losses = DeepSupervisionLoss(config.model)(
        outputs, targets.decision, targets.tool, targets.presence, targets.values
    )
    losses["total_loss"].backward()


if __name__ == "__main__":
    _train(sys.argv[1], int(sys.argv[2]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
