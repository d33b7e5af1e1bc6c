"""Misspelling: words of users get one mistake each, and labels stay true."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.misspelling import misspelt
from trm_engine.data.samples import Sample, ToolCall, Turn
from trm_engine.data.spans import is_verbatim
from trm_engine.data.values import flatten


def said(*texts: str, arguments: dict[str, str] | None = None) -> Sample:
    history = [Turn(role="user", content=text) for text in texts]
    tool = ToolCall(name="find", arguments=arguments or {})
    return Sample(tools=[], history=history, decision="tool_call", tool=tool, slots={})


def words_of(sample: Sample) -> list[str]:
    return re.findall(r"\w+|\W+", " ".join(turn.text() for turn in sample.history))


@given(st.text(), st.integers(0, 99))
def test_words_keep_their_places_and_their_first_letters(text: str, seed: int) -> None:
    old = said(text, "where is my reservation")
    [new] = misspelt([old], np.random.default_rng(seed))
    for before, after in zip(words_of(old), words_of(new), strict=True):
        assert before[0] == after[0]
        assert abs(len(before) - len(after)) <= len(re.findall(r"[^\W\d_]{4,}", before))
        assert before == after or re.search(r"[^\W\d_]{4}", before)


def test_words_of_values_are_kept_and_others_are_not() -> None:
    words = ["reservation", "restaurant", "vegetarian"]
    old = said(" ".join(words), arguments={"kind": "Vegetarian food"})
    seen: dict[str, set[str]] = {word: set() for word in words}
    for seed in range(300):
        [new] = misspelt([old], np.random.default_rng(seed))
        for word, became in zip(words, new.history[0].text().split(), strict=True):
            seen[word].add(became)
    assert seen["vegetarian"] == {"vegetarian"}
    lengths = {len(each) - len("restaurant") for each in seen["restaurant"]}
    assert lengths == {-1, 0, 1} and len(seen["restaurant"]) > 10


def test_samples_of_a_dialogue_share_their_turns() -> None:
    first, second = "my reservation please, tomorrow", "another restaurant would be better"
    for seed in range(50):
        short, long = misspelt([said(first), said(first, second)], np.random.default_rng(seed))
        assert short.history[0].text() == long.history[0].text()


def test_only_users_misspell_and_labels_stay_true(dataset: TRMToolCallingDataset) -> None:
    changed = 0
    for index in range(0, len(dataset), 7):
        old = dataset.sample(index)
        [new] = misspelt([old], np.random.default_rng(index))
        assert (new.slots, new.tool) == (old.slots, old.tool)
        for before, after in zip(old.history, new.history, strict=True):
            assert before.role == "user" or before is after
            changed += before.text() != after.text()
        arguments = flatten(old.tool.arguments) if old.tool else {}
        for value in (*old.slots.values(), *arguments.values()):
            is_text = isinstance(value, str)
            was = is_text and is_verbatim(old.history, value, "string")
            assert was == (is_text and is_verbatim(new.history, value, "string"))
    assert changed
