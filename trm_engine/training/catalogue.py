"""The catalogue of a batch: only what its samples can call is read."""

from __future__ import annotations

import torch
from torch import Tensor

from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.data.collator import Batch

TOOL_LABELS = ("tool_name_labels", "next_tool_labels")
ARGUMENT_LABELS = ("arg_presence_labels", "arg_choice_labels", "arg_span_labels")


def narrowed(batch: Batch, catalogue: CatalogueTokens) -> tuple[Batch, CatalogueTokens]:
    """A batch and its catalogue with only the tools that a sample may call, and their arguments.

    Labels are renumbered. It changes the work, not the losses.
    """
    used = batch["tool_mask"].bool().any(dim=0)
    for name in TOOL_LABELS:
        used[batch[name][batch[name] >= 0]] = True
    if not used.any():
        used[0] = True
    args = catalogue.accepted[used].any(dim=0)
    changed = {name: _renumbered(batch[name], used) for name in TOOL_LABELS}
    changed |= {name: batch[name][:, args] for name in ARGUMENT_LABELS}
    changed["tool_mask"] = batch["tool_mask"][:, used]
    chosen = [mask.nonzero()[:, 0] for mask in (used, args)]
    return {**batch, **changed}, catalogue.narrowed(*chosen)


def _renumbered(labels: Tensor, used: Tensor) -> Tensor:
    """Labels as numbers among those used; negative ones stay."""
    places = used.cumsum(dim=0) - 1
    return torch.where(labels >= 0, places[labels.clamp(min=0)], labels)
