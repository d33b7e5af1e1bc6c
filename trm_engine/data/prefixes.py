"""Prefixes: samples of a batch whose tokens are the beginning of another sample's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trm_engine.vocabulary import CAPITALISED, EOS_ID


def read_from(items: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """For each sample, the longest sample of its dialogue that begins with its tokens, [B].

    Items have ``input_ids`` and ``text_flags`` [L], and ``dialogue`` []. Without ``dialogue`` all
    items count as one dialogue. Other dialogues are never used, even if they begin with the same
    tokens, so that training on a sample does not depend on the rest of its batch. A final EOS is
    ignored.
    """
    said = [_said(item["input_ids"], item["text_flags"]) for item in items]
    dialogues = [int(item["dialogue"]) if "dialogue" in item else 0 for item in items]
    sources: dict[int, list[int]] = {}
    places = torch.empty(len(said), dtype=torch.long)
    for index in sorted(range(len(said)), key=lambda index: -len(said[index])):
        beginning = said[index]
        own = sources.setdefault(dialogues[index], [])
        found = (one for one in own if torch.equal(said[one][: len(beginning)], beginning))
        places[index] = source = next(found, index)
        if source == index:
            own.append(index)
    return places


def _said(ids: Tensor, flags: Tensor) -> Tensor:
    """The token features that must be equal, [L, 2]."""
    length = len(ids) - int(ids[-1] == EOS_ID)
    return torch.stack((ids, flags & CAPITALISED), dim=1)[:length]
