"""Prefixes: which samples of a batch begin another one, so that they can be read from it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from trm_engine.vocabulary import EOS_ID


def read_from(conversations: Sequence[Tensor]) -> Tensor:
    """For each conversation the longest that begins with it, [B]; token ids [L] each.

    Where a conversation ends is no part of what it says: an EOS at its end may be missing there.
    """
    said = [ids[:-1] if ids[-1] == EOS_ID else ids for ids in conversations]
    sources: list[int] = []
    places = torch.empty(len(said), dtype=torch.long)
    for index in sorted(range(len(said)), key=lambda index: -len(said[index])):
        beginning = said[index]
        found = (one for one in sources if torch.equal(said[one][: len(beginning)], beginning))
        places[index] = source = next(found, index)
        if source == index:
            sources.append(index)
    return places
