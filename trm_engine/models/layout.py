"""Context: a batch as the core sees it. What samples have in common is read once.

Samples of one dialogue begin alike. A token sees its own turn and earlier ones only, so that what
becomes of it is the same in all of them: the longest is read, and the others read from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor

OLDEST = 7
"""Turns are told apart by age: the newest 0, the one before 1, ..., all older ones 7."""

REGISTER_AGE = OLDEST + 1
AGES = REGISTER_AGE + 1

POSITIONS_STEP = 128
READERS_STEP = 4
"""Sizes are rounded up to these, for a matrix kernel is made for every size that comes up, which
takes as long as several products: of few sizes, most are there already."""


class Layout(NamedTuple):
    """Where the core's N positions stand and what they see: G sequences of L tokens, then the R
    registers of each of B samples, then what fills N up (``filled_up``).

    A token sees the tokens of its own turn and of earlier ones; a register those of its sample and
    the sample's other registers. ``cos``, ``sin`` [N, 1, D/H]; ``token_bias`` [G, 1, L, L] and
    ``register_bias`` [B, 1, 1, R+L], added to the attention's scores; ``sequences`` [B]: which one
    each sample reads; ``members`` [G, P], the samples that read each sequence, some of them twice
    where others have more; ``places`` [B], where among all members each sample stands;
    ``ages`` [B, R+L, AGES], one-hot: of what a sample's registers see,
    REGISTER_AGE or how many turns before the sample's newest that was said, at most OLDEST.
    """

    cos: Tensor
    sin: Tensor
    token_bias: Tensor
    register_bias: Tensor
    sequences: Tensor
    members: Tensor
    places: Tensor
    ages: Tensor

    def to(self, dtype: torch.dtype) -> Layout:
        """With cosines, sines and biases of another type; what counts ages stays fp32."""
        return self._replace(
            cos=self.cos.to(dtype),
            sin=self.sin.to(dtype),
            token_bias=self.token_bias.to(dtype),
            register_bias=self.register_bias.to(dtype),
        )

    def split(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """h [N, ...] to tokens [G, L, ...] and registers [B, R, ...]."""
        sequences, _, _, length = self.token_bias.shape
        samples, _, _, seen = self.register_bias.shape
        shapes = (sequences, length), (samples, seen - length)
        sizes = [math.prod(shape) for shape in shapes]
        tokens, registers, _ = h.split((*sizes, len(h) - sum(sizes)))
        return tokens.unflatten(0, shapes[0]), registers.unflatten(0, shapes[1])

    def for_samples(self, tokens: Tensor) -> Tensor:
        """Of tokens [G, ...] those that each sample reads, [B, ...]."""
        return tokens.index_select(0, self.sequences)

    def products(self, rows: Tensor, tokens: Tensor) -> Tensor:
        """The matrix product of each sample's rows [B, ..., K, D] and the tokens that it reads,
        [G, ..., D, L]; [B, ..., K, L]. What samples share is not copied for each."""
        shape = self.members.shape
        together = rows.index_select(0, self.members.flatten()).unflatten(0, shape)
        together = together.movedim(1, -3)  # (g ... p k d)
        product = together.flatten(-3, -2) @ tokens
        apart: Tensor = product.unflatten(-2, together.shape[-3:-1]).movedim(-3, 1)  # (g p ... k l)
        return apart.flatten(0, 1).index_select(0, self.places)

    def join(self, tokens: Tensor, registers: Tensor) -> Tensor:
        """Tokens [G, L, ...] and registers [B, R, ...] to [N, ...]."""
        return filled_up(tokens.flatten(0, 1), registers.flatten(0, 1))


@dataclass(frozen=True)
class Context:
    """B samples' question ``x`` [N, D] in its ``layout``; ``token_mask`` [B, L]: what of its
    sequence each sample reads; ``offered`` [B, T]: the tools on offer, None: all of them."""

    x: Tensor
    layout: Layout
    token_mask: Tensor
    offered: Tensor | None = None

    @property
    def token_ages(self) -> Tensor:
        """How many turns before its sample's newest each token was said, one-hot, [B, L, AGES]."""
        return self.layout.ages[:, -self.token_mask.shape[1] :]

    def with_input(self, x: Tensor) -> Context:
        """The same context with another x."""
        return replace(self, x=x)

    def rows(self, rows: Tensor) -> tuple[Context, Tensor]:
        """The samples ``rows`` (indices or a mask, [B]), and which positions theirs are, [N]."""
        layout = self.layout
        kept, sequences = layout.sequences[rows].unique(return_inverse=True)
        places = torch.arange(len(self.x), device=self.x.device)
        tokens, registers = layout.split(places)
        places = layout.join(tokens[kept], registers[rows])
        layout = Layout(
            layout.cos[places],
            layout.sin[places],
            layout.token_bias[kept],
            layout.register_bias[rows],
            sequences,
            *readers(sequences),
            layout.ages[rows],
        )
        offered = None if self.offered is None else self.offered[rows]
        return Context(self.x[places], layout, self.token_mask[rows], offered), places


def filled_up(*parts: Tensor) -> Tensor:
    """Parts [M, ...] and zeros behind them, [N, ...]: as many positions as the core works on."""
    missing = -sum(map(len, parts)) % POSITIONS_STEP
    return torch.cat((*parts, parts[0].new_zeros(missing, *parts[0].shape[1:])))


def readers(sequences: Tensor) -> tuple[Tensor, Tensor]:
    """The samples that read each sequence, [G, P], and where each sample stands there, [B]."""
    order = sequences.argsort(stable=True)
    counts = sequences.bincount()
    firsts = counts.cumsum(0) - counts
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order), device=order.device) - firsts[sequences[order]]
    most = int(counts.max())
    most += -most % READERS_STEP if most > 2 else 0
    numbers = torch.arange(most, device=order.device).clamp(max=counts[:, None] - 1)  # (g p)
    return order[firsts[:, None] + numbers], sequences * most + ranks
