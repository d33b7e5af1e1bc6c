"""Masked logits, and the soft maximum over tokens that several heads use."""

from __future__ import annotations

from torch import Tensor

MASKED_LOGIT = -1e4
"""The logit of what cannot be: padding as part of a value, a tool that may not be called."""


def log_mean_exp(logits: Tensor, token_mask: Tensor) -> Tensor:
    """log(1/L sum_t exp(logits_t)) over L unmasked tokens, a soft maximum; [B, F, L] to [B, F].

    Padding must be masked already; ``token_mask`` is [B, L].
    """
    tokens = token_mask.sum(dim=1, keepdim=True)
    # log_softmax subtracts the normaliser, which is read off the first token. Where padding
    # underflows, logsumexp is ten times as slow on the CPU.
    log_sum = (logits - logits.log_softmax(dim=-1))[..., 0]
    return log_sum - tokens.float().log()


def probabilities(logits: Tensor, has_tool: Tensor) -> Tensor:
    """softmax(logits) [B, K] without gradient; all 0 for a sample that may call no tool."""
    return logits.detach().softmax(dim=-1).where(has_tool, 0.0)
