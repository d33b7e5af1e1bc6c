"""What tests of inspection share: a run's folder as training leaves it, a job that listens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from msgspec import to_builtins

from tests.models import batch_of, checkpoint_of, inputs_of, reading_model
from trm_engine.checkpoints.file import save_atomically
from trm_engine.config import Config
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.inspection.job import Cancelled
from trm_engine.models import EMA
from trm_engine.runs.folder import RunFolder
from trm_engine.training.evaluate import evaluate

STEPS = 4
VALIDATION = 12


class Listener:
    """A job that keeps what it is told, and gives up at the n-th check if it shall."""

    def __init__(self, checks: int | None = None) -> None:
        self.left = checks
        self.parts: list[dict[str, Any]] = []
        self.told: list[tuple[str, float]] = []

    def check(self) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise Cancelled

    def progress(self, what: str, share: float, **more: Any) -> None:
        self.check()
        self.told.append((what, share))

    def part(self, **content: Any) -> None:
        self.check()
        self.parts.append(content)


def finished_run(folder: Path, dataset: TRMToolCallingDataset) -> RunFolder:
    """The folder of a run that is over; its model knows little, and its average is another one.

    About half of the answers are calls, and about half halt early.
    """
    run = RunFolder(folder)
    run.create()
    model = reading_model(dataset, seed=5, spread=0.3, N_supervision=STEPS)
    output = model.inference(**inputs_of(batch_of(dataset, range(24))), num_steps=2)
    ema = EMA(model)
    with torch.no_grad():
        for weight in model.parameters():
            weight += 0.02 * torch.randn_like(weight)
        ema.shadow["heads.decision.register.bias"] -= output.decision_logits.median()
        ema.shadow["heads.q.bias"] -= output.q_logits.median() + 0.01
    checkpoint = checkpoint_of(model, dataset, ema, step=7)
    config = Config(model=model.config)
    config.data.max_length = dataset.max_length
    config.to_yaml(run.config)
    run.tokenizer.write_bytes(dataset.tokenizer.model_bytes)
    dataset.subset(range(VALIDATION)).written_to(run.validation)
    (run.path / "checkpoints").mkdir()
    metrics = to_builtins(evaluate(model, dataset.subset(range(VALIDATION))))
    for name in ("best.pt", "last.pt"):
        save_atomically({**checkpoint, "metrics": metrics}, run.path / "checkpoints" / name)
    save_atomically(model.state_dict(), run.model)
    with ema.applied():
        save_atomically(model.state_dict(), run.model_ema)
    return run
