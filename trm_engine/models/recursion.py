"""The recursion of the Tiny Recursive Model, as in figure 3 of the paper.

Source: A. Jolicoeur-Martineau, "Less is More: Recursive Reasoning with Tiny Networks" (2025).
Names are the paper's: x is the embedded question, y the current answer, z the latent reasoning,
all [N, D]; n, T and N_sup count updates of z, rounds and supervision steps. ``layout`` says which
positions see each other; the recursion only passes it on to the network's attention.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from trm_engine.config import ModelConfig
from trm_engine.models.layers import Block
from trm_engine.models.layout import Layout

State = tuple[Tensor, Tensor]
"""y and z, [N, D] each."""


class RecursiveCore(nn.Module):
    """One tiny network that improves z from x, y and z, and y from y and z."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.n = config.n_latent_recursion
        self.T = config.T_deep_recursion
        self.layers = nn.ModuleList(
            Block(config.hidden_size, config.num_heads, config.expansion)
            for _ in range(config.num_layers)
        )

    def net(self, h: Tensor, layout: Layout) -> Tensor:
        """The network, which does not know whether it updates y or z; h [N, D] to [N, D]."""
        for layer in self.layers:
            h = layer(h, layout)
        return h

    def latent_recursion(self, x: Tensor, y: Tensor, z: Tensor, layout: Layout) -> State:
        """One round: n times z <- net(x + y + z), then y <- net(y + z)."""
        for _ in range(self.n):
            z = self.net(x + y + z, layout)
        y = self.net(y + z, layout)
        return y, z

    def deep_recursion(self, x: Tensor, y: Tensor, z: Tensor, layout: Layout) -> State:
        """One supervision step: T - 1 rounds without gradient, then one with it."""
        with torch.no_grad():
            for _ in range(self.T - 1):
                y, z = self.latent_recursion(x, y, z, layout)
        return self.latent_recursion(x, y, z, layout)

    forward = deep_recursion


def deep_supervision(
    step: Callable[[State], State], state: State, num_steps: int
) -> Iterator[State]:
    """y and z after each of N_sup supervision steps; no gradient flows from one to the one before.

    If every step is backpropagated before the next is asked for, only one step's activations are
    in memory.
    """
    for _ in range(num_steps):
        state = step(state)
        yield state
        state = detached(state)


def detached(state: State) -> State:
    """y and z without their graph."""
    y, z = state
    return y.detach(), z.detach()
