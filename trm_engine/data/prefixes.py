"""Prefixes: which samples of a batch begin another one, so that they can be read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trm_engine.vocabulary import CAPITALISED, EOS_ID


def read_from(items: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """For each sample the longest that begins with it, [B]; items have ``input_ids`` and
    ``text_flags`` [L].

    Where a conversation ends is no part of what it says: an EOS at its end may be missing there.
    """
    said = [_said(item["input_ids"], item["text_flags"]) for item in items]
    sources: list[int] = []
    places = torch.empty(len(said), dtype=torch.long)
    for index in sorted(range(len(said)), key=lambda index: -len(said[index])):
        beginning = said[index]
        found = (one for one in sources if torch.equal(said[one][: len(beginning)], beginning))
        places[index] = source = next(found, index)
        if source == index:
            sources.append(index)
    return places


def _said(ids: Tensor, flags: Tensor) -> Tensor:
    """What is read of a conversation, token by token, [L, 2]."""
    length = len(ids) - int(ids[-1] == EOS_ID)
    return torch.stack((ids, flags & CAPITALISED), dim=1)[:length]
