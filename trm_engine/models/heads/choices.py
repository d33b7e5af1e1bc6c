"""Choices: which of its listed values a field has."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from trm_engine.models.heads.masking import MASKED_LOGIT
from trm_engine.models.layers import linear
from trm_engine.models.readings import Readings


class Choices(nn.Module):
    """Logits of V values for each of F fields whose values are listed (an enum, an intent):

        logit_f,v = (A first_v) . start_f + (B last_v) . end_f + (C mean_v) . start_f
                    + (E mean_v) . state_f, each / sqrt(D)

    start_f and end_f are the words that the field's pointers read, first_v, last_v and mean_v the
    words of the value. A and B begin as the identity: a value that is said letter by letter is
    found, also one that training never saw. C learns other words for a value ("cheap" for
    "inexpensive"), E what is said without any ("yes, please").
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.scale = width**-0.5
        self.first = nn.Linear(width, width, bias=False)
        self.last = nn.Linear(width, width, bias=False)
        self.meaning = linear(width, width)
        self.state = linear(width, width)
        for same in (self.first, self.last):
            nn.init.eye_(same.weight)

    def forward(self, states: Tensor, starts: Tensor, ends: Tensor, readings: Readings) -> Tensor:
        """states, starts, ends [B, F, D] to [B, F, V]; MASKED_LOGIT where there is no value."""
        first, last, mean = readings.values.unbind(dim=2)  # (f v d)
        at_start = self.first(first) + self.meaning(mean)
        values = torch.cat((at_start, self.last(last), self.state(mean)), dim=-1)  # (f v 3d)
        vectors = torch.cat((starts, ends, states), dim=-1).transpose(0, 1)  # (f b 3d)
        logits = (vectors @ (values * self.scale).mT).transpose(0, 1)
        chosen: Tensor = logits.where(readings.value_mask, MASKED_LOGIT)
        return chosen
