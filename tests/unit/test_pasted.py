"""What is pasted: conversations in every form that people have them in, or just text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.errors import DataError
from trm_tui.sessions.pasted import read_conversation
from trm_tui.store.draft import Draft, DraftTurn

USER = {"role": "user", "content": "A table in Rome"}
NO_PARAMETERS = {"type": "object", "properties": {}}
TOOL = {"type": "function", "function": {"name": "find", "parameters": NO_PARAMETERS}}
SAMPLE: dict[str, Any] = {
    "tools": [TOOL],
    "history": [USER, {"role": "tool_call", "content": {"name": "find", "arguments": {}}}],
    "decision": "direct_answer",
    "tool": {},
    "slots": {"city": "Rome"},
    "content": "Here it is.",
    "conversation": "dialogue 7",
}


def pasted(value: Any) -> Draft | None:
    return read_conversation(json.dumps(value))


def turns(value: Any) -> list[tuple[str, Any]]:
    draft = pasted(value)
    assert draft is not None
    return [(turn.role, turn.content) for turn in draft.turns]


def call(number: int, **arguments: Any) -> dict[str, Any]:
    function = {"name": f"tool_{number}", "arguments": json.dumps(arguments)}
    return {"id": f"id{number}", "type": "function", "function": function}


def response(number: int, content: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": f"id{number}", "content": content}


def called(number: int, **arguments: Any) -> tuple[str, Any]:
    return "tool_call", {"name": f"tool_{number}", "arguments": arguments}


# Conversations --------------------------------------------------------------------------------


def test_a_sample_is_pasted_with_its_tools_and_its_right_answer() -> None:
    draft = pasted(SAMPLE)
    assert draft == Draft.of(SAMPLE)
    assert draft and draft.right_answer and draft.right_answer["slots"] == {"city": "Rome"}
    assert list(draft.tools) == [TOOL]


def test_a_history_alone_is_a_conversation() -> None:
    assert pasted({"history": [USER]}) == Draft((DraftTurn("user", "A table in Rome"),))


@pytest.mark.parametrize("key", ["conversation", "history", "turns", "messages"])
def test_turns_may_have_any_of_the_names_that_files_give_them(key: str) -> None:
    assert turns({key: [USER]}) == [("user", "A table in Rome")]


def test_a_list_of_turns_is_a_conversation() -> None:
    value = [USER, {"role": "tool_response", "content": {"found": 2}}]
    assert turns(value) == [("user", "A table in Rome"), ("tool_response", {"found": 2})]


def test_blanks_and_line_breaks_around_do_not_matter() -> None:
    text = "\r\n " + json.dumps([USER], indent=2) + "\n"
    assert read_conversation(text) == pasted([USER])


def test_openai_messages_with_a_call_become_turns() -> None:
    messages = [
        {"role": "developer", "content": "You help."},
        USER,
        {"role": "assistant", "content": None, "tool_calls": [call(1, city="Rome")]},
        response(1, '{"found": 2}'),
        {"role": "assistant", "content": "Two."},
    ]
    expected = [
        ("system", "You help."),
        ("user", "A table in Rome"),
        called(1, city="Rome"),
        ("tool_response", {"found": 2}),
        ("assistant", "Two."),
    ]
    draft = pasted({"messages": messages, "tools": [TOOL]})
    assert draft and list(draft.tools) == [TOOL]
    assert turns({"messages": messages}) == turns(messages) == expected


def test_calls_made_together_stand_before_their_responses() -> None:
    both = {"role": "assistant", "content": None, "tool_calls": [call(1), call(2)]}
    value = [USER, both, response(2, "second"), response(1, "first")]
    assert turns(value)[1:] == [
        called(1),
        called(2),
        ("tool_response", "first"),
        ("tool_response", "second"),
    ]


def test_a_call_that_nothing_answers_is_the_last_turn() -> None:
    value = [USER, {"role": "assistant", "tool_calls": [call(1)]}]
    assert turns(value)[-1] == called(1)


def test_function_calls_of_older_files_are_read() -> None:
    function = {"name": "tool_1", "arguments": "{}"}
    value = [
        USER,
        {"role": "assistant", "content": None, "function_call": function},
        {"role": "function", "name": "tool_1", "content": "done"},
    ]
    assert turns(value)[1:] == [called(1), ("tool_response", "done")]


def test_a_function_call_at_the_end_is_read() -> None:
    function = {"name": "tool_1", "arguments": "{}"}
    value = [USER, {"role": "assistant", "content": None, "function_call": function}]
    assert turns(value)[1:] == [called(1)]


def test_content_in_parts_is_read() -> None:
    parts = [{"type": "text", "text": "A table "}, {"type": "text", "text": "in Rome"}]
    assert turns([{"role": "user", "content": parts}]) == [("user", "A table in Rome")]


@pytest.mark.parametrize("more", [{"functions": [{"name": "find"}]}, {"tools": [{"name": "find"}]}])
def test_tools_are_read_whether_or_not_one_is_called(more: dict[str, Any]) -> None:
    draft = pasted({"messages": [USER], **more})
    assert draft and [tool["function"]["name"] for tool in draft.tools] == ["find"]


# No conversations -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A table in Rome",
        '{"history": [',
        "null",
        "3",
        '"history"',
        "[]",
        "[1, 2]",
        '[{"content": "no role"}]',
        '[{"role": "user", "content": "x"}, 3]',
        '{"history": []}',
        '{"history": "long"}',
        '{"name": "find", "arguments": {}}',
        "[" * 100_000,
    ],
)
def test_other_text_is_just_text(text: str) -> None:
    assert read_conversation(text) is None


@given(st.text(max_size=60))
def test_any_text_that_is_no_json_is_just_text(text: str) -> None:
    assert read_conversation("x" + text) is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["user", "assistant", "tool", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["role", "content", "history", "messages", "tools", "tool_calls", "function"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(VALUES)
def test_any_json_is_a_conversation_or_text_or_wrong(value: Any) -> None:
    try:
        draft = pasted(value)
    except DataError as error:
        assert str(error)
        return
    assert draft is None or draft.turns


# Wrong ones -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"history": [USER, {"role": "user", "content": 3}]}, "history[1]"),
        ([{"role": "tool_call", "content": "find it"}], "history[0]"),
        ({"history": [USER], "tools": [{"function": {}}]}, "tools[0].function.name"),
        ([USER, {"role": "toool", "content": "x"}], "turn 2, field 'role'"),
        ([USER, {"role": "user"}], "turn 2, field 'content'"),
        ([USER, response(1, "nothing called me")], "turn 2: expected a tool message to follow"),
        (
            [USER, {"role": "assistant", "tool_calls": [{"function": {"name": ""}}]}],
            "turn 2, field 'tool_calls[0].function.name'",
        ),
        (
            [USER, {"role": "assistant", "tool_calls": [call(1)]}, response(2, "x")],
            "turn 3, field 'tool_call_id'",
        ),
    ],
)
def test_a_wrong_conversation_names_the_place(value: Any, words: str) -> None:
    with pytest.raises(DataError) as caught:
        pasted(value)
    assert words in str(caught.value)
