"""Layers of the recursive core: post-norm attention and SwiGLU, without biases or norm weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.models.layout import NUM_RECENCIES, Layout
from trm_engine.models.rotary import rotate

NORM_EPS = 1e-5
WIDTH_STEP = 32

TRUNCATED_STD = 0.87962566103423978
"""Standard deviation of the standard normal, truncated at -2 and 2."""


def rms_norm(x: Tensor) -> Tensor:
    """Scale x [..., D] to unit root mean square; no weight; statistics in fp32."""
    return F.rms_norm(x, x.shape[-1:], eps=NORM_EPS)


def truncated_normal_(weight: Tensor, std: float = 1.0) -> Tensor:
    """Fill with a normal of standard deviation ``std``, truncated at two of its deviations.

    Truncation takes 23 % off the variance, so the normal that is truncated is that much wider,
    as in the reference code of TRM (and in JAX's initialisers).
    """
    wider = std / TRUNCATED_STD
    return nn.init.trunc_normal_(weight, std=wider, a=-2 * wider, b=2 * wider)


def lecun_(weight: Tensor, fan_in: int) -> Tensor:
    """Fill with a truncated normal of variance 1 / fan_in."""
    return truncated_normal_(weight, fan_in**-0.5)


def linear(fan_in: int, fan_out: int, bias: bool = False) -> nn.Linear:
    """A linear layer with LeCun initialisation and, if any, zero bias."""
    layer = nn.Linear(fan_in, fan_out, bias=bias)
    lecun_(layer.weight.data, fan_in)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def swiglu_width(hidden_size: int, expansion: float) -> int:
    """Inner width: two thirds of the expansion, so that three matrices cost as much as two."""
    return math.ceil(expansion * hidden_size * 2 / 3 / WIDTH_STEP) * WIDTH_STEP


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Softmax attention, q [B, H, Q, d], k and v [B, H, K, d]; ``bias``, which broadcasts to
    [B, H, Q, K], is added to the scores.

    This is PyTorch's fused kernel, except in bf16 on the CPU with gradients: there its backward
    pass is slower than plain matrix products (benchmarks/attention.py).
    """
    if q.device.type != "cpu" or q.dtype != torch.bfloat16 or not torch.is_grad_enabled():
        return F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    shape = q.shape[:2]
    biases = bias.expand(*shape, *bias.shape[-2:]).flatten(0, 1)
    q, k, v = (each.flatten(0, 1) for each in (q, k, v))
    scores = torch.baddbmm(biases, q, k.mT, alpha=q.shape[-1] ** -0.5)
    attended: Tensor = torch.bmm(scores.softmax(dim=-1), v).unflatten(0, shape)
    return attended


class Attention(nn.Module):
    """Multi-head self-attention with rotary positions.

    Tokens attend to tokens, a sample's registers to its tokens and to each other. Only the scores
    of registers depend on turn recency: softmax(q k / sqrt(d) + recency bias), a learned bias for
    each head.
    """

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = hidden_size**0.5
        self.recency = nn.Parameter(torch.zeros(NUM_RECENCIES, num_heads))  # scaled like embeddings
        self.qkv = linear(hidden_size, 3 * hidden_size)
        self.out = linear(hidden_size, hidden_size)

    def forward(self, h: Tensor, layout: Layout) -> Tensor:
        qkv = self.qkv(h).unflatten(-1, (3 * self.num_heads, -1))  # (n 3h d)
        qk, v = qkv.split((2 * self.num_heads, self.num_heads), dim=1)
        q, k = rotate(qk, layout.cos, layout.sin).chunk(2, dim=1)  # (n h d)
        token_q, own_q = _by_head(q, layout)
        token_k, own_k = _by_head(k, layout)
        token_v, own_v = _by_head(v, layout)
        tokens = attend(token_q, token_k, token_v, layout.token_bias)  # (g h l d)
        own_q = own_q * own_q.shape[-1] ** -0.5
        scores = torch.cat((own_q @ own_k.mT, layout.matmul(own_q, token_k.mT)), dim=-1)
        # In fp32: bf16 kernels are cached for every number of rows.
        recency = (layout.recency @ (self.recency * self.scale).float()).mT[:, :, None]
        scores = scores + (layout.register_bias + recency.to(scores.dtype))  # (b h r r+l)
        own, of_tokens = scores.softmax(dim=-1).split((own_q.shape[2], token_k.shape[2]), dim=-1)
        registers = own @ own_v + layout.matmul(of_tokens, token_v)  # (b h r d)
        heads = layout.join(tokens.transpose(1, 2), registers.transpose(1, 2))
        attended: Tensor = self.out(heads.flatten(1))
        return attended


def _by_head(each: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """[N, H, d] to the tokens' [G, H, L, d] and the registers' [B, H, R, d]; contiguous, since
    matrix kernels would copy them at every product otherwise."""
    tokens, registers = layout.split(each)
    return tokens.transpose(1, 2).contiguous(), registers.transpose(1, 2).contiguous()


class SwiGLU(nn.Module):
    """Gated feed-forward: down(silu(gate(h)) * up(h))."""

    def __init__(self, hidden_size: int, expansion: float) -> None:
        super().__init__()
        width = swiglu_width(hidden_size, expansion)
        self.gate = linear(hidden_size, width)
        self.up = linear(hidden_size, width)
        self.down = linear(width, hidden_size)

    def forward(self, h: Tensor) -> Tensor:
        output: Tensor = self.down(F.silu(self.gate(h)) * self.up(h))
        return output


class Block(nn.Module):
    """One transformer block with the norm after each residual sum (TRM, reference code)."""

    def __init__(self, hidden_size: int, num_heads: int, expansion: float) -> None:
        super().__init__()
        self.attention = Attention(hidden_size, num_heads)
        self.mlp = SwiGLU(hidden_size, expansion)

    def forward(self, h: Tensor, layout: Layout) -> Tensor:
        h = rms_norm(h + self.attention(h, layout))
        return rms_norm(h + self.mlp(h))
