"""Samples: what a line must be, and how what is wrong with it is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import TOOLS, dialogues, sample, write_jsonl
from trm_engine.data.sample_reader import SampleReader, iter_lines
from trm_engine.data.samples import (
    Sample,
    Turn,
    _parse_line,
    explain,
    parse_conversation,
    parse_sample,
)
from trm_engine.errors import DataError

CALL = {"name": "find_customer", "arguments": {"phone": "0901"}}
GOOD = sample()


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in GOOD.items() if name != key}


def turns(*given: dict[str, Any]) -> dict[str, Any]:
    return sample(history=list(given))


def refusal(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        list(SampleReader(path))
    return str(caught.value).replace(f"{path.parent}/", "")


def reasons(record: Any) -> list[str]:
    with pytest.raises(ValueError) as caught:
        parse_sample(json.dumps(record).encode())
    return explain(caught.value)


BAD_LINES: list[tuple[dict[str, Any] | bytes, str]] = [
    (b'{"history": [', "broken JSON at column 14: Expecting value"),
    (b"hello", "broken JSON at column 1: Expecting value"),
    (b'{"a": 1} x', "broken JSON at column 10: Extra data"),
    (b"[1]", "expected a JSON object, not list"),
    (b'{"content": "\xff"}', "not UTF-8 text (byte 14 of the line)"),
    (b'{"content": "\xc3', "not UTF-8 text (byte 14 of the line)"),
    (b'{"content": "\\ud83d"}', "\\ud83d is half of a character, the other half is missing"),
    (b"[" * 100_000, "JSON is nested too deeply"),
    (without("history"), "history: missing"),
    (without("decision"), "decision: missing"),
    (without("slots"), "slots: missing"),
    ({**without("slots"), "slot": {}}, "slots: missing (there is 'slot')"),
    (sample(history=[]), "history: expected 1 or more entries, not 0"),
    (sample(history="hi"), 'history: expected a list, not "hi"'),
    (
        turns({"role": "usr", "content": "hi"}),
        "history[0].role: unknown role 'usr' (did you mean 'user'?): "
        "expected one of user, system, assistant, tool_call, tool_response",
    ),
    (
        turns({"role": "user", "content": "hi"}, {"role": "user"}),
        "history[1].content: missing",
    ),
    (
        turns({"role": "user", "contents": "hi"}),
        "history[0].content: missing (there is 'contents')",
    ),
    (
        turns({"role": "user", "content": {"a": 1}}),
        "history[0]: content of a user turn must be text",
    ),
    (
        turns({"role": "tool_call", "content": "look it up"}),
        "history[0]: content of a tool_call turn must be {name, arguments}: "
        "broken JSON at column 1: Expecting value",
    ),
    (
        turns({"role": "tool_call", "content": {"nme": "f"}}),
        "history[0]: content of a tool_call turn must be {name, arguments}",
    ),
    (
        turns({"role": "tool_call", "content": "[" * 100_000}),
        "history[0]: content of a tool_call turn must be {name, arguments}: "
        "JSON is nested too deeply",
    ),
    (
        turns({"role": "tool_call", "content": '{"name": "\\ud800"}'}),
        "history[0]: content of a tool_call turn must be {name, arguments}: "
        "\\ud800 is half of a character, the other half is missing",
    ),
    (
        sample(decision="tool_cal"),
        "decision: unknown decision 'tool_cal' (did you mean 'tool_call'?): "
        "expected tool_call or direct_answer",
    ),
    (sample(decision=1), "decision: expected text, not 1"),
    (
        sample(decision="tool_call"),
        "decision is tool_call, so tool must be {name, arguments}",
    ),
    (
        sample(decision="tool_call", tool={"name": "", "arguments": {}}),
        "decision is tool_call, so tool must be {name, arguments}",
    ),
    (sample(decision="tool_call", tool={"nme": "f"}), "tool.name: missing (there is 'nme')"),
    (sample(tool=CALL), "decision is direct_answer, so tool must be {}"),
    (
        sample(decision="tool_call", tool={"name": "find_custmer"}, tools=TOOLS),
        "tool 'find_custmer' is not among tools (did you mean 'find_customer'?)",
    ),
    (sample(slots=["phone"]), 'slots: expected names with values, not ["phone"]'),
    (
        sample(tools=[{"function": {"name": "f", "parameters": {"properties": ["a"]}}}]),
        "tools[0].function.parameters: properties must be an object",
    ),
    (
        sample(tools=[{"function": {"name": "f", "parameters": {"properties": {"a": 1}}}}]),
        "tools[0].function.parameters: every property must be an object",
    ),
    (
        sample(
            tools=[{"function": {"name": "f", "parameters": {"properties": {"a": {"enum": 5}}}}}]
        ),
        "tools[0].function.parameters: the enum of a property must be a list",
    ),
    (
        sample(slots={"phone": "", "name": ""}),
        "slots: 'plan' is missing; every line has the slots of most lines, empty ones as \"\"",
    ),
    (
        sample(slots={**GOOD["slots"], "phon": ""}),
        "slots: 'phon' is not a slot of most lines (did you mean 'phone'?)",
    ),
]


@pytest.mark.parametrize(("bad", "message"), BAD_LINES, ids=[text[:40] for _, text in BAD_LINES])
def test_a_bad_line_is_told_with_file_line_and_field(
    tmp_path: Path, bad: dict[str, Any] | bytes, message: str
) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [GOOD, b"", bad, GOOD])
    assert refusal(path) == (
        f"data.jsonl, line 3: {message}\n"
        "(trm-tui train --set data.on_error=skip leaves bad lines out)"
    )


def test_everything_wrong_with_a_line_is_told() -> None:
    assert reasons({"history": [{"role": "x"}], "tool": 3}) == [
        "history[0].role: unknown role 'x': "
        "expected one of user, system, assistant, tool_call, tool_response",
        "history[0].content: missing",
        "decision: missing",
        "tool: expected names with values, not 3",
        "slots: missing",
    ]


def test_the_first_problems_are_told_and_the_others_counted(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [GOOD, *[b"{"] * 8])
    lines = refusal(path).splitlines()
    assert [line.split(":")[0] for line in lines[:5]] == [
        f"data.jsonl, line {number}" for number in range(2, 7)
    ]
    assert lines[5].startswith("... and 3 more problems; `trm-tui data check data.jsonl`")


def test_a_first_line_that_is_bad_does_not_decide_the_slots(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [sample(decision="?", slots={"a": ""}), GOOD, GOOD])
    reader = SampleReader(path, "skip")
    assert [line.number for line, _ in reader] == [2, 3]
    assert [str(problem).split(", ")[1] for problem in reader.problems] == [
        "line 1: decision: unknown decision '?': expected tool_call or direct_answer",
        "line 1: slots: 'name' is missing; every line has the slots of most lines",
    ]


def test_of_as_many_lines_the_first_ones_decide_the_slots(tmp_path: Path) -> None:
    other = sample(slots={"a": ""})
    path = write_jsonl(tmp_path / "data.jsonl", [other, GOOD, GOOD, other])
    reader = SampleReader(path, "skip")
    assert [line.number for line, _ in reader] == [1, 4]


def test_skip_leaves_bad_lines_out_and_lists_every_problem(tmp_path: Path) -> None:
    bad = [line for line, _ in BAD_LINES]
    path = write_jsonl(tmp_path / "data.jsonl", [GOOD, *bad, GOOD])
    reader = SampleReader(path, "skip")
    for _ in range(2):  # a second reading does not count twice
        assert [line.number for line, _ in reader] == [1, len(bad) + 2]
        assert [problem.message for problem in reader.problems] == [text for _, text in BAD_LINES]
        assert [problem.line for problem in reader.problems] == list(range(2, len(bad) + 2))
    assert str(reader.problems[0]).startswith(f"{path}, line 2: broken JSON")


@pytest.mark.parametrize("content", [b"", b"\n", b" \r\n\t\n"])
def test_an_empty_file_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(content)
    assert refusal(path) == "data.jsonl: the file is empty; expected one JSON object a line"


def test_a_file_without_a_usable_line_is_an_error_in_either_mode(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "data.jsonl", [b"{"])
    with pytest.raises(DataError, match=r"no line is usable\n.*line 1: broken JSON"):
        list(SampleReader(path, "skip"))


def test_a_missing_file_suggests_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(DataError) as caught:
        list(SampleReader(tmp_path / "trian.jsonl"))
    assert str(caught.value).endswith("trian.jsonl: no such file (did you mean 'train.jsonl'?)")
    with pytest.raises(DataError, match="Is a directory"):
        list(SampleReader(tmp_path))


def test_lines_know_their_place(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b'\n{"history": [{"role": "\xc3\xa9", "content": 1}]}\r\n   \n{"b": 1}')
    raw = path.read_bytes()
    lines = list(iter_lines(path))
    assert [line.number for line in lines] == [2, 4]
    assert all(raw[line.offset :].startswith(line.raw) for line in lines)


def test_varied_samples_are_read_as_they_are(data_file: Path) -> None:
    read = [each for _, each in SampleReader(data_file)]
    assert len(read) == 60
    assert [each.slots for each in read] == [each["slots"] for each in dialogues()]
    assert [each.tool.name if each.tool else None for each in read[:3]] == [
        None,
        "find_customer",
        "change_plan",
    ]


@pytest.mark.parametrize("tool", [None, {}, "", {"name": ""}, {"name": None, "arguments": None}])
def test_no_tool_has_many_spellings(tool: Any) -> None:
    assert parse_sample(json.dumps(sample(tool=tool)).encode()).tool is None


def test_unknown_keys_are_passed_over_and_conversations_need_no_answer() -> None:
    record = {"history": [{"role": "user", "content": "hi", "time": 3}], "id": 7}
    assert parse_conversation(json.dumps(record).encode()).history[0].text() == "hi"
    assert parse_sample(json.dumps(sample(id=7)).encode()).content == "Hello!"


def test_tool_turns_are_compact_json() -> None:
    assert Turn(role="tool_call", content=json.dumps(CALL, indent=2)).text() == (
        '{"name":"find_customer","arguments":{"phone":"0901"}}'
    )
    assert Turn(role="tool_response", content=["é", 1, None]).text() == '["é",1,null]'
    assert Turn(role="tool_response", content="as it is { ").text() == "as it is { "


def test_a_whole_emoji_may_be_escaped() -> None:
    raw = json.dumps(turns({"role": "user", "content": "hi 😀"})).encode()
    assert b"\\ud83d\\ude00" in raw
    assert parse_sample(raw).history[0].text() == "hi 😀"


scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters())
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


def mutated(record: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Samples of which some keys have any value, and some turn or tool too."""
    turn = st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["user", "tool_call"]) | scalars,
            "content": json_values | st.just('{"name": "f"}'),
        },
    )
    schema = st.fixed_dictionaries({}, optional={"properties": json_values})
    function = st.fixed_dictionaries({}, optional={"name": scalars, "parameters": schema})
    tool = st.fixed_dictionaries({}, optional={"type": scalars, "function": function})
    fields: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(record, json_values)
    fields["history"] = st.lists(turn | json_values, max_size=3)
    fields["tools"] = st.lists(tool | json_values, max_size=2)
    fields["decision"] = st.sampled_from(["tool_call", "direct_answer"]) | json_values
    return st.fixed_dictionaries({}, optional=fields).map(lambda changes: {**record, **changes})


def read_or_explain(raw: bytes) -> None:
    try:
        read = parse_sample(raw)
    except ValueError as error:
        messages = explain(error)
        assert messages and all(messages)
    else:
        for turn in read.history:
            turn.text().encode("utf-8")


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_explained(raw: bytes) -> None:
    read_or_explain(raw)


@given(json_values)
def test_any_json_is_read_or_explained(value: Any) -> None:
    read_or_explain(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(mutated(sample(tool=CALL, decision="tool_call")))
def test_any_broken_sample_is_read_or_explained(record: dict[str, Any]) -> None:
    read_or_explain(json.dumps(record).encode())


def explained(raw: bytes) -> Sample | list[str]:
    """What reading a line gives when Python's own reader reads it, not the quick one."""
    try:
        return Sample.model_validate(_parse_line(raw))
    except ValueError as error:
        return explain(error)


def verdict(raw: bytes) -> Sample | list[str]:
    try:
        return parse_sample(raw)
    except ValueError as error:
        return explain(error)


def spelled(record: dict[str, Any]) -> st.SearchStrategy[bytes]:
    """A line for a record: escaped or not, with other white space, or with a byte changed."""
    line = st.builds(
        lambda escaped, indent, around: (
            around + json.dumps(record, ensure_ascii=escaped, indent=indent) + around
        ).encode("utf-8", "surrogatepass"),
        st.booleans(),
        st.sampled_from([None, 1]),
        st.sampled_from(["", " ", "\n", "\v", "\ufeff"]),
    )
    place, byte = st.integers(0, 400), st.binary(min_size=1, max_size=1)
    return line | st.builds(lambda raw, at, new: raw[:at] + new + raw[at + 1 :], line, place, byte)


@given(mutated(sample(tools=TOOLS)).flatmap(spelled))
def test_a_quickly_read_line_gets_the_verdict_of_the_whole_check(raw: bytes) -> None:
    assert verdict(raw) == explained(raw)


NUMBERS = ["1e999", "-1e999", "NaN", "-0", "-0.0", "1E5", "0.1", "9" * 30, "9" * 5000, "1e-5000"]


@pytest.mark.parametrize("number", NUMBERS)
@pytest.mark.parametrize("field", ["slots", "tools", "id"])
def test_numbers_of_any_size_get_the_verdict_of_the_whole_check(number: str, field: str) -> None:
    tool = {"function": {"name": "f", "parameters": {"x": "NUMBER"}}}
    record = sample(**{field: [tool] if field == "tools" else {"a": "NUMBER"}})
    raw = json.dumps(record).replace('"NUMBER"', number).encode()
    assert repr(verdict(raw)) == repr(explained(raw))


def test_lines_share_the_tools_that_they_repeat() -> None:
    raw = json.dumps(sample(tools=TOOLS)).encode()
    one, other = parse_sample(raw), parse_sample(raw)
    assert one == other
    assert one.tools is not other.tools
    assert one.tools[0] is other.tools[0]
