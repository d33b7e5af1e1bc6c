"""Said values: listed values that stand in the conversation, letter by letter."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from trm_engine.inference import occurrences as inference
from trm_engine.inference.decoding import as_array
from trm_engine.models.layout import Context

FLOOR = -8.0
"""log P of a span below which saying a value adds nothing, at first."""


class SaidValues(nn.Module):
    """What it adds to a listed value's logit that it was said where the field's pointer points:

        said_f,v = a max(0, max over occurrences (i, j) of v: log P(start_f = i) P(end_f = j) - c)

    Values that training never saw are found by this alone. If several are said, the pointer
    decides: the last one, or the one after "from".
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.floor = nn.Parameter(torch.tensor(FLOOR))

    def forward(self, starts: Tensor, ends: Tensor, context: Context) -> Tensor:
        """Logits of starts and ends, [B, F, L] each, to [B, F, V]; ``context`` is ``heard``."""
        assert context.readings is not None
        assert context.said is not None
        values = context.readings.catalogue.values
        said = starts.new_full((starts.shape[0], values.shape[0], values.shape[1]), float("-inf"))
        rows, fields, choices, first, last = context.said
        starts, ends = (each.log_softmax(dim=-1).flatten() for each in (starts, ends))
        channels = rows * values.shape[0] + fields
        begins = channels * context.token_mask.shape[1]
        chances = starts[begins + first] + ends[begins + last]
        places = channels * values.shape[1] + choices
        best = said.flatten().scatter_reduce(0, places, chances, "amax").view_as(said)
        added: Tensor = F.relu(best - self.floor) * self.weight
        return added


def heard(context: Context) -> Context:
    """The context with the occurrences of listed values."""
    assert context.readings is not None
    if context.said is not None:
        return context
    read = context.token_ids, context.token_mask, context.layout.sequences
    return replace(context, said=occurrences(context.readings.catalogue.values, *read))


def occurrences(
    values: Tensor, ids: Tensor, token_mask: Tensor, sample_sequences: Tensor
) -> tuple[Tensor, ...]:
    """``inference.occurrences`` of tensors."""
    given = (as_array(each) for each in (values, ids, token_mask, sample_sequences))
    return tuple(torch.from_numpy(each).to(ids.device) for each in inference.occurrences(*given))
