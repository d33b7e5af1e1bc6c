"""Lean: the network on one conversation, in few operators.

A runtime spends more on an operator than on its arithmetic when there are only a few new tokens.
So tokens and registers attend in one product, and each table is made once. The weights and the
results are those of ``models/layers.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor

from trm_engine.models.layers import Attention, Block, rms_norm
from trm_engine.models.layout import MASKED_SCORE, OLDEST, REGISTER_RECENCY
from trm_engine.models.recursion import RecursiveCore, State
from trm_engine.models.rotary import rope_tables

LEAST_SCORE = -50.0
"""What is not seen has this score: e^-50 is nothing beside what is seen. The exponential of
MASKED_SCORE would be a denormal number, which takes a processor ten times as long."""


class LeanCore:
    """The recursion of one conversation with L tokens, of which P are known, and R registers.

    Args:
        core: the model's.
        turns: the turn of each token, [L].
        registers: R vectors, [R, D].
        earlier: keys and values of the known tokens in each layer, in the order in which they are
            used, [P, D] each.
        theta: of the rotary positions.

    Attributes:
        new: the same of the tokens that were not known.
    """

    def __init__(
        self,
        core: RecursiveCore,
        turns: Tensor,
        registers: Tensor,
        earlier: tuple[Tensor, ...],
        theta: float,
    ) -> None:
        self.core = core
        self.new: list[Tensor] = []
        self._earlier = earlier
        known, length = earlier[0].shape[0], turns.shape[0]
        none = torch.zeros_like(registers[:, 0])
        self._layers = [each for each in core.layers if isinstance(each, Block)]
        self._heads = self._layers[0].attention.num_heads
        self._size = self._layers[0].attention.out.weight.shape[0] // self._heads
        self._border = length - known
        places = torch.cat((torch.arange(known, length).float(), none + length))
        tables = rope_tables(places, self._size, theta)
        scales = torch.ones(2 * self._heads, 1)
        scales[: self._heads] = self._size**-0.5  # of the queries, which come first
        self._cos, self._sin = (table * scales for table in tables)  # (n 2h d)
        recency = (turns[-1:] - turns).clamp(max=OLDEST)
        recency = torch.cat((recency, none.long() + REGISTER_RECENCY))
        self._recency = recency  # (m)
        later = torch.cat((turns, none.long() + turns[-1:] + 1))  # no token sees a register
        unseen = later > later[known:, None]
        self._token_bias = unseen.float() * MASKED_SCORE  # (n m)
        self._is_register = torch.cat((torch.zeros_like(turns[known:]).float(), none + 1))[:, None]
        self._biases: dict[int, Tensor] = {}

    def improved(self, x: Tensor, y: Tensor, z: Tensor) -> State:
        """One supervision step, of which nothing is trained; x, y, z [L - P + R, D]."""
        for _ in range(self.core.T):
            for _ in range(self.core.n):
                z = self._net(x + y + z)
            y = self._net(y + z)
        return y, z

    def split(self, h: Tensor) -> tuple[Tensor, Tensor]:
        """h [L - P + R, ...] to new tokens and registers."""
        return h[: self._border], h[self._border :]

    def _net(self, h: Tensor) -> Tensor:
        for number, layer in enumerate(self._layers):
            bias = self._bias(number, layer.attention)
            h = rms_norm(h + self._attended(layer.attention, h, bias))
            h = rms_norm(h + layer.mlp(h))
        return h

    def _bias(self, number: int, attention: Attention) -> Tensor:
        """Added to the scores of a layer, [H, N, M]."""
        if number not in self._biases:
            weights = attention.recency * attention.scale
            recency = weights.T.index_select(1, self._recency)[:, None]  # (h 1 m)
            self._biases[number] = self._token_bias + self._is_register * recency
        return self._biases[number]

    def _attended(self, attention: Attention, h: Tensor, bias: Tensor) -> Tensor:
        heads, size = self._heads, self._size
        qkv = attention.qkv(h).reshape(-1, 3 * heads, size)
        qk, v = qkv.split((2 * heads, heads), dim=1)
        one, other = qk.split(size // 2, dim=2)
        q, k = (qk * self._cos + torch.cat((other, one), dim=2) * self._sin).split(heads, dim=1)
        k, v = self._with_earlier(k), self._with_earlier(v)  # (m h d)
        scores = (q.transpose(0, 1) @ k.permute(1, 2, 0) + bias).clamp(min=LEAST_SCORE)
        read = scores.softmax(dim=-1) @ v.transpose(0, 1)  # (h n d)
        attended: Tensor = attention.out(read.transpose(0, 1).reshape(-1, heads * size))
        return attended

    def _with_earlier(self, own: Tensor) -> Tensor:
        earlier = self._earlier[len(self.new)]
        rows = own.reshape(-1, self._heads * self._size)
        self.new.append(rows[: self._border])
        return torch.cat((earlier, rows)).reshape(-1, self._heads, self._size)
