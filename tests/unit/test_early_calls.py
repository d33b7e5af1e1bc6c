"""Early calls: an answer that asks for a required argument is a call of a tool without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.support import sample, write_jsonl
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.early_calls import REQUIRES_NOTHING, asked_before, early_calls
from trm_engine.data.samples import Sample
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.data.training_items import TrainingItems

FIND = {
    "type": "function",
    "function": {
        "name": "find",
        "description": "Find a restaurant",
        "parameters": {
            "properties": {"city": {"type": "string"}, "food": {"type": "string"}},
            "required": ["city", "food"],
        },
    },
}
CALL = {"name": "find", "arguments": {"city": "Oakland", "food": "sushi"}}


def turns(*texts: str | dict[str, Any]) -> list[dict[str, Any]]:
    """Turns of user and assistant by turns; a call and its response between them for a dict."""
    history: list[dict[str, Any]] = []
    for text in texts:
        if isinstance(text, dict):
            history.append({"role": "tool_call", "content": text})
            history.append({"role": "tool_response", "content": {"count": 1}})
            continue
        is_user = not history or history[-1]["role"] == "assistant"
        history.append({"role": "user" if is_user else "assistant", "content": text})
    return history


def called(*texts: str | dict[str, Any]) -> Sample:
    record = sample(history=turns(*texts), decision="tool_call", tool=CALL, tools=[FIND])
    return Sample.model_validate(record)


@pytest.mark.parametrize(
    "texts, lengths",
    [
        (("Find me a restaurant", "Where?", "Oakland, sushi"), [1]),
        (("Find me a restaurant", "Where?", "Oakland", "And what?", "Sushi"), [3, 1]),
        (("Hello", "How can I help?", "A place in Oakland", "And what?", "Sushi"), [3]),
        (("Find sushi in Oakland", "So I search for sushi?", "Yes"), []),
        (("Find me a place", "In Oakland?", "Yes", "And what?", "Sushi"), [3]),
        (("Find sushi in Oakland",), []),
        (("Pay", CALL, "Paid.", "Thank you very much", "Else?", "Sushi in Oakland"), []),
        (("Pay", {"name": "pay"}, "Paid. Else?", "Sushi", "Where?", "In Oakland"), [5]),
    ],
)
def test_the_assistant_asked_for_what_the_next_turns_say(
    texts: tuple[str | dict[str, Any], ...], lengths: list[int]
) -> None:
    assert [*asked_before(called(*texts), ["city", "food"])] == lengths


@pytest.fixture
def asking(tokenizer: TRMTokenizer, tmp_path: Path) -> TRMToolCallingDataset:
    """A dialogue that asks twice, then calls, and then answers."""
    history = turns("Find me a place", "Where?", "In Oakland", "What food?", "Sushi", CALL, "It is")
    records = [
        sample(history=history[:length], tools=[FIND], decision=decision, tool=tool)
        for length, decision, tool in (
            (1, "direct_answer", {}),
            (3, "direct_answer", {}),
            (5, "tool_call", CALL),
            (7, "direct_answer", {}),
        )
    ]
    path = write_jsonl(tmp_path / "asking.jsonl", records)
    return TRMToolCallingDataset(path, tokenizer, cache_dir=tmp_path)


def test_answers_before_a_call_are_early_calls(asking: TRMToolCallingDataset) -> None:
    assert early_calls(asking) == {0, 1}


def test_a_share_of_the_dialogues_gets_early_calls(asking: TRMToolCallingDataset) -> None:
    plain = TrainingItems(asking, True, 0.0, 0.0, early_share=0.0, seed=0)(np.arange(4), 0)
    items = TrainingItems(asking, True, 0.0, 0.0, early_share=0.5, seed=0)
    seen = set()
    for epoch in range(20):
        found = items(np.arange(4), epoch)
        early = tuple(bool(item.pop(REQUIRES_NOTHING)) for item in found)
        decisions = [float(item.pop("decision_label")) for item in found]
        seen.add(early)
        assert decisions == ([1, 1, 1, 0] if early[0] else [0, 0, 1, 0])
        for item, same in zip(found, plain, strict=True):
            assert all(torch.equal(item[name], same[name]) for name in item)
    assert seen == {(True, True, False, False), (False, False, False, False)}


def test_without_early_calls_items_are_not_marked(asking: TRMToolCallingDataset) -> None:
    items = TrainingItems(asking, True, 0.0, 0.0, early_share=0.0, seed=0)
    assert REQUIRES_NOTHING not in items(np.arange(4), 0)[0]
