"""Layers of the recursive core: post-norm attention and SwiGLU, without biases or norm weights."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.models.layout import AGES, Layout

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


def rope_tables(positions: Tensor, head_size: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and signed sines for ``rotate``: positions [N] to [N, 1, head_size] each."""
    powers = torch.arange(0, head_size, 2, device=positions.device, dtype=torch.float32)
    angles = (positions[..., None].float() * theta ** (-powers / head_size))[:, None]
    cos, sin = angles.cos(), angles.sin()  # (n 1 d/2)
    return torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Apply rotary embedding to x [N, H, head_size], halves paired."""
    return torch.addcmul(x * cos, x.roll(x.shape[-1] // 2, dims=-1), sin)


def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    """Softmax attention, q [B, H, Q, d], k and v [B, H, K, d]; ``bias``, which broadcasts to
    [B, H, Q, K], is added to the scores.

    PyTorch's fused kernel, but on the CPU in bf16 where there is a gradient: forward it takes half
    as long as plain matrix products, with its backward pass longer (benchmarks/attention.py).
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
    """Multi-head self-attention with rotary positions: of tokens among themselves, and of each
    sample's registers to themselves and to the sample's tokens, by the age of what they see too."""

    def __init__(self, hidden_size: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = hidden_size**0.5
        self.ages = nn.Parameter(torch.zeros(AGES, num_heads))  # stored small, as embeddings are
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
        scores = torch.cat((own_q @ own_k.mT, layout.products(own_q, token_k.mT)), dim=-1)
        # In fp32: bf16 would keep a kernel for every number of rows that comes up.
        ages = (layout.ages @ (self.ages * self.scale).float()).mT[:, :, None]  # (b h 1 r+l)
        scores = scores + (layout.register_bias + ages.to(scores.dtype))  # (b h r r+l)
        own, of_tokens = scores.softmax(dim=-1).split((own_q.shape[2], token_k.shape[2]), dim=-1)
        registers = own @ own_v + layout.products(of_tokens, token_v)  # (b h r d)
        heads = layout.join(tokens.transpose(1, 2), registers.transpose(1, 2))
        attended: Tensor = self.out(heads.flatten(1))
        return attended


def _by_head(each: Tensor, layout: Layout) -> tuple[Tensor, Tensor]:
    """[N, H, d] to the tokens' [G, H, L, d] and the registers' [B, H, R, d]; contiguous, as matrix
    kernels would else make them at every product."""
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
