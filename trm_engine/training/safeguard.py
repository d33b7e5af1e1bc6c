"""Safeguard: updates whose gradients are not finite are skipped, counted and reported."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from trm_engine.errors import RunError
from trm_engine.models.ema import EMA

SKIPS_BEFORE_RETURN = 10
"""After so many skipped steps in a row training returns to the last good state."""

RETURNS_BEFORE_END = 3
"""After so many returns without progress in between the run ends."""


class Saved(NamedTuple):
    """A copy of the weights, the optimiser's moments and the average after update ``step``.

    ``taken`` counts the optimiser's steps until then. The copy is good once another step is taken,
    because the gradient at its weights was finite.
    """

    step: int
    taken: int
    state: dict[str, Any]


class Safeguard:
    """Protects weights and optimiser from gradients that are NaN or infinite.

    ``admit`` makes the optimiser skip such a step. It counts on the device, so no update waits for
    the host. ``remember`` keeps a copy of the state. ``review`` returns to the last good copy when
    skipping does not help.

    Args:
        model: the weights.
        optimizer: a fused optimiser, which skips a step where ``found_inf`` is 1.
        ema: the average of the weights, if there is one.
    """

    def __init__(self, model: nn.Module, optimizer: AdamW, ema: EMA | None) -> None:
        self._model = model
        self._optimizer = optimizer
        self._ema = ema
        device = next(model.parameters()).device
        self._taken = torch.zeros((), dtype=torch.long, device=device)
        self._skipped = torch.zeros((), dtype=torch.long, device=device)
        self._in_a_row = torch.zeros((), dtype=torch.long, device=device)
        self._reported = 0
        self._newest: Saved | None = None
        self._good: Saved | None = None
        self._returns = 0
        self._taken_at_return = 0

    @property
    def skipped(self) -> int:
        """Optimiser steps skipped so far."""
        return int(self._skipped)

    def admit(self, norm: Tensor) -> None:
        """Have the optimiser skip its next step if the gradient's ``norm`` is not finite."""
        is_bad = ~norm.isfinite()
        self._taken += ~is_bad
        self._skipped += is_bad
        self._in_a_row = (self._in_a_row + 1) * is_bad
        self._optimizer.found_inf = is_bad.float()  # type: ignore[attr-defined]

    def remember(self, step: int) -> None:
        """Keep a copy of the state after update ``step``, unless steps are being skipped."""
        if int(self._in_a_row):
            return
        self._find_good()
        ema = self._ema.state_dict() if self._ema else None
        moments = self._optimizer.state_dict()["state"]
        state = {"model": self._model.state_dict(), "moments": moments, "ema": ema}
        self._newest = Saved(step, int(self._taken), _copy(state))

    def review(self, step: int) -> list[str]:
        """Alerts for the log, if steps up to update ``step`` were skipped since the last review.

        Returns to the last good state after SKIPS_BEFORE_RETURN skipped steps in a row.

        Raises:
            RunError: returning did not help.
        """
        alerts: list[str] = []
        skipped = self.skipped
        if skipped >= max(1, 2 * self._reported):  # at 1, 2, 4, ...: an alert, but no flood
            self._reported = skipped
            alerts.append(
                f"the gradient is not finite: optimiser steps skipped up to update {step}: "
                f"{skipped}; a lower training.learning_rate may help"
            )
        if int(self._in_a_row) >= SKIPS_BEFORE_RETURN:
            alerts.append(self._return())
        return alerts

    def state_dict(self) -> dict[str, int]:
        """The counts, for a checkpoint."""
        return {"skipped": self.skipped, "in_a_row": int(self._in_a_row)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Take over a checkpoint's counts."""
        self._skipped.fill_(state["skipped"])
        self._in_a_row.fill_(state["in_a_row"])
        self._reported = state["skipped"]

    def _find_good(self) -> None:
        """The newest copy is good if a step was taken from it."""
        taken = int(self._taken)
        if self._newest and taken > self._newest.taken:
            self._good = self._newest
        if taken - self._taken_at_return >= SKIPS_BEFORE_RETURN:
            self._returns = 0

    def _return(self) -> str:
        self._find_good()
        if self._good is None or self._returns == RETURNS_BEFORE_END:
            step = self._good.step if self._good else 0
            raise RunError(
                f"training diverges: after update {step} the gradient does not stay finite; "
                f"start again with a lower training.learning_rate"
            )
        self._load(self._good.state)
        self._newest = None
        self._in_a_row.zero_()
        self._returns += 1
        self._taken_at_return = int(self._taken)
        return (
            f"{SKIPS_BEFORE_RETURN} or more optimiser steps in a row were skipped: "
            f"training went back to the weights of update {self._good.step}"
        )

    def _load(self, state: dict[str, Any]) -> None:
        """Restore a copy, except for the learning rate, which the schedule decides."""
        self._model.load_state_dict(state["model"])
        now = self._optimizer.state_dict()
        self._optimizer.load_state_dict({**now, "state": _copy(state["moments"])})
        if self._ema:
            self._ema.load_state_dict(state["ema"])


def _copy(value: Any) -> Any:
    """The same nested dictionaries with copies of all tensors."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return value
