"""The catalogue of a batch: only what its samples can call is read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from trm_engine.data.catalogue_tokens import DESCRIPTION, NAME, CatalogueTokens
from trm_engine.data.collator import Batch
from trm_engine.data.early_calls import REQUIRES_NOTHING
from trm_engine.vocabulary import MASK_ID

STREAM = 0x4341
"""Keeps these draws independent of others with the same seed."""

TOOL_LABELS = ("tool_name_labels", "next_tool_labels")
SIMILAR_WORDS = 8
LEAST_SIMILARITY = 0.4
ARGUMENT_LABELS = ("arg_presence_labels", "arg_choice_labels", "arg_span_labels")


def fewer_offered(batch: Batch, most: int, seed: tuple[int, ...]) -> Batch:
    """A batch in which no sample may call more than ``most`` tools, chosen by chance.

    The tools of the labels stay. Without it, samples that list no tools would be compared with all
    tools of the training data at once.
    """
    offered = batch["tool_mask"].bool()
    if not len(offered) or int(offered.sum(dim=1).max()) <= most:
        return batch
    random = np.random.default_rng((*seed, STREAM + 2))
    chances = torch.from_numpy(random.random(offered.shape[1])).expand_as(offered)
    chances = chances.where(offered, -1.0)
    for name in TOOL_LABELS:
        labelled = batch[name].clamp(min=0)[:, None]
        chances = chances.scatter_add(1, labelled, (batch[name] >= 0).double()[:, None])
    least = chances.topk(most, dim=1).values[:, -1:]
    return {**batch, "tool_mask": (offered & (chances >= least)).to(batch["tool_mask"].dtype)}


def without_requirements(batch: Batch, catalogue: CatalogueTokens) -> tuple[Batch, CatalogueTokens]:
    """A batch whose early calls are offered copies of their tools, which require nothing.

    The catalogue has 2 T tools if there is an early call, else T.
    """
    early = batch.get(REQUIRES_NOTHING)
    if early is None or not early.any():
        return batch, catalogue
    mask, tools = batch["tool_mask"], catalogue.num_tools
    of_copies = early.to(mask.dtype)[:, None]
    changed = {"tool_mask": torch.cat((mask * (1 - of_copies), mask * of_copies), dim=1)}
    for name in TOOL_LABELS:
        changed[name] = batch[name] + tools * (early & (batch[name] >= 0))
    return {**batch, **changed}, catalogue.with_optional_copies()


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


def without_words(
    catalogue: CatalogueTokens, share: float, seed: tuple[int, ...]
) -> CatalogueTokens:
    """A catalogue in which a share of the words, of the names and of the descriptions is hidden.

    No entry is left empty: one that would be stays as it is.
    """
    if not share:
        return catalogue
    random = np.random.default_rng((*seed, STREAM))
    ids, parts = catalogue.ids, catalogue.parts
    kept = torch.from_numpy(random.random(ids.shape) >= share)
    for part in (NAME, DESCRIPTION):
        hidden = torch.from_numpy(random.random(len(ids)) < share)
        kept &= ~(hidden[:, None] & (parts == part))
    kept &= ids > 0
    kept |= ~kept.any(dim=1, keepdim=True)
    return replace(catalogue, ids=ids * kept, parts=parts * kept)


def renamed(
    batch: Batch, catalogue: CatalogueTokens, share: float, vocab_size: int, seed: tuple[int, ...]
) -> tuple[Batch, CatalogueTokens]:
    """In a share of the batches, half of the catalogue's words are others, in the batch too.

    So words must be compared: what they are says nothing.
    """
    random = np.random.default_rng((*seed, STREAM + 1))
    if random.random() >= share:
        return batch, catalogue
    words = catalogue.ids.unique().numpy()
    words = words[(words > MASK_ID) & (random.random(len(words)) < 0.5)]
    others = np.arange(vocab_size)
    others[words] = random.integers(MASK_ID + 1, vocab_size, len(words))
    table = torch.from_numpy(others)
    changed = replace(catalogue, ids=table[catalogue.ids], values=table[catalogue.values])
    return {**batch, "input_ids": table[batch["input_ids"]]}, changed


def reworded(
    catalogue: CatalogueTokens,
    share: float,
    words: Tensor,
    vectors: Tensor,
    seed: tuple[int, ...],
) -> CatalogueTokens:
    """A catalogue in which a share of the words is replaced by words of a similar meaning.

    So a tool is not learnt by heart from the words of its owner. Words are similar whose vectors
    are: cos >= LEAST_SIMILARITY, at most SIMILAR_WORDS of each.

    Args:
        catalogue: what is changed.
        share: of the words.
        words: the tokens that are words, [W].
        vectors: of all tokens, [V, D], on any device. They are copied to the host.
        seed: of the draws.
    """
    if not share:
        return catalogue
    random = np.random.default_rng((*seed, STREAM + 3))
    ids = catalogue.ids
    drawn = torch.from_numpy(random.random(ids.shape) < share) & torch.isin(ids, words)
    ranks = torch.from_numpy(random.integers(1, SIMILAR_WORDS + 1, ids.shape))[drawn]
    used, places = ids[drawn].unique(return_inverse=True)
    directions = F.normalize(vectors.detach().cpu().float(), dim=-1)
    most = min(SIMILAR_WORDS + 1, len(words))
    similarities, nearest = (directions[used] @ directions[words].mT).topk(most)  # (u k)
    chosen = places, ranks.clamp(max=most - 1)
    is_similar = similarities[chosen] >= LEAST_SIMILARITY
    changed = ids.clone()
    changed[drawn] = torch.where(is_similar, words[nearest[chosen]], ids[drawn])
    return replace(catalogue, ids=changed)


def _renumbered(labels: Tensor, used: Tensor) -> Tensor:
    """Labels as numbers among those used; negative ones stay."""
    places = used.cumsum(dim=0) - 1
    return torch.where(labels >= 0, places[labels.clamp(min=0)], labels)
