"""Conversations of either format become samples, or a ConvertError that says where."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_engine.data.convert import ConvertError, convert_file, detect_format
from trm_engine.data.samples import Sample
from trm_engine.data.values import find_value

CUSTOMER = {"name": "get_customer_info", "arguments": {"phone": "0901234567"}}
TICKET = {"name": "create_ticket", "arguments": {"contract_id": "HD-17", "issue": "no signal"}}

RAW_TURNS: list[dict[str, Any]] = [
    {"role": "system", "content": "You work for a telecom company."},
    {"role": "user", "content": "My internet is down."},
    {
        "role": "assistant",
        "content": {
            "think": "no phone number yet",
            "response": "Which phone number is it registered with?",
            "phone": None,
            "name": "",
            "intent_of_user": "report_fault",
        },
    },
    {"role": "user", "content": "0901234567, An Nguyen"},
    {"role": "assistant", "content": json.dumps({"response": "One moment, let me check."})},
    {
        "role": "tool_call",
        "content": {
            "think": "look the customer up",
            "response": json.dumps(CUSTOMER),
            "phone": "0901234567",
            "name": "An Nguyen",
            "intent_of_user": "report_fault",
        },
    },
    {"role": "tool_response", "content": '{"contract_id": "HD-17", "status": "active"}'},
    {
        "role": "assistant",
        "think": "found",
        "response": "Your contract is HD-17. Shall I send someone?",
        "phone": "0901234567",
        "name": "An Nguyen",
        "intent_of_user": "report_fault",
        "contract_id": "HD-17",
    },
]


def tool(name: str, *parameters: str) -> dict[str, Any]:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


TOOLS = [tool("get_customer_info", "phone"), tool("create_ticket", "contract_id", "issue")]


def openai_call(call_id: str, call: dict[str, Any]) -> dict[str, Any]:
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    return {"id": call_id, "type": "function", "function": function}


OPENAI_RECORD: dict[str, Any] = {
    "messages": [
        {"role": "developer", "content": "You work for a telecom company."},
        {"role": "user", "content": [{"type": "text", "text": "I am 0901234567, "},
                                     {"type": "text", "text": "contract HD-17: no signal"}]},
        {"role": "assistant", "content": "Let me see.", "tool_calls": [
            openai_call("call_a", CUSTOMER), openai_call("call_b", TICKET)]},
        {"role": "tool", "tool_call_id": "call_b", "content": '{"ticket": 5}'},
        {"role": "tool", "tool_call_id": "call_a", "content": "An Nguyen"},
        {"role": "assistant", "content": "Your ticket is number 5."},
    ],
    "tools": TOOLS,
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "conversations.json"


def write(path: Path, value: Any) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def write_lines(path: Path, values: list[Any]) -> Path:
    lines = [json.dumps(value, ensure_ascii=False) + "\n" for value in values]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def convert(path: Path, value: Any, **options: Any) -> list[dict[str, Any]]:
    return list(convert_file(write(path, value), **options))


def nameless(samples: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The samples without the names of their conversations."""
    return [{**sample, "conversation": ""} for sample in samples]


def message_of(path: Path, value: Any, **options: Any) -> str:
    """The error for a wrong value, which must come before any sample."""
    write(path, value)
    with pytest.raises(ConvertError) as caught:
        convert_file(path, **options)
    message = str(caught.value)
    assert message.startswith(str(path)) and "\n" not in message
    return message.removeprefix(f"{path}").lstrip(",: ")


class TestRawConversations:
    def test_a_conversation_yields_a_sample_per_decision(self, path: Path) -> None:
        asked, called, answered = convert(path, {"tools": TOOLS, "conversation": RAW_TURNS})

        assert asked["decision"] == "direct_answer"
        assert asked["tool"] == {}
        assert asked["content"] == "Which phone number is it registered with?"
        assert asked["history"] == RAW_TURNS[:2]
        assert called["decision"] == "tool_call"
        assert called["tool"] == CUSTOMER
        assert called["content"] == ""
        assert answered["history"] == [
            *RAW_TURNS[:2],
            {"role": "assistant", "content": "Which phone number is it registered with?"},
            {"role": "user", "content": "0901234567, An Nguyen"},
            {"role": "tool_call", "content": CUSTOMER},
            {"role": "tool_response", "content": {"contract_id": "HD-17", "status": "active"}},
        ]
        assert all(sample["tools"] == TOOLS for sample in (asked, called, answered))

    def test_every_sample_has_the_slots_of_the_whole_file(self, path: Path) -> None:
        asked, called, answered = convert(path, RAW_TURNS)

        assert asked["slots"] == {
            "phone": "",
            "name": "",
            "intent_of_user": "report_fault",
            "contract_id": "",
        }
        assert called["slots"] == asked["slots"] | {"phone": "0901234567", "name": "An Nguyen"}
        assert answered["slots"] == called["slots"] | {"contract_id": "HD-17"}

    def test_chosen_slots_replace_those_found(self, path: Path) -> None:
        samples = convert(path, RAW_TURNS, slots=["contract_id", "address"])
        assert samples[-1]["slots"] == {"contract_id": "HD-17", "address": ""}

    def test_a_turn_without_slot_fields_keeps_the_values_so_far(self, path: Path) -> None:
        turns = [
            {"role": "user", "content": "0901234567"},
            {"role": "assistant", "content": {"response": "Checking.", "phone": "0901234567"}},
            {"role": "tool_call", "content": CUSTOMER},
        ]
        (sample,) = convert(path, turns)
        assert sample["tool"] == CUSTOMER
        assert sample["slots"] == {"phone": "0901234567"}

    def test_slot_values_become_text(self, path: Path) -> None:
        fields = {"response": "ok", "beds": 4, "pets": True, "price": 1.5, "city": None}
        turns = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": fields}]
        (sample,) = convert(path, turns)
        assert sample["slots"] == {"beds": "4", "pets": "true", "price": "1.5", "city": ""}

    def test_a_greeting_is_history_but_no_decision(self, path: Path) -> None:
        turns = [
            {"role": "assistant", "content": "Hello!"},
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "What can I do for you?"},
        ]
        (sample,) = convert(path, turns)
        assert sample["history"] == turns[:2]

    @pytest.mark.parametrize(
        "carried",
        [
            {"content": {"response": CUSTOMER}},
            {"content": {"response": json.dumps(CUSTOMER)}},
            {"content": json.dumps({"think": "hm", "response": CUSTOMER})},
            {"content": json.dumps(CUSTOMER)},
            {"content": {"response": "one moment", "tool": CUSTOMER}},
            {"content": {"tool": "get_customer_info", "arguments": CUSTOMER["arguments"]}},
            {"response": {"name": "get_customer_info", "parameters": {"phone": "0901234567"}}},
            {"name": "get_customer_info", "arguments": json.dumps(CUSTOMER["arguments"])},
            {"content": "", "tool": "get_customer_info", "parameters": CUSTOMER["arguments"]},
        ],
    )
    def test_a_call_may_be_written_in_many_ways(self, path: Path, carried: dict[str, Any]) -> None:
        turns = [{"role": "user", "content": "0901234567"}, {"role": "tool_call", **carried}]
        (sample,) = convert(path, turns)
        assert sample["tool"] == CUSTOMER
        assert sample["slots"] == {}

    def test_a_call_without_arguments(self, path: Path) -> None:
        turns = [{"role": "user", "content": "list"}, {"role": "tool_call", "tool": '{"name":"l"}'}]
        (sample,) = convert(path, turns)
        assert sample["tool"] == {"name": "l", "arguments": {}}


class TestFilesAndTools:
    def test_one_list_several_lists_objects_and_lines_are_the_same(self, path: Path) -> None:
        expected = convert(path, RAW_TURNS)
        assert len(expected) == 3
        for key in ("conversation", "history", "turns", "messages"):
            assert convert(path, {key: RAW_TURNS}) == expected
        twice = nameless(expected * 2)
        assert nameless(convert(path, [RAW_TURNS, {"turns": RAW_TURNS}])) == twice
        assert nameless(convert_file(write_lines(path, [RAW_TURNS] * 2))) == twice

    def test_indented_json_blank_lines_and_a_byte_order_mark(self, path: Path) -> None:
        expected = convert(path, RAW_TURNS)
        path.write_text("\ufeff" + json.dumps(RAW_TURNS, indent=2), encoding="utf-8")
        assert list(convert_file(path)) == expected
        path.write_text(f"\n{json.dumps(RAW_TURNS)}\n\n{json.dumps(RAW_TURNS)}\n", encoding="utf-8")
        assert nameless(convert_file(path)) == nameless(expected * 2)

    def test_tools_are_inferred_from_the_calls_of_the_whole_file(self, path: Path) -> None:
        other = [{"role": "user", "content": "broken"}, {"role": "tool_call", "content": TICKET}]
        for sample in convert(path, [RAW_TURNS, other]):
            assert sample["tools"] == TOOLS

    def test_a_tools_file_serves_conversations_without_tools(self, path: Path) -> None:
        tools_path = write(path.with_name("tools.json"), [t["function"] for t in TOOLS])
        own = [{**TOOLS[0], "function": {**TOOLS[0]["function"], "description": "Look up"}}]
        conversations = [{"turns": RAW_TURNS, "tools": own}, RAW_TURNS]
        samples = convert(path, conversations, tools_path=tools_path)
        assert [sample["tools"] for sample in samples] == [own] * 3 + [TOOLS] * 3

        write(tools_path, {"tools": TOOLS})
        assert convert(path, conversations, tools_path=tools_path) == samples

    def test_the_tools_file_is_checked(self, path: Path) -> None:
        tools_path = write(path.with_name("tools.json"), [{"description": "nameless"}])
        write(path, RAW_TURNS)
        with pytest.raises(ConvertError, match=r"tools\.json, field 'tools\[0\]\.name'"):
            convert_file(path, tools_path=tools_path)

    def test_real_unicode_survives(self, path: Path) -> None:
        turns = [
            {"role": "user", "content": "Nguyễn Văn 安 👋"},
            {"role": "assistant", "content": {"response": "Xin chào", "name": "Nguyễn Văn 安"}},
        ]
        (sample,) = convert(path, turns)
        assert sample["history"] == turns[:1]
        assert sample["slots"] == {"name": "Nguyễn Văn 安"}


class TestOpenAI:
    def test_calls_made_together_are_decisions_one_after_another(self, path: Path) -> None:
        first, second, stop, answer = convert(path, OPENAI_RECORD)

        opening = [
            {"role": "system", "content": "You work for a telecom company."},
            {"role": "user", "content": "I am 0901234567, contract HD-17: no signal"},
        ]
        calls = [{"role": "tool_call", "content": call} for call in (CUSTOMER, TICKET)]
        responses = [
            {"role": "tool_response", "content": "An Nguyen"},
            {"role": "tool_response", "content": {"ticket": 5}},
        ]
        assert (first["tool"], first["history"]) == (CUSTOMER, opening)
        assert (second["tool"], second["history"]) == (TICKET, opening + calls[:1])
        assert (stop["decision"], stop["content"]) == ("direct_answer", "")
        assert stop["history"] == opening + calls
        assert answer["content"] == "Your ticket is number 5."
        assert answer["history"] == opening + calls + responses
        assert all(s["tools"] == TOOLS and s["slots"] == {} for s in (first, second, answer))

    def test_a_turn_with_one_call_stops_too_if_others_have_several(self, path: Path) -> None:
        one = {"role": "assistant", "tool_calls": [openai_call("c", CUSTOMER)]}
        record = {"messages": [USER, one]}
        assert len(convert(path, record)) == 1
        *_, stop = convert_file(write_lines(path, [OPENAI_RECORD, record]))
        assert (stop["decision"], stop["tool"], stop["content"]) == ("direct_answer", {}, "")
        assert stop["history"][-1] == {"role": "tool_call", "content": CUSTOMER}

    def test_slots_are_arguments_that_a_user_said(self, path: Path) -> None:
        names = ["phone", "issue", "ticket"]
        values = {"phone": "0901234567", "issue": "no signal", "ticket": ""}
        assert [each["slots"] for each in convert(path, OPENAI_RECORD, slots=names)] == [values] * 4

    def test_arguments_that_no_user_said_are_no_slots(self, path: Path) -> None:
        messages = [
            {"role": "user", "content": "yesterday, some beds"},
            {"role": "assistant", "tool_calls": [
                openai_call("1", {"name": "f", "arguments": {"day": "2024-02-01", "beds": 2}})]},
        ]  # fmt: skip
        (sample,) = convert(path, {"messages": messages}, slots=["day", "beds"])
        assert sample["slots"] == {"day": "", "beds": ""}

    def test_the_older_function_format(self, path: Path) -> None:
        call = {"name": "get_customer_info", "arguments": '{"phone": "0901234567"}'}
        messages = [
            {"role": "user", "content": "0901234567"},
            {"role": "assistant", "content": None, "function_call": call},
            {"role": "function", "name": "get_customer_info", "content": '{"status": "active"}'},
            {"role": "assistant", "content": "All is well."},
        ]
        functions = [t["function"] for t in TOOLS]
        called, answered = convert(path, {"messages": messages, "functions": functions})
        assert called["tool"] == CUSTOMER
        assert called["tools"] == TOOLS
        assert answered["history"][-1] == {
            "role": "tool_response",
            "content": {"status": "active"},
        }

    def test_a_message_of_weight_0_is_history_only(self, path: Path) -> None:
        messages = [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": "hm", "weight": 0},
            {"role": "user", "content": "well?"},
            {"role": "assistant", "content": "Hello!", "weight": 1},
        ]
        (sample,) = convert(path, {"messages": messages})
        assert sample["content"] == "Hello!"
        assert sample["history"][1] == {"role": "assistant", "content": "hm"}


class TestDetection:
    def test_of_both_formats(self, path: Path) -> None:
        assert detect_format(write(path, RAW_TURNS)).name == "raw"
        assert detect_format(write(path, {"messages": RAW_TURNS})).name == "raw"
        assert detect_format(write(path, OPENAI_RECORD)).name == "openai"

    def test_is_by_the_whole_file(self, path: Path) -> None:
        plain = {"messages": [{"role": "user", "content": "hi"}]}
        for records, expected in [
            ([plain], "openai"),
            ([plain, RAW_TURNS], "raw"),
            ([plain["messages"], OPENAI_RECORD], "openai"),
            ([plain, OPENAI_RECORD, RAW_TURNS], "openai"),
        ]:
            assert detect_format(write_lines(path, records)).name == expected


USER = {"role": "user", "content": "hi"}


class TestErrors:
    @pytest.mark.parametrize(
        ("value", "expected"),
        [
            (7, "expected conversations (Conversations with a verdict (KTO), "),
            ([], "got a list of 0"),
            ({"id": 1}, "got an object with id"),
            ({"turns": []}, "got an object with turns"),
            ([[USER], 5], "conversation 2: expected a conversation"),
            ([[USER], [USER, 5]], "conversation 2, turn 2: expected an object, got 5"),
            ([USER, {"content": "x"}], "turn 2, field 'role': expected one of user, system,"),
            ([{"role": "usr"}], "got \"usr\" (did you mean 'user'?)"),
            ([{"role": "user", "content": 5}], "turn 1, field 'content': expected text, got 5"),
            ([{"role": "tool_response"}], "turn 1, field 'content': expected the tool's response"),
            ([{"role": "assistant", "think": "x"}], "field 'response': expected text, got nothing"),
            (
                [{"role": "tool_call", "content": '{"a'}],
                "turn 1, field 'content': expected an object",
            ),
            ([{"role": "tool_call", "content": "x"}], "field 'content': expected an object"),
            ([{"role": "tool_call", "think": "x"}], "field 'response': expected a call"),
            ([{"role": "tool_call", "tool": {}}], "field 'tool.name': expected the name of a tool"),
            ([{"role": "tool_call", "tool": {"name": "f", "arguments": 1}}], "'tool.arguments'"),
            (
                [{"role": "assistant", "content": {"response": "x", "phone": ["1"]}}],
                "turn 1, field 'phone': expected a slot value",
            ),
            (
                {"tools": TOOLS, "turns": [{"role": "tool_call", "tool": {"name": "create"}}]},
                "turn 1, field 'name': expected one of the conversation's tools, got \"create\"",
            ),
            ({"tools": {}, "turns": RAW_TURNS}, "field 'tools': expected a list"),
            ({"tools": [{}], "turns": RAW_TURNS}, "field 'tools[0].name': expected the name"),
            ({"history": [USER], "decision": "direct_answer"}, "training sample already"),
        ],
    )  # fmt: skip
    def test_of_raw_conversations(self, path: Path, value: Any, expected: str) -> None:
        assert expected in message_of(path, value)

    @pytest.mark.parametrize(
        ("messages", "expected"),
        [
            ([USER, {"role": "tool_"}], "turn 2, field 'role': expected one of user, system,"),
            ([USER, {"role": "assistant"}], "turn 2, field 'content': expected text, got nothing"),
            ([{"role": "tool", "content": "x"}], "turn 1: expected a tool message to follow"),
            ([{"role": "user", "content": [{"type": "image_url"}]}], "field 'content[0].text'"),
            ([{"role": "assistant", "tool_calls": {}}], "field 'tool_calls': expected a list"),
            ([{"role": "assistant", "tool_calls": [{}]}], "field 'tool_calls[0].function'"),
            ([{"role": "assistant", "function_call": {}}], "field 'function_call.name'"),
            (
                [
                    {"role": "assistant", "tool_calls": [openai_call("a", CUSTOMER)]},
                    {"role": "tool", "tool_call_id": "b", "content": "x"},
                ],
                'field \'tool_call_id\': expected the id of an unanswered call ("a"), got "b"',
            ),
            (
                [{"role": "assistant", "tool_calls": [
                    {"function": {"name": "f", "arguments": '{"a": '}}]}],
                "field 'tool_calls[0].function.arguments': expected an object",
            ),
        ],
    )  # fmt: skip
    def test_of_openai_files(self, path: Path, messages: list[Any], expected: str) -> None:
        assert expected in message_of(path, {"messages": messages})

    def test_in_jsonl_name_the_line(self, path: Path) -> None:
        write_lines(path, [{"messages": [USER]}, {"messages": [USER, {"role": "asistant"}]}])
        with pytest.raises(ConvertError, match=r"json, line 2, turn 2, field 'role'.*'assistant'"):
            convert_file(path)

    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (b"", "the file is empty"),
            (b" \n\n", "the file is empty"),
            (b'[\n{"role": "user",\n "content": x}]', ", line 3: expected JSON (Expecting value"),
            (b'[{"role": "user", "content": "x"}]\n[{"role"', ", line 2: expected JSON"),
            (b'[{"role": "user", "content": "x"}]\n["\xff"]', ", line 2: expected UTF-8 text"),
            (b'[{"role": "user", "content": "\\ud800"}]', "half a surrogate pair"),
            (b'[{"role": "tool_response", "content": NaN}]', "NaN is no finite number"),
            (b'[{"role": "tool_response", "content": 1e999}]', "1e999 is no finite number"),
            (b"[" * 100_000, "nested too deeply"),
        ],
    )
    def test_of_files(self, path: Path, data: bytes, expected: str) -> None:
        path.write_bytes(data)
        with pytest.raises(ConvertError, match=re.escape(expected)):
            convert_file(path)

    def test_of_missing_files(self, path: Path) -> None:
        with pytest.raises(ConvertError, match="cannot be read"):
            convert_file(path)
        with pytest.raises(ConvertError, match="cannot be read"):
            detect_format(path.parent)


# Properties --------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
names = st.sampled_from(["lookup", "book", "cancel"])
calls = st.fixed_dictionaries(
    {"name": names, "arguments": st.dictionaries(st.sampled_from("abc"), texts)}
)
slot_values = st.dictionaries(st.sampled_from(["city", "day"]), texts | st.none())
raw_turns = st.one_of(
    st.builds(lambda text: {"role": "user", "content": text}, texts),
    st.builds(
        lambda text, slots: {"role": "assistant", "content": {"response": text, **slots}},
        texts,
        slot_values,
    ),
    st.builds(
        lambda call, slots: {"role": "tool_call", "content": {"response": call, **slots}},
        calls,
        slot_values,
    ),
    st.builds(lambda value: {"role": "tool_response", "content": value}, texts | calls),
)
raw_conversations = st.lists(raw_turns, min_size=1, max_size=10)


@st.composite
def openai_conversations(draw: st.DrawFn) -> dict[str, Any]:
    """Messages with parallel calls, each of which is answered, in any order."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": draw(texts)}]
    for _ in range(draw(st.integers(1, 5))):
        messages.append({"role": "user", "content": draw(texts)})
        called = draw(st.lists(calls, max_size=3))
        if called:
            tool_calls = [openai_call(f"id{i}", call) for i, call in enumerate(called)]
            messages.append({"role": "assistant", "content": None, "tool_calls": tool_calls})
            for call in draw(st.permutations(tool_calls)):
                answer = {"role": "tool", "tool_call_id": call["id"], "content": draw(texts)}
                messages.append(answer)
        messages.append({"role": "assistant", "content": draw(texts)})
    return {"messages": messages}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=8,
)
known_keys = st.sampled_from(
    [
        *("role", "content", "response", "think", "name", "arguments", "tool", "parameters"),
        *("tool_calls", "tool_call_id", "function", "function_call", "id", "type", "text"),
        *("weight", "phone"),
    ]
)
known_words = st.sampled_from(
    ["user", "system", "developer", "assistant", "tool", "function", "tool_call", "tool_response"]
)
odd_fields = st.recursive(
    json_values | st.builds(json.dumps, json_values),
    lambda inner: (
        st.dictionaries(known_keys, inner, max_size=3)
        | st.lists(inner, max_size=3)
        | st.builds(json.dumps, inner)
    ),
    max_leaves=6,
)
odd_turns = st.builds(
    lambda role, fields: {**fields, "role": role},
    known_words,
    st.dictionaries(known_keys, odd_fields, max_size=4),
)
odd_conversations = st.lists(odd_turns | raw_turns, max_size=4)
odd_records = odd_conversations | st.dictionaries(
    st.sampled_from(["messages", "turns", "history", "tools", "functions", "decision"]),
    odd_conversations | odd_fields | st.just(TOOLS),
    max_size=3,
)


DECIDERS = ("assistant", "tool_call")


def decisions_of(turns: list[dict[str, Any]]) -> list[Any]:
    """What a raw conversation decides: all but greetings and announcements of calls.

    "" stands for the decision that no further call follows.
    """
    decided: list[Any] = []
    runs = [list(run) for _, run in groupby(turns, lambda turn: turn["role"] in DECIDERS)]
    has_several = any(sum(turn["role"] == "tool_call" for turn in run) > 1 for run in runs)
    for run, after in zip(runs, [*runs[1:], [{"role": "end"}]], strict=True):
        if run[0]["role"] not in DECIDERS:
            continue
        called = [place for place, turn in enumerate(run) if turn["role"] == "tool_call"]
        is_answered = bool(called) and after[0]["role"] == "tool_response"
        last = len(run) if is_answered else max(called, default=-1)
        for place, turn in enumerate(run):
            if turn["role"] == "tool_call" or place > last:
                decided.append(turn["content"]["response"])
            if called[-1:] == [place] and has_several:
                decided.append("")
    return decided


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("convert") / "conversations.json"


def check_samples(samples: list[dict[str, Any]]) -> None:
    """What holds for all samples, whatever they come from."""
    for sample in samples:
        fields = ["tools", "history", "decision", "tool", "slots", "content", "conversation"]
        assert list(sample) == fields
        Sample.model_validate(sample)
        json.dumps(sample, ensure_ascii=False, allow_nan=False).encode()
        assert sample["slots"].keys() == samples[0]["slots"].keys()
        assert all(isinstance(value, str) for value in sample["slots"].values())


def check_histories_grow(samples: list[dict[str, Any]]) -> None:
    for earlier, later in pairwise(samples):
        grown = len(earlier["history"])
        assert later["history"][:grown] == earlier["history"]
        if decided := earlier["tool"] or earlier["content"]:
            assert later["history"][grown]["content"] == decided


@settings(deadline=None)
@given(turns=raw_conversations)
def test_each_raw_decision_is_a_sample(turns: list[dict[str, Any]], shared_path: Path) -> None:
    samples = convert(shared_path, turns)
    check_samples(samples)
    check_histories_grow(samples)
    decided = decisions_of(turns)
    is_opening = turns[0]["role"] in DECIDERS
    assert [sample["tool"] or sample["content"] for sample in samples] == decided[is_opening:]


@settings(deadline=None)
@given(record=openai_conversations(), slots=st.sets(st.sampled_from("abc")))
def test_each_openai_decision_is_a_sample(
    record: dict[str, Any], slots: set[str], shared_path: Path
) -> None:
    samples = convert(shared_path, record, slots=sorted(slots))
    check_samples(samples)
    check_histories_grow(samples)
    said = [message for message in record["messages"] if message["role"] == "assistant"]
    calls = [len(message["tool_calls"]) for message in said if "tool_calls" in message]
    stops = len(calls) if max(calls, default=0) > 1 else 0
    assert len(samples) == len(said) - len(calls) + sum(calls) + stops
    for sample in samples:
        said = [turn["content"] for turn in sample["history"] if turn["role"] == "user"]
        assert sample["slots"].keys() == slots
        values = [value for value in sample["slots"].values() if value]
        assert all(any(find_value(text, value) for text in said) for value in values)


@settings(deadline=None, max_examples=300)
@given(value=json_values | odd_records | st.lists(odd_records, max_size=3))
def test_any_json_gives_samples_or_a_convert_error(value: Any, shared_path: Path) -> None:
    try:
        check_samples(convert(shared_path, value, slots=["phone"]))
    except ConvertError as error:
        assert str(error).startswith(str(shared_path))


@settings(deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_give_samples_or_a_convert_error(data: bytes, shared_path: Path) -> None:
    shared_path.write_bytes(data)
    with pytest.raises(ConvertError):
        convert_file(shared_path)


def test_converting_needs_no_torch() -> None:
    code = "import sys, trm_engine.data.convert; sys.exit('torch' in sys.modules)"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
