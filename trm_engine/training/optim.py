"""Optimiser and learning-rate schedule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LambdaLR

from trm_engine.config import TrainingConfig
from trm_engine.training.muon import Muon

LEAST_SIDE = 16
"""Rows and columns that Muon's matrices have at least; narrower ones are bundles of vectors."""


def build_optimizer(model: nn.Module, config: TrainingConfig) -> AdamW:
    """AdamW or Muon. Only the weight matrices of linear layers decay.

    Biases, embeddings, registers and tables do not decay. For a table of softplus arguments, for
    example, zero has no meaning: its values would decay towards softplus(0) = 0.69.
    """
    is_muon = config.optimizer == "muon"
    decaying = {id(m.weight) for m in model.modules() if isinstance(m, nn.Linear)}
    groups: dict[str, list[nn.Parameter]] = {"matrices": [], "linear": [], "others": []}
    for weight in model.parameters():
        name = "linear" if id(weight) in decaying else "others"
        if is_muon and name == "linear" and min(weight.shape) >= LEAST_SIDE:
            name = "matrices"
        groups[name].append(weight)
    settings: list[dict[str, Any]] = [
        {"params": groups["linear"], "weight_decay": config.weight_decay},
        {"params": groups["others"], "weight_decay": 0.0},
    ]
    if groups["matrices"]:
        decay = config.weight_decay
        settings += [{"params": groups["matrices"], "weight_decay": decay, "orthogonal": True}]
    return (Muon if is_muon else AdamW)(
        settings, lr=config.learning_rate, betas=(config.beta1, config.beta2), fused=True
    )


def lr_factor(config: TrainingConfig, total_steps: int) -> Callable[[int], float]:
    """The factor of the learning rate at each update, counted from 0.

    It is min(1, k/w) at update k, from 1, of w warm-up updates. With ``schedule: linear`` it falls
    linearly to 0 over the second half of the run.
    """

    def factor(index: int) -> float:
        warm = min(1.0, (index + 1) / max(1, config.warmup_steps))
        if config.schedule == "constant":
            return warm
        left = (total_steps - index) / max(1, total_steps - total_steps // 2)
        return min(warm, max(0.0, left))

    return factor


def build_scheduler(optimizer: AdamW, config: TrainingConfig, total_steps: int) -> LambdaLR:
    """The schedule as a torch scheduler. Call ``step`` once an update."""
    return LambdaLR(optimizer, lr_factor(config, total_steps))
