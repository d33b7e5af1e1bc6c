"""The built-in conversations: the same everywhere, well formed, labelled by the policy."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_engine.data.samples import parse_sample
from trm_engine.data.telecom import INTENTS, PARAMETERS, SLOTS, TOOLS, generate_samples
from trm_engine.data.telecom.dice import Dice
from trm_engine.data.telecom.grammar import expand
from trm_engine.data.telecom.opening_phrases import OPENINGS
from trm_engine.data.telecom.policy import State, Turn
from trm_engine.data.telecom.values import ENUM_WORDS

CONVERSATIONS = 800

Turns = list[dict[str, Any]]


def conversations_of(samples: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Samples by conversation: a history with a single turn (system aside) begins a new one."""
    grouped: list[list[dict[str, Any]]] = []
    for sample in samples:
        if sum(turn["role"] != "system" for turn in sample["history"]) == 1:
            grouped.append([])
        grouped[-1].append(sample)
    return grouped


def user_texts(history: Turns) -> list[str]:
    return [turn["content"] for turn in history if turn["role"] == "user"]


def said(value: str, texts: list[str]) -> bool:
    """Whether one of the texts holds the value as it is, not inside a longer word."""
    pattern = rf"(?<!\w){re.escape(value)}(?!\w)"
    return any(re.search(pattern, text) for text in texts)


def listed(sample: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {tool["function"]["name"]: tool["function"] for tool in sample["tools"]}


@pytest.fixture(scope="module")
def samples() -> list[dict[str, Any]]:
    return list(generate_samples(CONVERSATIONS))


@pytest.fixture(scope="module")
def conversations(samples: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    return conversations_of(samples)


# --- the same everywhere ------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(), few=st.integers(0, 6), more=st.integers(0, 6))
def test_more_conversations_keep_the_earlier_ones(seed: int, few: int, more: int) -> None:
    first = list(generate_samples(few, seed))
    longer = list(generate_samples(few + more, seed))
    assert longer[: len(first)] == first
    assert len(conversations_of(longer)) == few + more


def test_seeds_differ() -> None:
    assert list(generate_samples(3, 0)) != list(generate_samples(3, 1))


def test_same_in_another_process() -> None:
    code = (
        "import json; from trm_engine.data.telecom import generate_samples;"
        "print(json.dumps(list(generate_samples(20, 7))))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "12345"}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=True)
    assert json.loads(done.stdout) == list(generate_samples(20, 7))


def test_dice_do_not_depend_on_the_python_version() -> None:
    dice = Dice("telecom/0/0")
    assert [dice.below(1000) for _ in range(6)] == [505, 970, 515, 448, 164, 908]
    assert "".join(dice.shuffled("abcdef")) == "ebfadc"


# --- well formed --------------------------------------------------------------------------------


def test_samples_pass_the_reader(samples: list[dict[str, Any]]) -> None:
    for sample in samples[:1500]:
        parse_sample(json.dumps(sample).encode())


def test_shape(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        assert list(sample) == ["tools", "history", "decision", "tool", "slots", "content"]
        assert tuple(sample["slots"]) == SLOTS
        assert all(isinstance(value, str) for value in sample["slots"].values())
        calls = sample["decision"] == "tool_call"
        assert bool(sample["tool"]) == calls and bool(sample["content"]) != calls
        assert sample["slots"]["intent_of_user"] in ("", *INTENTS)
        assert sample["history"][-1]["role"] in ("user", "tool_response")


def test_texts_are_filled_and_clean(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        last = sample["history"][-1]["content"]
        for text in (last if isinstance(last, str) else "x", sample["content"] or "x"):
            assert text and text == text.strip()
            assert not re.search(r"[{}<>|]|  | [.,?!]", text), text


def test_tools_on_offer(conversations: list[list[dict[str, Any]]]) -> None:
    orders = set()
    for conversation in conversations:
        names = list(listed(conversation[0]))
        orders.add(tuple(names))
        assert 4 <= len(names) <= 8
        assert all(list(listed(sample)) == names for sample in conversation)
    assert len(orders) > 0.9 * len(conversations)


def test_few_enough_parameters_for_the_default_model() -> None:
    used = {param for tool in TOOLS.values() for param in tool.required + tool.optional}
    assert used == set(PARAMETERS)
    assert len(used) <= 10


def test_each_history_continues_the_one_before(
    conversations: list[list[dict[str, Any]]],
) -> None:
    for conversation in conversations:
        for before, after in pairwise(conversation):
            length = len(before["history"])
            assert after["history"][:length] == before["history"]
            made, reply = after["history"][length:]
            if before["decision"] == "tool_call":
                assert made == {"role": "tool_call", "content": before["tool"]}
                assert reply["role"] == "tool_response" and 1 <= len(reply["content"]) <= 5
            else:
                assert made == {"role": "assistant", "content": before["content"]}
                assert reply["role"] == "user"


# --- labels -------------------------------------------------------------------------------------


def test_calls_are_complete_and_on_offer(samples: list[dict[str, Any]]) -> None:
    called = set()
    for sample in samples:
        if sample["tool"]:
            name, arguments = sample["tool"]["name"], sample["tool"]["arguments"]
            schema = listed(sample)[name]["parameters"]
            assert set(schema["required"]) <= set(arguments) <= set(schema["properties"])
            for param, value in arguments.items():
                assert value in schema["properties"][param].get("enum", [value]) and value
            called.add(name)
    assert called == set(TOOLS) and len(called) >= 10


def test_values_are_the_users_own_words(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        texts = user_texts(sample["history"])
        values = {**sample["slots"], **sample["tool"].get("arguments", {})}
        for param, value in values.items():
            if param not in ("intent_of_user", *ENUM_WORDS) and value:
                assert said(value, texts), (param, value, texts)


def test_slots_change_only_by_what_was_just_said(
    conversations: list[list[dict[str, Any]]],
) -> None:
    for conversation in conversations:
        for before, after in pairwise(conversation):
            newest = user_texts(after["history"])[-1:]
            for slot in SLOTS:
                new = after["slots"][slot]
                if new != before["slots"][slot]:
                    assert after["history"][-1]["role"] == "user" and new
                    assert slot == "intent_of_user" or said(new, newest)


def test_arguments_agree_with_slots(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        for param, value in sample["tool"].get("arguments", {}).items():
            assert sample["slots"].get(param, value) == value


def test_costly_tools_follow_a_summary(samples: list[dict[str, Any]]) -> None:
    for sample in samples:
        if sample["tool"] and TOOLS[sample["tool"]["name"]].costly:
            *_, summary, answer = sample["history"]
            assert answer["role"] == "user" and summary["role"] == "assistant"
            assert summary["content"].endswith("?")
            spoken = " ".join(
                turn["content"] for turn in sample["history"] if turn["role"] == "assistant"
            )
            arguments = sample["tool"]["arguments"]
            assert all(arguments[p] in spoken for p in TOOLS[sample["tool"]["name"]].required)


@pytest.mark.parametrize("costly", [False, True])
def test_policy_step_by_step(costly: bool) -> None:
    tool = TOOLS["change_plan" if costly else "check_bill"]
    state = State()

    def step(**turn: Any) -> str:
        heard = Turn("", **turn)
        state.hear(heard)
        return state.step(heard)

    assert step() == "chat"
    assert step(values={"contract_id": "CT1"}) == "chat"
    if not costly:
        assert step(request=tool) == "call"
        return
    assert step(request=tool) == "ask"
    assert step() == "chat"
    assert step(agrees=True) == "chat"
    assert step(values={"plan": "Home 50"}) == "summarise"
    assert state.request is not None
    state.request.summarised = True
    assert step(values={"plan": "Home 80"}, agrees=True) == "summarise"
    state.request.summarised = True
    assert step(rejects="plan") == "ask"
    assert step(values={"plan": "Home 90"}) == "summarise"
    state.request.summarised = True
    assert step() == "chat"
    assert step(agrees=True) == "call"
    assert state.arguments() == {"contract_id": "CT1", "plan": "Home 90"}


def test_policy_after_a_response() -> None:
    state = State()
    state.hear(Turn("", TOOLS["check_bill"], {"contract_id": "CT1", "month": "June"}))
    state.learn("not_found")
    assert state.step(None) == "ask" and state.missing() == ["contract_id"]
    state.hear(Turn("", values={"contract_id": "CT2"}))
    assert state.arguments() == {"contract_id": "CT2", "month": "June"}
    state.learn("paid")
    assert state.step(None) == "chat" and state.request is None
    state.hear(Turn("", TOOLS["reset_device"], {"device_number": "SN1"}))
    state.learn("failed")
    assert state.request is not None and state.request.tool.name == "create_ticket"
    assert state.missing() == ["phone", "name"]


# --- neither too easy nor one-sided -------------------------------------------------------------


def test_balance_and_length(samples: list[dict[str, Any]]) -> None:
    calls = sum(sample["decision"] == "tool_call" for sample in samples) / len(samples)
    lengths = [
        sum(len(json.dumps(turn["content"], ensure_ascii=False)) for turn in sample["history"])
        for sample in samples
    ]
    assert 0.30 <= calls <= 0.45
    assert 250 <= sum(lengths) / len(lengths) <= 460
    assert 4 <= len(samples) / CONVERSATIONS <= 9


def test_what_conversations_hold(conversations: list[list[dict[str, Any]]]) -> None:
    chained = several = systems = 0
    for conversation in conversations:
        roles = [turn["role"] for turn in conversation[-1]["history"]]
        chained += any(pair == ("tool_response", "tool_call") for pair in pairwise(roles))
        intents = {sample["slots"]["intent_of_user"] for sample in conversation} - {""}
        several += len(intents) > 1
        systems += roles[0] == "system"
    total = len(conversations)
    assert chained > 0.03 * total
    assert several > 0.25 * total
    assert 0.6 * total < systems < 0.9 * total


def test_values_are_many(conversations: list[list[dict[str, Any]]]) -> None:
    for slot in ("phone", "name", "address", "contract_id", "device_number"):
        values = [conversation[-1]["slots"][slot] for conversation in conversations]
        filled = [value for value in values if value]
        assert len(set(filled)) > 0.9 * len(filled)


def test_openings_have_many_wordings() -> None:
    for name, templates in OPENINGS.items():
        dice = Dice(name)
        drawn = {expand(dice, dice.pick(templates)) for _ in range(300)}
        assert len(drawn) >= 15, name


def test_same_words_lead_to_different_decisions(samples: list[dict[str, Any]]) -> None:
    decisions: dict[str, set[str]] = {}
    for sample in samples:
        if sample["history"][-1]["role"] == "user":
            text = sample["history"][-1]["content"].casefold().strip(".!")
            decisions.setdefault(text, set()).add(sample["decision"])
    assert {"yes", "yes please", "of course"} <= {
        t for t, seen in decisions.items() if len(seen) > 1
    }


def test_single_words_do_not_decide(conversations: list[list[dict[str, Any]]]) -> None:
    """The words of the newest user turn, in any order, are right in 0.82 of its decisions."""
    cut = len(conversations) * 3 // 4
    train, test = (
        [
            (user_texts(sample["history"])[-1], sample["decision"])
            for conversation in part
            for sample in conversation
            if sample["history"][-1]["role"] == "user"
        ]
        for part in (conversations[:cut], conversations[cut:])
    )
    from sklearn.feature_extraction.text import CountVectorizer  # slow to import
    from sklearn.linear_model import LogisticRegression

    words = CountVectorizer()
    model = LogisticRegression(max_iter=200)
    model.fit(words.fit_transform(text for text, _ in train), [decision for _, decision in train])
    accuracy = model.score(words.transform(text for text, _ in test), [d for _, d in test])
    assert 0.6 < accuracy < 0.88
