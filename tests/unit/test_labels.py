"""Labels: what the model's outputs mean, learnt from samples."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import TOOLS, dialogues, sample
from trm_engine.data.encoding import NONE, UNKNOWN_TOOL, encode_sample, tool_mask
from trm_engine.data.field import Field
from trm_engine.data.label_builder import (
    MAX_CHOICES,
    MAX_DEFINITIONS,
    LabelBuilder,
    extended,
    titles,
    with_tools_of,
)
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Conversation, Function, Sample
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.vocabulary import NOWHERE


def learn(records: list[dict[str, Any]]) -> Labels:
    builder = LabelBuilder()
    for record in records:
        builder.add(Sample.model_validate(record))
    return builder.build()


def tool(name: str, **properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {"name": name, "parameters": {"properties": properties}},
    }


def call(name: str, text: str = "do it", **arguments: Any) -> dict[str, Any]:
    return sample(
        history=[{"role": "user", "content": text}],
        decision="tool_call",
        tool={"name": name, "arguments": arguments},
        slots={},
    )


def slot(value: Any, text: str) -> dict[str, Any]:
    return sample(history=[{"role": "user", "content": text}], slots={"a": value})


@pytest.fixture(scope="module")
def labels() -> Labels:
    return learn(dialogues())


def test_tools_slots_and_parameters_come_in_the_order_they_are_seen(labels: Labels) -> None:
    assert labels.tools == ("find_customer", "change_plan")
    assert labels.tool_name_to_id == {"find_customer": 0, "change_plan": 1}
    assert labels.slot_names == ["phone", "name", "plan"]
    assert [each.name for each in labels.args] == ["phone", "plan", "months"]
    assert labels.parameters == ((0,), (1, 2))


def test_sizes_are_those_of_the_model(labels: Labels) -> None:
    assert labels.sizes() == {
        "num_tools": 2,
        "num_slots": 3,
        "num_args": 3,
        "num_choices": 2,
        "arg_slots": (0, 2, -1),
        "tool_args": ((0,), (1, 2)),
    }
    assert learn([sample(slots={})]).sizes() == {
        "num_tools": 1,
        "num_slots": 0,
        "num_args": 0,
        "num_choices": 0,
        "arg_slots": (),
        "tool_args": (),
    }


def test_a_field_that_is_said_is_a_span_and_one_that_is_not_is_a_choice(labels: Labels) -> None:
    kinds = {each.name: each.kind for each in labels.slots}
    assert kinds == {"phone": "span", "name": "span", "plan": "choice"}
    assert set(labels.slots[2].values) == {"basic", "premium"}
    assert (labels.args[2].kind, labels.args[2].json_type) == ("span", "integer")
    assert labels.args[2].limits.type == "integer"


@pytest.mark.parametrize(("verbatim", "kind"), [(89, "choice"), (90, "span"), (100, "span")])
def test_nine_in_ten_verbatim_make_a_span(verbatim: int, kind: str) -> None:
    spoken = [slot("blue", "blue please")] * verbatim
    meant = [slot("red", "the other")] * (100 - verbatim)
    assert learn(spoken + meant).slots[0].kind == kind


def test_a_field_that_is_never_filled_is_a_span() -> None:
    assert learn([slot("", "hello")]).slots == (Field("a"),)


@pytest.mark.parametrize(
    ("count", "kind"), [(MAX_CHOICES, "choice"), (MAX_CHOICES + 1, "span"), (1000, "span")]
)
def test_too_many_values_are_no_choice(count: int, kind: str) -> None:
    assert learn([slot(f"value {n}", "hello") for n in range(count)]).slots[0].kind == kind


def test_one_spelling_of_each_choice_the_most_frequent_first() -> None:
    values = ["Rare", "OFTEN", "often", "often", "Often"]
    assert learn([slot(each, "hello") for each in values]).slots[0].values == ("often", "Rare")


def test_an_enum_makes_a_choice_of_what_is_said() -> None:
    tools = [tool("f", plan={"enum": ["Basic", "Premium", None, "", 3, True]})]
    seen = {**call("f", "basic please", plan="basic"), "tools": tools}
    [field] = learn([seen]).args
    assert field.kind == "choice"
    assert field.values == ("Basic", "Premium", "3", "true")


def test_an_enum_with_other_values_seen_keeps_them_last() -> None:
    tools = [tool("f", plan={"enum": ["a", "b"]})]
    seen = [{**call("f", "hm", plan="B"), "tools": tools}] * 99 + [call("f", "hm", plan="c")]
    [field] = learn(seen).args
    assert (field.kind, field.values) == ("choice", ("a", "b", "c"))


def test_an_enum_that_the_data_does_not_keep_to_is_none() -> None:
    tools = [tool("f", plan={"enum": ["a", "b"]})]
    seen = [{**call("f", f"it is c{n}", plan=f"c{n}"), "tools": tools} for n in range(10)]
    assert learn(seen).args[0].kind == "span"


def test_an_enum_with_some_other_values_is_still_read() -> None:
    tools = [tool("f", food={"enum": ["pizza", "sushi"]})]
    seen = ["pizza"] * 40 + ["sushi"] * 40 + ["pizza or sushi"] * 15 + ["tacos", "stew"]
    [field] = learn(
        [{**call("f", f"{each} please", food=each), "tools": tools} for each in seen]
    ).args
    assert field.kind == "choice"
    assert field.values[:3] == ("pizza", "sushi", "pizza or sushi")


def test_values_seldom_seen_are_left_out_of_a_choice() -> None:
    often = [f"value {n}" for n in range(MAX_CHOICES)]
    [field] = learn([slot(each, "hello") for each in [*often * 9, "rare", "odd"]]).slots
    assert field.kind == "choice"
    assert {*field.values} == {*often}


def test_an_enum_too_long_to_choose_from_is_a_span() -> None:
    tools = [tool("f", city={"enum": [f"city {n}" for n in range(MAX_CHOICES + 1)]})]
    [field] = learn([sample(tools=tools, slots={})]).args
    assert (field.kind, len(field.limits.enum)) == ("span", MAX_CHOICES + 1)


def test_an_enum_may_hold_anything() -> None:
    listed = [{"x": 1}, [1], "a"]
    tools = [tool("f", plan={"enum": listed}), tool("g", plan={"enum": listed})]
    labels = learn([{**call("f", "hm", plan="a"), "tools": tools}])
    assert labels.parameters == ((0,), (0,))
    assert labels.args[0].values == ('{"x":1}', "[1]", "a")
    assert Labels.from_dict(json.loads(json.dumps(labels.to_dict()))).tools == labels.tools


def defined(name: str, description: str, **properties: dict[str, Any]) -> dict[str, Any]:
    made = tool(name, **properties)
    return {**made, "function": {**made["function"], "description": description}}


def test_a_name_with_two_definitions_is_two_tools(tokenizer: TRMTokenizer) -> None:
    tools = [
        defined("find", "a film", title={"type": "string"}),
        defined("find", "a song", title={"type": "string"}, year={"type": "integer"}),
    ]
    seen = [
        {**call("find", "it is Up", title="Up"), "tools": [each]} for each in (*tools, tools[0])
    ]
    labels = learn(seen)
    assert labels.tools == ("find", "find (2)")
    assert [labels.name_of(each) for each in (0, 1)] == ["find", "find"]
    assert labels.parameters == ((0,), (0, 1))
    for record, expected in zip(seen, (0, 1, 0), strict=True):
        parsed = Sample.model_validate(record)
        assert encode_sample(parsed, tokenizer, labels, 512).tool == expected
        assert tool_mask(parsed, labels).tolist() == [expected == 0, expected == 1]
    bare = Sample.model_validate(call("find", "it is Up", title="Up"))
    assert encode_sample(bare, tokenizer, labels, 512).tool == 0
    assert labels.knows(Function(name="find"))
    assert not labels.knows(Function(name="find", description="a third"))
    assert labels.tool_of(Function(name="find", description="a third")) == 0
    assert labels.tool_of(Function(name="lose")) == labels.called("lose", []) == -1


def test_so_many_definitions_of_a_name_are_told_apart() -> None:
    seen = [sample(tools=[defined("f", f"number {n}")], slots={}) for n in range(20)]
    labels = learn(seen)
    assert len(labels.tools) == MAX_DEFINITIONS
    assert labels.tools[-1] == f"f ({MAX_DEFINITIONS})"
    assert labels.tool_of(Function(name="f", description="number 19")) == 0


def test_titles_are_all_different() -> None:
    assert titles(["a", "a", "b"]) == ["a", "a (2)", "b"]
    assert titles(["a", "a", "a (2)", "a"]) == ["a", "a (2)", "a (2) (2)", "a (3)"]
    assert titles(["a", "b"], ["b", "a"]) == ["b", "a", "a (2)", "b (2)"]


@given(st.lists(st.sampled_from(["a", "a (2)", "a (2) (2)", "b"]), max_size=8))
def test_any_names_have_titles(names: list[str]) -> None:
    found = titles(names)
    assert len(set(found)) == len(found) == len(names)
    assert all(title.startswith(name) for title, name in zip(found, names, strict=True))


def test_what_a_call_shows_of_a_tool_counts_once_it_is_defined() -> None:
    """Some lines of a file list no tools."""
    tools = [defined("f", "it", a={"type": "string", "description": "the a"})]
    seen = [call("f", "hm", a="x"), {**call("f", "hm", a="y"), "tools": tools}, call("f", a="z")]
    for order in (seen, seen[::-1], [seen[1], seen[0], seen[2]]):
        [field] = learn(order).args
        assert (field.kind, sorted(field.values)) == ("choice", ["x", "y", "z"])
        assert field.description == "the a"
        assert learn(order).tools == ("f",)


def test_a_definition_says_what_a_call_must_have() -> None:
    made = tool("f", a={"type": "string"}, b={"type": "object", "properties": {"c": {}, "d": {}}})
    made["function"]["parameters"]["required"] = ["b"]
    made["function"]["parameters"]["properties"]["b"]["required"] = ["d"]
    labels = learn([sample(tools=[made], slots={})])
    [definition] = labels.definitions
    assert definition.required == ("b.d",)
    assert {each.name for each in labels.args} == {"a", "b.c", "b.d"}
    assert definition.function.parameters == made["function"]["parameters"]


def test_a_slot_is_described_as_the_parameter_of_its_name() -> None:
    tools = [defined("f", "it", a={"type": "string", "description": "the a"}, z={})]
    labels = learn([{**slot("3", "it is 3"), "tools": tools}])
    assert labels.slots[0].description == "the a"


# --- further tools ------------------------------------------------------------------------------


def test_further_tools_leave_what_is_known_where_it_is(labels: Labels) -> None:
    known = [Function.model_validate(each["function"]) for each in TOOLS]
    new = Function.model_validate(
        defined(
            "other", "new", phone={"type": "string"}, months={"type": "string"}, x={"enum": ["a"]}
        )["function"]
    )
    again = Function.model_validate(defined("find_customer", "in another way")["function"])
    more = extended(labels, [*known, new, again, new])
    assert more.tools == (*labels.tools, "other", "find_customer (2)")
    assert more.parameters == (*labels.parameters, (0, 3, 4), ())
    assert more.args[: len(labels.args)] == labels.args
    assert [each.name for each in more.args[len(labels.args) :]] == ["months", "x"]
    assert more.args[-1].values == ("a",)
    assert (more.slots, more.calls_together) == (labels.slots, labels.calls_together)
    assert more.definitions[: len(labels.definitions)] == labels.definitions
    assert all(more.knows(each) for each in (*known, new, again))
    more.refuse_impossible()
    assert extended(labels, known) is labels
    assert extended(more, [new, again]) is more
    twice = extended(extended(labels, [new]), [again])
    assert (twice.tools, twice.parameters, twice.args) == (more.tools, more.parameters, more.args)


def test_first_items_of_a_further_tools_arrays_are_arguments(labels: Labels) -> None:
    items = {"type": "array", "description": "Cities to visit", "items": {"type": "string"}}
    legs = {"type": "array", "items": {"properties": {"to": {"type": "string"}}}}
    made = defined("plan", "Plan a trip", cities=items, legs=legs)
    made["function"]["parameters"]["required"] = ["cities"]
    more = extended(labels, [Function.model_validate(made["function"])])
    own = [more.args[channel] for channel in more.parameters[-1]]
    assert [each.name for each in own] == ["cities[0]", "legs[0].to"]
    assert own[0].description == "Cities to visit"
    assert more.definitions[-1].required == ("cities[0]",)


def test_the_tools_of_other_labels_are_added(labels: Labels) -> None:
    other = learn([sample(tools=[defined("other", "new", phone={"type": "string"})], slots={})])
    assert with_tools_of(labels, labels) is labels
    assert with_tools_of(labels, learn(dialogues(2))) is labels
    assert with_tools_of(labels, other).tools == (*labels.tools, "other")


def test_tools_and_parameters_that_only_calls_name_are_learnt() -> None:
    seen = [call("f", "x", b=1), call("g", "x", a="x", b=2), call("f", "x", c=None)]
    labels = learn(seen)
    assert labels.tools == ("f", "g")
    assert [each.name for each in labels.args] == ["b", "a", "c"]
    assert labels.parameters == ((0, 2), (1, 0))


@pytest.mark.parametrize(
    ("json_type", "text", "value"),
    [
        ("string", "0901", "0901"),
        ("string", "true", "true"),
        ("number", "12", 12),
        ("number", "-1.5e3", -1500.0),
        ("number", "0901", "0901"),
        ("number", "twelve", 12),
        ("number", "1,200.50", 1200.5),
        ("number", "5.0", 5.0),
        ("number", "dozen", "dozen"),
        ("number", "true", "true"),
        ("number", '"12"', '"12"'),
        ("number", "null", "null"),
        ("number", "NaN", "NaN"),
        ("number", "1e999", "1e999"),
        ("number", "9" * 5000, "9" * 5000),
        ("number", "", ""),
        ("integer", "12", 12),
        ("integer", "-3", -3),
        ("integer", "1.5", 1.5),
        ("integer", "5.00", 5),
        ("integer", "1,200", 1200),
        ("integer", "two", 2),
        ("integer", "true", "true"),
        ("integer", "0901", "0901"),
        ("boolean", "True", True),
        ("boolean", "false", False),
        ("boolean", "1", "1"),
        ("json", '{"a":[1]}', {"a": [1]}),
        ("json", "[", "["),
        ("json", "[" * 100_000, "[" * 100_000),
        ("json", "word", "word"),
    ],
)
def test_a_text_becomes_a_value_of_the_fields_type(json_type: str, text: str, value: Any) -> None:
    parsed = Field("a", json_type=json_type).parse(text)
    assert parsed == value
    assert type(parsed) is type(value)


@given(st.sampled_from(["string", "number", "integer", "boolean", "json"]), st.text())
def test_any_text_can_be_parsed(json_type: str, text: str) -> None:
    json.dumps(Field("a", json_type=json_type).parse(text), allow_nan=json_type == "json")


@pytest.mark.parametrize(
    ("value", "json_type"),
    [("x", "string"), (3, "integer"), (2.5, "number"), (True, "boolean")],
)
def test_an_arguments_type_is_that_of_its_values(value: Any, json_type: str) -> None:
    [field] = learn([call("f", "hm", a=value)]).args
    assert field.json_type == json_type
    assert field.kind == "choice"
    assert field.parse(field.values[0]) == value


@pytest.mark.parametrize(
    ("declared", "value", "json_type"),
    [
        ("string", 3, "string"),
        ("integer", "3", "integer"),
        ("number", "3", "number"),
        ("boolean", "true", "boolean"),
        ("object", "x", "json"),
        (["integer", "null"], "3", "integer"),
        (["integer", "string"], 3, "integer"),
        (["integer", "string"], 3.5, "number"),
        (["null"], 3, "integer"),
        ([], 3, "integer"),
        ([["x"]], 3, "integer"),
        ("int", "3", "integer"),
        ("what", 3, "integer"),
        ("null", True, "boolean"),
        (None, "x", "string"),
        (7, "x", "string"),
        ({"a": 1}, "x", "string"),
    ],
)
def test_an_arguments_type_is_that_of_its_schema_if_there_is_one(
    declared: Any, value: Any, json_type: str
) -> None:
    tools = [tool("f", a={"type": declared})]
    [field] = learn([{**call("f", "hm", a=value), "tools": tools}]).args
    assert field.json_type == json_type


def test_parameters_that_are_defined_otherwise_are_others() -> None:
    tools = [
        tool("f", a={"type": "string"}),
        tool("g", a={"type": "integer"}),
        tool("h", a={"type": "integer"}),
    ]
    seen = [
        {**call(name, "hm", a=value), "tools": tools}
        for name, value in (("f", 1.5), ("f", "x"), ("g", 7), ("h", 8))
    ]
    labels = learn(seen)
    assert [(each.name, each.json_type) for each in labels.args] == [
        ("a", "string"),
        ("a", "integer"),
    ]
    assert labels.parameters == ((0,), (1,), (1,))
    assert [each.values for each in labels.args] == [("1.5", "x"), ("7", "8")]
    [field] = learn([{**seen[0], "tools": tools[1:2], "tool": {"name": "g"}}]).args
    assert field.json_type == "integer"


def test_a_slots_type_is_not_that_of_a_parameter_of_its_name() -> None:
    tools = [tool("f", a={"type": "integer"})]
    labels = learn([{**slot("3", "it is 3"), "tools": tools}])
    assert (labels.slots[0].json_type, labels.args[0].json_type) == ("string", "integer")


def test_choice_of_ignores_case() -> None:
    field = Field("a", "choice", ("Straße", "Basic"))
    assert [field.choice_of(text) for text in ("STRASSE", "basic", "none", "")] == [0, 1, -1, -1]


names = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
values = st.lists(names, max_size=4).map(tuple)
fields = st.builds(
    lambda name, values, json_type: Field(name, "choice" if values else "span", values, json_type),
    names,
    values,
    st.sampled_from(["string", "number", "boolean", "json"]),
)
different_fields = st.lists(fields, max_size=4, unique_by=lambda field: field.name)


tool_names = names.filter(bool)  # a call without a name is refused where data is read


@given(
    st.lists(tool_names, max_size=4, unique=True),
    st.lists(st.integers(0, 3), max_size=4, unique=True),
    different_fields,
    different_fields,
)
def test_labels_survive_json(
    tools: list[str], channels: list[int], slots: list[Field], args: list[Field]
) -> None:
    known = tuple(channel for channel in channels if channel < len(args))
    labels = Labels(tuple(tools), (known,) * len(tools), tuple(slots), tuple(args))
    again = Labels.from_dict(json.loads(json.dumps(labels.to_dict())))
    assert again == labels
    assert again.fingerprint == labels.fingerprint


def test_other_labels_have_another_fingerprint(labels: Labels) -> None:
    fewer = Labels(labels.tools[:1], labels.parameters[:1], labels.slots, labels.args)
    assert fewer.fingerprint != labels.fingerprint


def test_the_mask_has_the_known_tools_on_offer(labels: Labels) -> None:
    history = [{"role": "user", "content": "x"}]

    def mask(*offered: dict[str, Any]) -> list[int]:
        conversation = {"history": history, "tools": list(offered)}
        return tool_mask(Conversation.model_validate(conversation), labels).tolist()

    assert mask() == [1, 1]
    assert mask(TOOLS[1]) == [0, 1]
    assert mask(tool("new"), TOOLS[0]) == [1, 0]
    assert mask(tool("new")) == [0, 0]
    labels = learn([sample()])
    assert mask() == mask(tool("new")) == [0]


def test_a_tool_that_training_never_saw_is_unknown(labels: Labels, tokenizer: TRMTokenizer) -> None:
    unseen = encode_sample(
        Sample.model_validate({**call("new", "phone 12", phone="12"), "slots": {}}),
        tokenizer,
        labels,
        256,
    )
    assert (unseen.decision, unseen.tool) == (1, UNKNOWN_TOOL)
    assert (unseen.args.presence == NONE).all()
    assert len(unseen.args.spans) == 0


def test_a_sample_becomes_labels(labels: Labels, tokenizer: TRMTokenizer) -> None:
    _, lookup, change = (
        encode_sample(Sample.model_validate(each), tokenizer, labels, 512) for each in dialogues(1)
    )
    assert (lookup.decision, lookup.tool, change.tool) == (1, 0, 1)
    assert lookup.slots.presence.tolist() == [1, 1, 0]
    assert lookup.slots.choices.tolist() == [-1, -1, -1]
    assert lookup.args.presence.tolist() == [1, NONE, NONE]
    assert change.args.presence.tolist() == [NONE, 1, 1]
    basic = labels.slots[2].choice_of("basic")
    assert change.slots.choices.tolist() == [-1, -1, basic]
    assert change.args.choices.tolist() == [-1, labels.args[1].choice_of("basic"), -1]
    assert np.unique(change.args.spans[:, 0]).tolist() == [2]
    assert (np.diff(lookup.slots.spans[:, 0]) >= 0).all()


def test_a_value_that_was_cut_off_is_present_and_stands_nowhere(
    labels: Labels, tokenizer: TRMTokenizer
) -> None:
    history = [
        {"role": "user", "content": "my phone is 0901"},
        {"role": "assistant", "content": "and what is it that you would like me to do for you?"},
        {"role": "user", "content": "nothing"},
    ]
    slots = {"phone": "0901", "name": "", "plan": ""}
    record = Sample.model_validate(sample(history=history, slots=slots))
    short = encode_sample(record, tokenizer, labels, 16)
    whole = encode_sample(record, tokenizer, labels, 512)
    assert short.slots.presence.tolist() == whole.slots.presence.tolist() == [1, 0, 0]
    assert short.slots.spans.tolist() == [[0, NOWHERE, NOWHERE]]
    assert len(whole.slots.spans) == 1
    assert whole.slots.spans[0, 1] > NOWHERE


@pytest.mark.parametrize(
    "changes",
    [
        {"tools": "f"},
        {"tools": ["f", "f"]},
        {"tools": [1]},
        {"tools": []},
        {"parameters": [[1]]},
        {"parameters": [[-1]]},
        {"parameters": [[0, 0]]},
        {"parameters": [["a"]]},
        {"slots": [{"name": 1}]},
        {"slots": [{"name": "a", "kind": "other"}]},
        {"slots": [{"name": "a", "kind": "choice"}]},
        {"slots": [{"name": "a", "values": ["b"]}]},
        {"slots": [{"name": "a", "json_type": "date"}]},
        {"definitions": [{"name": ""}]},
        {"definitions": [{"name": 1}]},
        {"definitions": [{"name": "f", "description": None}]},
        {"definitions": [{"name": "f"}, {"name": "g"}]},
        {"definitions": [{"name": "f", "required": ["b"]}]},
        {"definitions": [{"name": "f", "schema": "{"}]},
        {"definitions": [{"name": "f", "schema": "[]"}]},
        {"definitions": [{"name": "f", "schema": '{"properties": 1}'}]},
        {"args": {}},
        {"args": None},
    ],
)
def test_what_are_no_labels_is_refused_on_one_line(changes: dict[str, Any]) -> None:
    good = {
        "tools": ["f"],
        "parameters": [[0]],
        "slots": [],
        "args": [{"name": "a"}],
        "definitions": [{"name": "f", "schema": '{"type": "object"}', "required": ["a"]}],
    }
    Labels.from_dict(good)
    missing = {key: good[key] for key in good if key not in changes or key == "definitions"}
    for values in ({**good, **changes}, *([missing] if missing != good else [])):
        with pytest.raises(ValueError) as caught:
            Labels.from_dict(values)
        assert "\n" not in str(caught.value)


# --- what values mean ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("pay 12.50 euros", 12.5),
        ("pay 1,200 euros", 1200),
        ("pay 5 euros", 5.0),
        ("pay two euros", 2),
        ("go to Joe’s bar", "Joe's bar"),
        ("go to New\u00a0York", "New York"),
        ("go to Nguye\u0302\u0303n", "Nguyễn"),
        ("go to New\nYork", "new york"),
    ],
)
def test_a_value_is_found_in_any_spelling(tokenizer: TRMTokenizer, said: str, value: Any) -> None:
    record = call("f", said, a=value)
    labels = learn([record])
    assert labels.args[0].kind == "span"
    encoded = encode_sample(Sample.model_validate(record), tokenizer, labels, 512)
    [[channel, first, last]] = encoded.args.spans.tolist()
    assert channel == 0
    found = said[encoded.encoding.begins[first] : encoded.encoding.ends[last]]
    assert labels.args[0].same(found, value)


def test_nested_arguments_have_a_channel_for_each_path(tokenizer: TRMTokenizer) -> None:
    properties = {
        "place": {"type": "object", "properties": {"city": {"type": "string"}}},
        "names": {"type": "array", "items": {"type": "string"}},
        "quiet": {"type": "boolean"},
    }
    arguments = {"place": {"city": "Hue"}, "names": ["An", "Bo"], "quiet": True, "more": {}}
    record = {**call("f", "An and Bo in Hue", **arguments), "tools": [tool("f", **properties)]}
    labels = learn([record])
    assert [each.name for each in labels.args] == ["place.city", "quiet", "names[0]", "names[1]"]
    assert [each.kind for each in labels.args] == ["span", "choice", "span", "span"]
    assert labels.args[1].values == ("true", "false")
    encoded = encode_sample(Sample.model_validate(record), tokenizer, labels, 512)
    assert encoded.args.presence.tolist() == [1, 1, 1, 1]
    assert encoded.args.choices.tolist() == [-1, 0, -1, -1]
    assert encoded.args.spans[:, 0].tolist() == [0, 2, 3]


def test_limits_that_the_data_does_not_keep_to_are_ignored() -> None:
    day = {"type": "string", "format": "date"}
    kept = [{**call("f", "on 2024-02-01", day="2024-02-01"), "tools": [tool("f", day=day)]}]
    loose = [{**call("f", "on Monday", day="Monday"), "tools": [tool("f", day=day)]}]
    [field] = learn(kept * 19 + loose).args
    assert (field.limits.format, field.ignored) == ("date", ())
    [field] = learn(kept * 18 + loose * 2).args
    assert (field.limits.format, field.limits.type, field.ignored) == (None, "string", ("format",))


def test_numbers_that_no_schema_declares_are_numbers() -> None:
    field, mixed = learn([call("f", "7 or 8", a=7, b=8), call("f", "9 or all", a=9, b="all")]).args
    assert (field.json_type, field.limits.type) == ("integer", "number")
    assert mixed.limits.type is None


def test_calls_made_together_are_known_by_a_history_that_ends_with_a_call() -> None:
    assert not learn(dialogues(2)).calls_together
    made = call("f", "both", a="x")
    made["history"] = [*made["history"], {"role": "tool_call", "content": {"name": "f"}}]
    assert learn([made]).calls_together
    assert Labels.from_dict(learn([made]).to_dict()).calls_together


def test_values_that_stand_nowhere_are_counted() -> None:
    builder = LabelBuilder()
    for number in range(200):
        said = f"number {number}" if number % 10 else "no number"
        builder.add(Sample.model_validate(call("f", said, a=f"{number}")))
    assert builder.nowhere() == [("argument", "a", 20, 200, ["0", "10", "20"])]
