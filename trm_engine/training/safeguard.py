"""Safeguard: updates whose gradients are not finite are skipped, counted and reported."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW

from trm_engine.errors import RunError
from trm_engine.models.ema import EMA

SKIPS_BEFORE_RETURN = 10
"""So many skipped updates in a row, and training returns to the last good state."""

RETURNS_BEFORE_END = 3
"""So many returns to one state, and the run ends: training does not get past it."""


class Safeguard:
    """Protects weights and optimiser from gradients that are NaN or infinite.

    ``admit`` makes the optimiser skip such an update. It counts on the device, so no update waits
    for the host. ``remember`` keeps a copy of a state that has proved sound, and ``review`` goes
    back to it when skipping does not help.

    Args:
        model: the weights.
        optimizer: a fused optimiser, which skips an update where ``found_inf`` is 1.
        ema: the average of the weights, if there is one.
    """

    def __init__(self, model: nn.Module, optimizer: AdamW, ema: EMA | None) -> None:
        self._model = model
        self._optimizer = optimizer
        self._ema = ema
        device = next(model.parameters()).device
        self._skipped = torch.zeros((), dtype=torch.long, device=device)
        self._in_a_row = torch.zeros((), dtype=torch.long, device=device)
        self._reported = 0
        self._returns = 0
        self._good: dict[str, Any] = {}
        self._good_step = 0

    @property
    def skipped(self) -> int:
        """Updates skipped so far."""
        return int(self._skipped)

    def admit(self, norm: Tensor) -> None:
        """Have the optimiser skip its next update if the gradient's ``norm`` is not finite."""
        is_bad = ~norm.isfinite()
        self._skipped += is_bad
        self._in_a_row = (self._in_a_row + 1) * is_bad
        self._optimizer.found_inf = is_bad.float()  # type: ignore[attr-defined]

    def remember(self, step: int) -> None:
        """Keep a copy of the state after ``step``, if its last update was not skipped."""
        if not int(self._in_a_row):
            self._keep(step)

    def review(self, step: int) -> list[str]:
        """Alerts for the log, if updates up to ``step`` were skipped since the last review.

        Returns to the last good state after SKIPS_BEFORE_RETURN skipped updates in a row.

        Raises:
            RunError: returning did not help.
        """
        alerts: list[str] = []
        skipped = self.skipped
        if skipped >= max(1, 2 * self._reported):  # 1, 2, 4, ...: an alert, but no flood
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

    def load_state_dict(self, state: dict[str, int], step: int) -> None:
        """Take over a checkpoint's counts; the state now loaded is the last good one."""
        self._skipped.fill_(state["skipped"])
        self._in_a_row.fill_(state["in_a_row"])
        self._reported = state["skipped"]
        self._keep(step)

    def _keep(self, step: int) -> None:
        self._good = _copy(
            {
                "model": self._model.state_dict(),
                "optimizer": self._optimizer.state_dict()["state"],
                "ema": self._ema.state_dict() if self._ema else None,
            }
        )
        self._good_step, self._returns = step, 0

    def _return(self) -> str:
        if not self._good or self._returns == RETURNS_BEFORE_END:
            raise RunError(
                f"training diverges: after update {self._good_step} no gradient is finite; "
                f"start again with a lower training.learning_rate"
            )
        self._model.load_state_dict(self._good["model"])
        rates = [group["lr"] for group in self._optimizer.param_groups]
        state = {**self._optimizer.state_dict(), "state": _copy(self._good["optimizer"])}
        self._optimizer.load_state_dict(state)
        for group, rate in zip(self._optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
        if self._ema:
            self._ema.load_state_dict(self._good["ema"])
        self._in_a_row.zero_()
        self._returns += 1
        return (
            f"{SKIPS_BEFORE_RETURN} or more optimiser steps in a row were skipped: "
            f"training went back to the weights of update {self._good_step}"
        )


def _copy(value: Any) -> Any:
    """The same nested dictionaries with copies of all tensors."""
    if isinstance(value, Tensor):
        return value.detach().clone()
    if isinstance(value, dict):
        return {key: _copy(each) for key, each in value.items()}
    return value
