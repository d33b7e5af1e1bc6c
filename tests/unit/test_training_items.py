"""Training items: what a dialogue's samples share stays shared, whatever is done to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from trm_engine.data.collator import TRMCollator
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.training_items import TrainingItems
from trm_engine.vocabulary import CAPITALISED


def items_of(dataset: TRMToolCallingDataset, **changes: Any) -> TrainingItems:
    """Samples with their next calls, and nothing of chance but what is asked for."""
    plain: dict[str, Any] = {
        "with_next_calls": True,
        "value_exchange": 0.0,
        "capital_dropout": 0.0,
        "early_share": 0.0,
        "seed": 0,
    }
    return TrainingItems(dataset, **{**plain, **changes})


def test_items_are_a_function_of_seed_epoch_and_sample(dataset: TRMToolCallingDataset) -> None:
    indices = np.arange(0, len(dataset), 5)
    chance = {"value_exchange": 0.3, "capital_dropout": 0.3, "early_share": 0.5, "seed": 1}
    items = items_of(dataset, **chance)
    one = items(indices, epoch=3)
    assert [int(item["sample_index"]) for item in one] == indices.tolist()
    backwards = items_of(dataset, **chance)(indices[::-1], epoch=3)[::-1]
    later = items(indices, epoch=4)
    changed = 0
    for item, same, other in zip(one, backwards, later, strict=True):
        assert all(torch.equal(item[name], same[name]) for name in item)
        changed += not torch.equal(item["input_ids"], other["input_ids"])
    assert 0 < changed < len(one)


def test_without_augmentation_items_are_the_datasets(dataset: TRMToolCallingDataset) -> None:
    items = items_of(dataset, with_next_calls=False)
    for item, index in zip(items(np.arange(5), epoch=0), range(5), strict=True):
        assert all(torch.equal(item[name], dataset[index][name]) for name in item)


def test_other_values_leave_a_dialogue_to_be_read_once(
    dataset: TRMToolCallingDataset,
) -> None:
    plain = items_of(dataset)
    moved = items_of(dataset, value_exchange=1.0, capital_dropout=0.5, early_share=0.5)
    changed = 0
    for dialogue in np.unique(dataset.dialogues)[:8]:
        indices = np.flatnonzero(dataset.dialogues == dialogue)
        before, after = plain(indices, epoch=0), moved(indices, epoch=0)
        changed += not torch.equal(before[-1]["input_ids"], after[-1]["input_ids"])
        sources = [TRMCollator()(items)["read_from"].tolist() for items in (before, after)]
        assert sources[0] == sources[1]
    assert changed >= 6


def test_capitals_are_hidden_in_whole_dialogues(dataset: TRMToolCallingDataset) -> None:
    everyone = np.arange(len(dataset))
    plain = items_of(dataset)(everyone, epoch=0)
    small = items_of(dataset, capital_dropout=0.5)(everyone, epoch=0)
    hidden: dict[int, set[bool]] = {}
    for dialogue, before, after in zip(dataset.dialogues, plain, small, strict=True):
        assert torch.equal(before["input_ids"], after["input_ids"])
        assert torch.equal(before["text_flags"] & ~CAPITALISED, after["text_flags"] & ~CAPITALISED)
        assert (before["text_flags"] & CAPITALISED).any()
        is_hidden = not (after["text_flags"] & CAPITALISED).any()
        assert is_hidden or torch.equal(before["text_flags"], after["text_flags"])
        hidden.setdefault(int(dialogue), set()).add(is_hidden)
    assert all(len(each) == 1 for each in hidden.values())
    assert 0 < sum(each == {True} for each in hidden.values()) < len(hidden)
