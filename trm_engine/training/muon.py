"""Muon: an optimiser that makes the update of a matrix orthogonal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import AdamW

MOMENTUM = 0.95
STEP_SIZE = 0.4
"""Root mean square of an update, at a learning rate of 1: about that of AdamW's updates, so that
both have the same learning rate."""

STEPS = 5
COEFFICIENTS = 3.4445, -4.7750, 2.0315


class Muon(AdamW):
    """Muon for the groups with ``orthogonal``, AdamW for the others.

    For the gradient g of a matrix w with R rows and C columns, and learning rate r:

        m <- 0.95 m + 0.05 g
        u <- 0.95 m + 0.05 g
        w <- (1 - r decay) w - r 0.4 sqrt(max(R, C)) orthogonal(u)

    All directions of a matrix then learn alike, also those with small gradients. A stack of square
    matrices (the queries, keys and values of attention) is several matrices.

    Source: K. Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024); the scale
    is that of J. Liu et al., "Muon is Scalable for LLM Training" (2025), doubled.
    """

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Make a step; none where ``found_inf`` is 1."""
        groups = self.param_groups
        self.param_groups = [group for group in groups if not group.get("orthogonal")]
        try:
            loss = super().step(closure)
        finally:
            self.param_groups = groups
        for group in groups:
            if group.get("orthogonal"):
                self._step_matrices(group)
        return loss

    def _step_matrices(self, group: dict[str, Any]) -> None:
        """A step of a group's matrices, those of one shape together."""
        alike: dict[torch.Size, list[tuple[Tensor, Tensor]]] = defaultdict(list)
        for weight in group["params"]:
            if weight.grad is not None:
                update = self._momentum(weight)
                for pair in zip(_matrices(weight), _matrices(update), strict=True):
                    alike[pair[0].shape].append(pair)
        taken = self._is_taken()
        for shape, pairs in alike.items():
            weights, updates = zip(*pairs, strict=True)
            steps = orthogonal(torch.stack(updates)) * (STEP_SIZE * max(shape) ** 0.5)
            for weight, step in zip(weights, steps, strict=True):
                change = group["lr"] * (step + group["weight_decay"] * weight)
                weight.sub_(change if taken is None else change * taken)

    def _momentum(self, weight: Tensor) -> Tensor:
        """Take a gradient into the mean of gradients; returns the direction of the step."""
        state, gradient = self.state[weight], weight.grad
        assert gradient is not None
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(weight)
            state["step"] = torch.zeros(())  # unused; AdamW expects it of every weight
        mean: Tensor = state["momentum"]
        taken = self._is_taken()
        if taken is not None:
            gradient = gradient.where(taken, mean)  # leaves the mean as it is
        mean.lerp_(gradient, 1 - MOMENTUM)
        return gradient.lerp(mean, MOMENTUM)

    def _is_taken(self) -> Tensor | None:
        """Whether the step is to be made, on the device; None for yes."""
        found: Tensor | None = getattr(self, "found_inf", None)
        return None if found is None else found == 0


def orthogonal(matrices: Tensor) -> Tensor:
    """The nearest matrices with orthonormal rows or columns, about: [N, R, C] to the same.

    Five Newton-Schulz steps make all singular values roughly 1, between 0.7 and 1.2.
    """
    is_tall = matrices.shape[-2] > matrices.shape[-1]
    x = matrices.mT if is_tall else matrices
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    first, second, third = COEFFICIENTS
    for _ in range(STEPS):
        square = x @ x.mT
        x = first * x + (second * square + third * square @ square) @ x
    result: Tensor = x.mT if is_tall else x
    return result


def _matrices(weight: Tensor) -> tuple[Tensor, ...]:
    """The square matrices that are stacked in a weight, [R, C]; else itself."""
    rows, columns = weight.shape
    return weight.split(columns) if rows % columns == 0 else (weight,)
