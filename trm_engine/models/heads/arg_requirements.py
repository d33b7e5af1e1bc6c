"""Argument requirements: a call lacks what its tool needs until the user has said it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.config import TRMConfig

INITIAL_REQUIREMENT = -2.0
"""Before the softplus: at first, tools require little."""


class ArgRequirements(nn.Module):
    """The missing penalty of each argument a, which is subtracted from the decision logit:

        penalty_a = sum_k P(tool k) softplus(sqrt(D) weight[k, a]) x -log P(argument a is known)

    Only a tool's own arguments count. Weights are learnt: an optional argument ends near 0.
    """

    def __init__(self, config: TRMConfig) -> None:
        super().__init__()
        tools, args = config.num_tools, config.num_args
        accepted = torch.zeros(tools, args)
        for tool, channels in enumerate(config.tool_args or [range(args)] * tools):
            accepted[tool, list(channels)] = 1
        self.accepted: Tensor
        self.register_buffer("accepted", accepted, persistent=False)
        self.scale = config.hidden_size**0.5
        self.weight = nn.Parameter(torch.full((tools, args), INITIAL_REQUIREMENT / self.scale))

    def forward(self, tools: Tensor, arg_presence_logits: Tensor) -> Tensor:
        """Probabilities of tools [B, T], arg_presence_logits [B, A] to penalties [B, A], >= 0."""
        required = F.softplus(self.weight * self.scale) * self.accepted  # (t a)
        return (tools @ required) * F.softplus(-arg_presence_logits)
