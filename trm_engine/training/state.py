"""TrainingState: all that changes in a training, as a checkpoint keeps it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch

from trm_engine.checkpoints.contents import check_training
from trm_engine.checkpoints.file import FORMAT_VERSION
from trm_engine.checkpoints.parts import Checkpoint
from trm_engine.checkpoints.values import InvalidContents
from trm_engine.config import Config
from trm_engine.errors import CheckpointError
from trm_engine.inference.calibration import IDENTITY, Calibration
from trm_engine.models.ema import EMA
from trm_engine.models.trm import TRMForToolCalling
from trm_engine.runs.best import Score, score_resumed
from trm_engine.training.optim import build_optimizer, build_scheduler
from trm_engine.training.overfitting import Trend
from trm_engine.training.safeguard import Safeguard


class TrainingState:
    """The weights, the optimiser, and how far a training is.

    Attributes:
        epoch: the epoch at work, from 0.
        position: how many updates of it are done.
        global_step: how many updates are done in all.
        metrics: the last evaluation, as JSON has it; ``evaluated_at`` is its update, -1 for none.
        calibration: that of the last evaluation.
        best: the best score so far; ``stale`` evaluations have not improved on it.
        trend: where the validation loss is going.
        elapsed: seconds of training, as of the last checkpoint.
    """

    def __init__(self, config: Config, model: TRMForToolCalling, total_steps: int) -> None:
        training = config.training
        self.config = config
        self.model = model
        self.optimizer = build_optimizer(model, training)
        self.scheduler = build_scheduler(self.optimizer, training, total_steps)
        self.ema = EMA(model, training.ema_decay) if training.use_ema else None
        self.safeguard = Safeguard(model, self.optimizer, self.ema)
        self.epoch = 0
        self.position = 0
        self.global_step = 0
        self.best: Score | None = None
        self.stale = 0
        self.trend = Trend()
        self.metrics: dict[str, Any] | None = None
        self.calibration = IDENTITY
        self.evaluated_at = -1
        self.elapsed = 0.0

    @property
    def learning_rate(self) -> float:
        """The learning rate of the next update."""
        return float(self.scheduler.get_last_lr()[0])

    def advance(self) -> None:
        """Count an update of the present epoch."""
        self.scheduler.step()
        self.global_step += 1
        self.position += 1

    def averaged(self) -> AbstractContextManager[None]:
        """The averaged weights in the model, within a ``with`` block; raw ones without EMA."""
        return self.ema.applied() if self.ema else nullcontext()

    def is_finite(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(torch.isfinite(weight).all()) for weight in self.model.parameters())

    def to_checkpoint(self, made_of: dict[str, Any], processes: int) -> Checkpoint:
        """The contents of a checkpoint file.

        Args:
            made_of: labels, tokenizer and hashes of the data.
            processes: how many train together.
        """
        return {
            "format_version": FORMAT_VERSION,
            "model_state_dict": self.model.state_dict(),
            "optimizer_state_dict": self.optimizer.state_dict(),
            "scheduler_state_dict": self.scheduler.state_dict(),
            "ema_state_dict": self.ema.state_dict() if self.ema else None,
            "global_step": self.global_step,
            "epoch": self.epoch,
            "config": self.config.to_dict(),
            "metrics": self.metrics,
            "calibration": self.calibration.model_dump(),
            "rng_state": {"cpu": torch.get_rng_state()},
            "data_state": {
                "processes": processes,
                "epoch": self.epoch,
                "position": self.position,
                "best": (self.best.value, self.best.loss) if self.best else None,
                "stale": self.stale,
                "trend": self.trend.state_dict(),
                "evaluated_at": self.evaluated_at,
                "elapsed": self.elapsed,
                "safeguard": self.safeguard.state_dict(),
            },
            **made_of,
        }

    def load(self, checkpoint: Checkpoint) -> None:
        """Take over the state that a checkpoint was saved in.

        Raises:
            CheckpointError: the configuration now makes another model, or the training state in
                the checkpoint is that of another one.
        """
        try:
            self.model.load_state_dict(checkpoint["model_state_dict"])
        except RuntimeError as error:
            raise CheckpointError(
                f"the checkpoint does not fit the configuration: {error}"
            ) from error
        progress = checkpoint["data_state"]
        if "safeguard" not in progress:
            raise CheckpointError(
                "the checkpoint was saved by an earlier version of trm-tui, which trained in "
                "another way: it can be used, but its training cannot be resumed"
            )
        try:
            check_training(checkpoint, self.optimizer, self.ema.shadow if self.ema else {})
        except InvalidContents as error:
            raise CheckpointError(f"the checkpoint cannot be resumed: {error}") from None
        self.optimizer.load_state_dict(checkpoint["optimizer_state_dict"])
        self.scheduler.load_state_dict(checkpoint["scheduler_state_dict"])
        if self.ema and checkpoint["ema_state_dict"]:
            self.ema.load_state_dict(checkpoint["ema_state_dict"])
        self.safeguard.load_state_dict(progress["safeguard"])
        self.global_step = checkpoint["global_step"]
        self.epoch, self.position = progress["epoch"], progress["position"]
        self.stale = progress.get("stale", 0)
        self.trend.load_state_dict(progress.get("trend", {}))
        self.best = score_resumed(checkpoint, self.config.training.best_metric)
        self.metrics, self.evaluated_at = checkpoint["metrics"], progress["evaluated_at"]
        self.calibration = Calibration.model_validate(checkpoint.get("calibration") or {})
        self.elapsed = progress["elapsed"]
        torch.set_rng_state(checkpoint["rng_state"]["cpu"])
