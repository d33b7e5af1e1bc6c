"""Value exchange: other values, same conversation; nothing is corrupted, chance is repeatable."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import sample
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.label_builder import LabelBuilder
from trm_engine.data.samples import Sample
from trm_engine.data.spans import is_verbatim
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.data.value_exchange import ValueExchange, collect_values, in_case_of
from trm_engine.data.values import find_value

POOLS = {
    "name": [("Ann", "Ann Lee", "Bo", "O'Neil", "Jo 😀", "East San Jose", "Cy", "San Jose")],
    "phone": [("0901", "12 12", "+84 90", "555-0199", "77", "77 12")],
}
values = st.sampled_from([*POOLS["name"][0], *POOLS["phone"][0], "ann"])
templates = st.lists(
    st.sampled_from(["I am {name}.", "call {phone}", "{name}, {phone}!", "annex 770", "ok", ""]),
    min_size=1,
    max_size=5,
)


def conversation(texts: list[str], name: str, phone: str) -> Sample:
    history: list[dict[str, Any]] = [
        {
            "role": ("user", "assistant")[number % 2],
            "content": text.format(name=name, phone=phone),
        }
        for number, text in enumerate(texts)
    ]
    arguments = {"phone": phone, "plan": "basic", "months": 2}
    history += [
        {"role": "tool_call", "content": {"name": "Bo", "arguments": {"phone": phone}}},
        {"role": "tool_response", "content": {"Bo": [name, {"phone": phone}], "count": 2}},
    ]
    call = {"name": "Bo", "arguments": arguments}
    slots = {"name": name, "phone": phone, "plan": "basic"}
    record = sample(history=history, slots=slots, decision="tool_call", tool=call)
    return Sample.model_validate(record)


def exchange(share: float = 1.0) -> ValueExchange:
    return ValueExchange(POOLS, share, seed=3)


def exchanged(old: Sample, epoch: int = 0, dialogue: int = 0, pools: Any = None) -> Sample:
    """The only sample of a dialogue with other values."""
    chosen = ValueExchange(POOLS if pools is None else pools, 1.0, seed=3)
    [new] = chosen.exchanged([old], epoch, dialogue)
    return new


@pytest.fixture
def dialogue() -> list[Sample]:
    """Three samples whose histories go on from each other; a value comes with the second."""
    texts = ["I am {name}, room 77", "Call {phone}?", "{phone}, {name}!"]
    whole = conversation(texts, "Cy", "77 12")
    return [
        whole.model_copy(
            update={
                "history": whole.history[:length],
                "slots": {**whole.slots, "phone": "77 12" if length > 1 else ""},
                "tool": None,
                "decision": "direct_answer",
            }
        )
        for length in (1, 3)
    ] + [whole]


@given(texts=templates, name=values, phone=values, epoch=st.integers(0, 30))
def test_every_value_stands_where_the_old_one_stood(
    texts: list[str], name: str, phone: str, epoch: int
) -> None:
    old = conversation(texts, name, phone)
    new = exchanged(old, epoch)
    assert [turn.role for turn in new.history] == [turn.role for turn in old.history]
    assert (new.decision, new.slots["plan"]) == (old.decision, "basic")
    assert old.tool
    assert new.tool
    assert new.tool.name == old.tool.name == "Bo"
    assert new.tool.arguments["months"] == 2
    assert new.tool.arguments["phone"] == new.slots["phone"]
    assert list(new.history[-1].content) == ["Bo", "count"]
    assert new.history[-2].content["name"] == "Bo"
    for field, before in old.slots.items():
        after = new.slots[field]
        if is_verbatim(old.history, before):
            assert is_verbatim(new.history, after)
        else:
            assert after == before or before.casefold() in {name.casefold(), phone.casefold()}
    if name.casefold() not in phone.casefold() and phone.casefold() not in name.casefold():
        said = [text.format(name=new.slots["name"], phone=new.slots["phone"]) for text in texts]
        assert [turn.content for turn in new.history[: len(texts)]] == said


def test_a_value_inside_another_is_not_torn_out() -> None:
    old = conversation(["From San Jose to East San Jose"], "San Jose", "East San Jose")
    pools = {"name": [("Rome", "San Jose")], "phone": [("East San Jose", "Paris")]}
    new = exchanged(old, pools=pools)
    assert new.history[0].content == "From Rome to Paris"


def test_what_was_said_only_inside_another_value_stays() -> None:
    old = conversation(["To East San Jose"], "San Jose", "East San Jose")
    assert exchanged(old) is old


def test_tool_turns_are_read_as_they_are_rewritten() -> None:
    old = conversation(["{name}, {phone}"], "Ann", "0901")
    assert "0901" in old.history[-1].text()
    new = exchanged(old)
    assert new.slots["phone"] != "0901"
    for turn in new.history:
        assert "0901" not in turn.text()
        assert new.slots["phone"] in turn.text()


def test_words_that_only_contain_a_value_stay() -> None:
    old = conversation(["ann at the annex", "ANN!"], "Ann", "77")
    new = exchanged(old, pools={"name": [("Zoë", "Ann")]})
    assert [turn.content for turn in new.history[:2]] == ["zoë at the annex", "ZOË!"]


def test_nothing_to_exchange_is_the_sample_itself() -> None:
    old = conversation(["ok"], "Ann", "0901")
    assert exchanged(old) is old
    assert exchanged(old, pools={}) is old


def test_draws_are_a_function_of_seed_epoch_and_dialogue() -> None:
    drawn = [exchange(0.3).draws(1, index) for index in range(2000)]
    assert drawn == [exchange(0.3).draws(1, index) for index in range(2000)]
    assert drawn != [exchange(0.3).draws(2, index) for index in range(2000)]
    assert 0.25 < sum(drawn) / len(drawn) < 0.35
    assert not any(exchange(0.0).draws(0, index) for index in range(50))
    old = conversation(["I am Cy"], "Cy", "0")
    found = [exchanged(old, epoch, 5).slots["name"] for epoch in range(20)]
    assert len(set(found)) > 3
    assert found == [exchanged(old, epoch, 5).slots["name"] for epoch in range(20)]


def test_a_dialogue_has_one_new_value_for_each_old_one(dialogue: list[Sample]) -> None:
    """A later sample's history goes on from an earlier one's, as before."""
    changed = 0
    for epoch in range(20):
        new = exchange().exchanged(dialogue, epoch, 7)
        changed += new[-1].history != dialogue[-1].history
        for earlier, later in itertools.pairwise(new):
            assert later.history[: len(earlier.history)] == earlier.history
        for before, after in zip(dialogue, new, strict=True):
            assert after.slots["name"] == new[-1].slots["name"] or not before.slots["name"]
    assert changed > 15


def test_a_value_that_cannot_be_exchanged_leaves_the_others() -> None:
    old = conversation(["Ann goes to East San Jose", "{phone}"], "San Jose", "0901")
    new = exchanged(old, pools={**POOLS, "name": [("San Jose", "Ann")]})
    assert new.slots["name"] == "San Jose"
    assert new.history[0].content == old.history[0].content
    assert new.slots["phone"] != "0901"
    assert new.history[1].content == new.slots["phone"]


def test_values_are_those_of_span_fields() -> None:
    builder = LabelBuilder()
    samples = [conversation(["I am {name}, {phone}"], name, "0901") for name in ("Zed", "Ann")]
    for each in samples:
        builder.add(each)
    pools = collect_values(samples, builder.build())
    assert pools == {"name": [("Ann", "Zed")], "phone": [("0901",)]}


def _booked(doctor: str, day: str, fee: str) -> Sample:
    def listed(*values: str) -> dict[str, Any]:
        return {"type": "string", "enum": [*values]}

    properties = {
        "name": listed("Dr. Ng", "Dr. Roy", "Dr. Bo"),
        "day": listed("Monday", "Tuesday"),
        "fee": listed("yes", "no"),
    }
    dine = {"name": listed("Lucca", "Dr. Ng")}  # a place with a doctor's name
    tools = [
        {"type": "function", "function": {"name": name, "parameters": {"properties": each}}}
        for name, each in (("book", properties), ("dine", dine))
    ]
    call = {"name": "book", "arguments": {"name": doctor, "day": day, "fee": fee}}
    history = [{"role": "user", "content": f"{doctor} on {day}, and {fee}"}]
    slots = {"name": doctor, "day": day}
    return Sample.model_validate(
        sample(tools=tools, history=history, slots=slots, decision="tool_call", tool=call)
    )


def test_listed_values_that_are_said_are_exchanged_within_their_lists() -> None:
    builder = LabelBuilder()
    samples = [_booked("Dr. Roy", "Monday", "no"), _booked("Dr. Bo", "Tuesday", "yes")]
    for each in samples:
        builder.add(each)
    exchange = ValueExchange(collect_values(samples, builder.build()), 1.0, seed=3)
    found = set()
    for epoch in range(30):
        [new] = exchange.exchanged(samples[:1], epoch, 0)
        assert new.tool
        assert (new.slots["name"], new.slots["day"]) == (
            new.tool.arguments["name"],
            new.tool.arguments["day"],
        )
        said = f"{new.slots['name']} on {new.slots['day']}, and no"
        assert new.history[0].content == said
        found.add((new.slots["name"], new.slots["day"]))
    assert found <= {
        (name, day) for name in ("Dr. Roy", "Dr. Bo", "Dr. Ng") for day in ("Monday", "Tuesday")
    }
    assert len(found) > 1


@pytest.mark.parametrize(
    ("example", "value", "styled"),
    [
        ("rome", "Paris", "paris"),
        ("ROME", "Paris", "PARIS"),
        ("Rome", "paris", "paris"),
        ("a", "Straße", "straße"),
        ("AB", "Straße", "STRASSE"),
        ("12", "Ann", "Ann"),
    ],
)
def test_case_is_that_of_the_old_value(example: str, value: str, styled: str) -> None:
    assert in_case_of(example, value) == styled


def test_an_item_encoded_now_is_the_one_of_the_cache(
    data_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    dataset = TRMToolCallingDataset(data_file, tokenizer, cache_dir=tmp_path, max_tool_tokens=6)
    for index in range(0, len(dataset), 7):
        cached, now = dataset[index], dataset.encoded(index, dataset.sample(index))
        assert list(cached) == list(now)
        for name in cached:
            assert cached[name].tolist() == now[name].tolist(), json.dumps(name)
            assert cached[name].dtype == now[name].dtype


@given(
    value=values.filter(lambda each: each[-1].isalnum()),
    text=st.sampled_from(["{0}", "{0}, {0}", "x{0}", "{0} {0}x"]),
)
def test_as_many_places_as_before(value: str, text: str) -> None:
    old = conversation([text.format(value)], value, "none")
    new = exchanged(old, 1, 1)
    before = find_value(old.history[0].text(), value)
    assert len(find_value(new.history[0].text(), new.slots["name"])) == len(before)
