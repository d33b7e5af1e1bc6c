"""Overfitting: notices that the validation loss rises while the training loss falls."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from trm_engine.runs.schema.events import Overfitting

RISEN = 3
"""The validation loss must have been above its lowest for so many evaluations in a row."""


class Trend:
    """The lowest validation loss of a run, and how long ago that was.

    Attributes:
        lowest: that loss; None before the first evaluation.
        epoch: when it was reached.
        training: the mean training loss before it.
        since: evaluations since then.
    """

    def __init__(self) -> None:
        self.lowest: float | None = None
        self.epoch = 0.0
        self.training: float | None = None
        self.since = 0
        self._losses: list[float] = []

    def trained(self, losses: Sequence[float | None]) -> None:
        """Note the total losses of updates."""
        self._losses += [each for each in losses if each is not None and math.isfinite(each)]

    def evaluated(self, loss: float | None, epoch: float) -> Overfitting | None:
        """Note an evaluation. Returns what is wrong, if the model overfits.

        Without updates since the last evaluation nothing is known of the training loss.
        """
        training = float(np.mean(self._losses)) if self._losses else None
        self._losses = []
        if loss is None or not math.isfinite(loss) or training is None:
            return None
        if self.lowest is None or loss < self.lowest:
            self.lowest, self.epoch, self.training, self.since = loss, epoch, training, 0
            return None
        self.since += 1
        if self.since < RISEN or self.training is None or training >= self.training:
            return None
        return Overfitting(lowest=self.lowest, epoch=self.epoch, loss=loss, evaluations=self.since)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of it."""
        names = ("lowest", "epoch", "training", "since")
        return {name: getattr(self, name) for name in names}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from there. The state has passed ``check_contents``."""
        for name, value in state.items():
            setattr(self, name, value)
