"""Said values: listed values that stand in the conversation, letter by letter."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
        """Logits of starts and ends, [B, F, L] each, to [B, F, V]."""
        assert context.readings is not None
        values = context.readings.catalogue.values
        said = starts.new_full((starts.shape[0], values.shape[0], values.shape[1]), float("-inf"))
        standing = context.said
        if standing is None:
            read = context.token_ids, context.token_mask, context.layout.sequences
            standing = occurrences(values, *read)
        rows, fields, choices, first, last = standing
        starts, ends = starts.log_softmax(dim=-1), ends.log_softmax(dim=-1)
        chances = starts[rows, fields, first] + ends[rows, fields, last]
        places = (rows * values.shape[0] + fields) * values.shape[1] + choices
        best = said.flatten().scatter_reduce(0, places, chances, "amax").view_as(said)
        added: Tensor = F.relu(best - self.floor) * self.weight
        return added


def occurrences(
    values: Tensor, ids: Tensor, token_mask: Tensor, sample_sequences: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Where listed values [F, V, M] stand: sample, field, value, first and last token of each, [K].

    A value stands where all its tokens follow each other in what a sample reads. Samples read
    ``token_mask`` [B, L] of the sequences ``sample_sequences`` [B] among ``ids`` [G, L].
    """
    lengths = (values > 0).sum(dim=-1)
    begun = (lengths > 0) & torch.isin(values[..., 0], ids)  # most values are not said at all
    fields, choices = begun.nonzero(as_tuple=True)
    numbers, sequences, first = (values[fields, choices, 0, None, None] == ids).nonzero(
        as_tuple=True
    )
    fields, choices = fields[numbers], choices[numbers]
    for place in range(1, values.shape[-1]):
        wanted = values[fields, choices, place]
        at = first + place
        found = ids[sequences, at.clamp(max=ids.shape[1] - 1)]
        kept = (wanted == 0) | ((wanted == found) & (at < ids.shape[1]))
        fields, choices, sequences, first = (x[kept] for x in (fields, choices, sequences, first))
    last = first + lengths[fields, choices] - 1
    of_sample = sample_sequences[:, None] == sequences  # (b k)
    rows, numbers = of_sample.nonzero(as_tuple=True)
    is_read = token_mask[rows, last[numbers]]
    rows, numbers = rows[is_read], numbers[is_read]
    return rows, fields[numbers], choices[numbers], first[numbers], last[numbers]
