"""Prefixes: which samples of a batch begin another one, so that they can be read from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from trm_engine.vocabulary import CAPITALISED, EOS_ID


def read_from(items: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """For each sample the longest of its dialogue that begins with it, [B].

    Items have ``input_ids`` and ``text_flags`` [L], and ``dialogue`` []; without it they are taken
    for one dialogue. Samples of other dialogues are never read from, even if they begin alike: so
    what a sample learns does not depend on which dialogues share its batch. Where a conversation
    ends is no part of what it says: an EOS at its end may be missing there.
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
    """What is read of a conversation, token by token, [L, 2]."""
    length = len(ids) - int(ids[-1] == EOS_ID)
    return torch.stack((ids, flags & CAPITALISED), dim=1)[:length]
