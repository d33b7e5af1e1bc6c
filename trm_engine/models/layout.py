"""The layout of a batch: which positions there are, what each sees, what samples share.

Samples of one dialogue begin alike. A token sees its own turn and earlier ones only, so its states
are the same in all of them: the longest sample's tokens are computed once, and the others read a
part of them. The core works on N positions at once:

    tokens of G sequences, L each | R registers of each of B samples | zeros up to a round number

``batch_layout`` makes a layout. The network and the heads use ``split``, ``join``,
``for_samples`` and ``matmul``; nothing else depends on how positions are arranged.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import one_hot, pad

from trm_engine.models.readings import Readings
from trm_engine.models.rotary import rope_tables
from trm_engine.vocabulary import FIRST_MARKER_ID, MASK_ID

OLDEST = 7
"""A turn's recency: 0 for a sample's newest turn, 1 for the one before, 7 for all older ones."""

REGISTER_RECENCY = OLDEST + 1
NUM_RECENCIES = REGISTER_RECENCY + 1

MASKED_SCORE = -1e9
"""Added to the attention score of what is not seen."""

POSITIONS_STEP = 128
READERS_STEP = 4
"""Sizes are rounded up to multiples of these. Kernels are prepared per shape, which takes as long
as several products; rounding keeps the number of shapes small."""


class Layout(NamedTuple):
    """Positions of a batch and what they see.

    A token sees the tokens of its own turn and of earlier ones; a register sees its sample's tokens
    and registers.

    Attributes:
        cos, sin: rotary tables, [N, 1, D/H].
        token_bias: added to the tokens' attention scores, [G, 1, L, L].
        register_bias: added to the registers' attention scores, [B, 1, 1, R+L].
        sequences: the sequence that each sample reads, [B].
        readers: the samples that read each sequence, [G, P]; repeated where there are fewer.
        places: each sample's place in ``readers``, flattened, [B].
        recency: of what a sample's registers see, one-hot, [B, R+L, NUM_RECENCIES].
    """

    cos: Tensor
    sin: Tensor
    token_bias: Tensor
    register_bias: Tensor
    sequences: Tensor
    readers: Tensor
    places: Tensor
    recency: Tensor

    def to(self, dtype: torch.dtype) -> Layout:
        """With tables and biases of another type; recency stays fp32."""
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

    def join(self, tokens: Tensor, registers: Tensor) -> Tensor:
        """Tokens [G, L, ...] and registers [B, R, ...] to [N, ...]."""
        return joined(tokens.flatten(0, 1), registers.flatten(0, 1))

    def for_samples(self, tokens: Tensor) -> Tensor:
        """The tokens that each sample reads: [G, ...] to [B, ...]."""
        return tokens.index_select(0, self.sequences)

    def matmul(self, rows: Tensor, tokens: Tensor) -> Tensor:
        """Each sample's rows [B, ..., K, D] times the tokens that it reads, [G, ..., D, L], to
        [B, ..., K, L]. Shared tokens are not copied for each sample."""
        shape = self.readers.shape
        together = rows.index_select(0, self.readers.flatten()).unflatten(0, shape)
        together = together.movedim(1, -3)  # (g ... p k d)
        product = together.flatten(-3, -2) @ tokens
        apart: Tensor = product.unflatten(-2, together.shape[-3:-1]).movedim(-3, 1)  # (g p ... k l)
        return apart.flatten(0, 1).index_select(0, self.places)


@dataclass(frozen=True)
class Context:
    """What the model reads: B samples' question x in its layout, and the catalogue.

    Attributes:
        x: embedded tokens and registers, [N, D].
        layout: where they stand and what they see.
        token_ids: the tokens of the sequences, [G, L].
        token_mask: which of its sequence's tokens each sample reads, [B, L].
        tool_mask: which tools each sample may call, [B, T].
        tool_places: the tool of each of a sample's K tool registers, [B, K]; a tool that it may not
            call for a register that it does not have.
        readings: of the catalogue; None while that is read.
        said: where listed values stand (``said_values.occurrences``); None until it is looked for.
    """

    x: Tensor
    layout: Layout
    token_ids: Tensor
    token_mask: Tensor
    tool_mask: Tensor
    tool_places: Tensor
    readings: Readings | None = None
    said: tuple[Tensor, ...] | None = None

    @property
    def token_recency(self) -> Tensor:
        """The recency of each token's turn in its sample, one-hot, [B, L, NUM_RECENCIES]."""
        return self.layout.recency[:, -self.token_mask.shape[1] :]

    @property
    def has_tool(self) -> Tensor:
        """Which tool registers each sample has, [B, K]."""
        return self.tool_mask.gather(1, self.tool_places)

    def apart(self) -> tuple[Context, list[Tensor], list[Tensor]]:
        """The same context cut off its graph; the tensors that were cut, before and after.

        Gradients that gather in the second are passed on to the first.
        """
        assert self.readings is not None
        read = self.readings
        before = [self.x, read.summaries, read.words, read.values]
        after = [each.detach().requires_grad_() for each in before]
        for leaf in after:
            leaf.grad = torch.zeros_like(leaf)
        x, summaries, words, values = after
        cut = read._replace(summaries=summaries, words=words, values=values)
        return replace(self, x=x, readings=cut), before, after

    def rows(self, rows: Tensor) -> tuple[Context, Tensor]:
        """The samples ``rows`` (indices or a mask, [B]), and which positions are theirs, [N]."""
        layout = self.layout
        kept, sequences = layout.sequences[rows].unique(return_inverse=True)
        indices = torch.arange(len(self.x), device=self.x.device)
        tokens, registers = layout.split(indices)
        indices = layout.join(tokens[kept], registers[rows])
        layout = Layout(
            layout.cos[indices],
            layout.sin[indices],
            layout.token_bias[kept],
            layout.register_bias[rows],
            sequences,
            *readers_of(sequences),
            layout.recency[rows],
        )
        context = Context(
            self.x[indices],
            layout,
            self.token_ids[kept],
            self.token_mask[rows],
            self.tool_mask[rows],
            self.tool_places[rows],
            self.readings,
        )
        return context, indices


def shared_sequences(input_ids: Tensor, read_from: Tensor | None) -> tuple[Tensor, Tensor]:
    """The samples whose tokens are computed, [G], and which of them each sample reads, [B].

    input_ids [B, L]; ``read_from`` [B], the sample that each sample's tokens are read from. Without
    it, every sample reads its own.
    """
    if read_from is None:
        own = torch.arange(len(input_ids), device=input_ids.device)
        return own, own
    computed, sequences = read_from.unique(return_inverse=True)
    return computed, sequences


def batch_layout(
    input_ids: Tensor,
    token_mask: Tensor,
    computed: Tensor,
    sequences: Tensor,
    register_mask: Tensor,
    head_size: int,
    theta: float,
) -> Layout:
    """The layout of a batch; input_ids, token_mask [B, L]; ``shared_sequences`` has the others.

    ``register_mask`` [B, R] says which registers a sample has.

    All registers of a sample have one rotary position, after its last token, so that their distance
    to the newest turn is the same in every conversation.
    """
    positions = torch.arange(input_ids.shape[1], device=input_ids.device).repeat(len(computed))
    num_registers = register_mask.shape[1]
    ends = token_mask.sum(dim=1).repeat_interleave(num_registers)
    registers = (num_registers, 0)
    recency = pad(turn_recency(input_ids), registers, value=REGISTER_RECENCY)
    return Layout(
        *rope_tables(joined(positions, ends), head_size, theta),
        token_bias_of(turn_numbers(input_ids[computed]), token_mask[computed]),
        bias_of(torch.cat((register_mask, token_mask), dim=1))[:, None, None],
        sequences,
        *readers_of(sequences),
        one_hot(recency, NUM_RECENCIES).float(),
    )


def turn_numbers(input_ids: Tensor) -> Tensor:
    """The turn of each token, from 1; 0 before the first turn; [B, L] to [B, L]."""
    opens_turn = (input_ids >= FIRST_MARKER_ID) & (input_ids < MASK_ID)
    return opens_turn.long().cumsum(dim=1)


def turn_recency(input_ids: Tensor) -> Tensor:
    """The recency of each token's turn, 0 to OLDEST; [B, L] to [B, L]."""
    turns = turn_numbers(input_ids)
    return (turns[:, -1:] - turns).clamp(max=OLDEST)


def joined(*parts: Tensor) -> Tensor:
    """Parts [M, ...] in a row, then zeros up to a multiple of POSITIONS_STEP, [N, ...]."""
    missing = -sum(map(len, parts)) % POSITIONS_STEP
    return torch.cat((*parts, parts[0].new_zeros(missing, *parts[0].shape[1:])))


def readers_of(sequences: Tensor) -> tuple[Tensor, Tensor]:
    """``Layout.readers`` and ``Layout.places`` of samples that read these sequences, [B]."""
    order = sequences.argsort(stable=True)
    counts = sequences.bincount()
    firsts = counts.cumsum(0) - counts
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order), device=order.device) - firsts[sequences[order]]
    most = int(counts.max())
    most += -most % READERS_STEP if most > 2 else 0
    numbers = torch.arange(most, device=order.device).clamp(max=counts[:, None] - 1)  # (g p)
    return order[firsts[:, None] + numbers], sequences * most + ranks


def token_bias_of(turns: Tensor, token_mask: Tensor) -> Tensor:
    """Tokens do not see later turns and padding; [G, L] each to [G, 1, L, L]."""
    return bias_of((turns[:, None] <= turns[..., None]) & token_mask[:, None])[:, None]


def bias_of(is_seen: Tensor) -> Tensor:
    """0 where something is seen, else MASKED_SCORE."""
    return torch.zeros_like(is_seen, dtype=torch.float32).masked_fill_(~is_seen, MASKED_SCORE)
