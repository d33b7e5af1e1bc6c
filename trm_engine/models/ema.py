"""EMA: an exponential moving average of a model's weights, for evaluation and inference."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


class EMA:
    """shadow = decay * shadow + (1 - decay) * weights, after every update.

    The decay ramps up, min(decay, (1 + k) / (10 + k)) at update k from 0, so that a short run's
    average forgets its random beginning.
    """

    def __init__(self, model: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.updates = 0
        self._weights = dict(model.named_parameters())
        self.shadow = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._kept: dict[str, Tensor] | None = None

    @torch.no_grad()
    def update(self) -> None:
        """Move the average towards the weights as they are now."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        self.updates += 1
        torch._foreach_lerp_(list(self.shadow.values()), list(self._weights.values()), 1 - decay)

    @torch.no_grad()
    def apply_shadow(self) -> None:
        """Put the average into the model; ``restore`` takes it back.

        Raises:
            RuntimeError: the average is in the model already.
        """
        if self._kept is not None:
            raise RuntimeError("the average is applied already; call restore() first")
        self._kept = {name: weight.detach().clone() for name, weight in self._weights.items()}
        self._write(self.shadow)

    @torch.no_grad()
    def restore(self) -> None:
        """Put back the weights that ``apply_shadow`` replaced.

        Raises:
            RuntimeError: the average is not applied.
        """
        if self._kept is None:
            raise RuntimeError("the average is not applied; call apply_shadow() first")
        self._write(self._kept)
        self._kept = None

    @contextmanager
    def applied(self) -> Iterator[None]:
        """The average in the model for the time of a ``with`` block."""
        self.apply_shadow()
        try:
            yield
        finally:
            self.restore()

    def state_dict(self) -> dict[str, Any]:
        """Everything that ``load_state_dict`` needs."""
        return {"decay": self.decay, "updates": self.updates, "shadow": self.shadow}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over a saved average."""
        self.decay, self.updates = state["decay"], state["updates"]
        for name, value in state["shadow"].items():
            self.shadow[name].copy_(value)

    def _write(self, values: dict[str, Tensor]) -> None:
        for name, weight in self._weights.items():
            weight.copy_(values[name])
