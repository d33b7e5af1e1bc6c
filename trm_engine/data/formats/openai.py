"""OpenAI messages: chats with tools, as in fine-tuning files and request logs.

A record is ``{"messages": [...], "tools": [...]}``, with the older ``functions`` and
``function_call``, or the list of messages alone. Contents may be lists of parts. ``developer`` is a
system message, a refusal is an answer, ``weight`` 0 means that a message is not learnt.
"""

from __future__ import annotations

from functools import partial
from math import inf
from typing import Any

from trm_engine.data.fields import (
    ConvertError,
    as_call,
    as_list,
    as_name,
    as_object,
    as_text,
    each,
    json_or_text,
    present,
    response_of,
    role_of,
)
from trm_engine.data.formats.columns import (
    read_turns,
    reader,
    turns_in,
)
from trm_engine.data.formats.conversation import Call, Format, Match, Message, Role
from trm_engine.data.formats.text_calls import may_hold_calls

ROLES: dict[str, Role] = {
    "user": "user",
    "system": "system",
    "developer": "system",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
TEXT_PARTS = (None, "text", "input_text", "output_text", "refusal")
OTHER_PARTS = ("image_url", "input_audio", "file")
OTHER_ROLES = ("tool_call", "tool_response")


def matches(record: Any) -> Match:
    """Whether a record has messages with OpenAI's roles and contents."""
    turns = [turn for turn in turns_in(record) if isinstance(turn, dict)]
    roles = [turn["role"] for turn in turns if isinstance(turn.get("role"), str)]
    known = [turn for turn in turns if turn.get("role") in roles and turn["role"] in ROLES]
    is_other = any(role in OTHER_ROLES for role in roles) or not all(map(_has_content, known))
    if not roles or is_other or (len(turns) > 1 and len(known) * 2 < len(turns)):
        return Match.NO
    return Match.CERTAIN if any(map(_is_certain, known)) else Match.POSSIBLE


def _has_content(turn: dict[str, Any]) -> bool:
    """Whether the content of a message can be OpenAI's: text, or parts of its types."""
    content = turn.get("content")
    if isinstance(content, dict):
        return turn["role"] in ("tool", "function")
    if turn["role"] == "assistant" and {"think", "response"} & turn.keys():
        return False
    parts = content if isinstance(content, list) else []
    types = [part.get("type") for part in parts if isinstance(part, dict)]
    return all(each in (*TEXT_PARTS, *OTHER_PARTS) for each in types)


def _is_certain(turn: dict[str, Any]) -> bool:
    calls = present(turn.get("function_call")) or turn.get("tool_calls")
    return turn["role"] == "developer" or (turn["role"] == "assistant" and bool(calls))


def read_messages(messages: list[Any], where: str) -> tuple[Message, ...]:
    """The messages of a list in OpenAI's format."""
    read = read_turns(messages, where, _message)
    _require_calls(read)
    return tuple(read)


def _message(message: Any, where: str) -> Message:
    role = ROLES[role_of(message, tuple(ROLES), where)]
    if role == "tool":
        return _response(message, where)
    calls = _calls(message, where) if role == "assistant" else ()
    text = _said(message, where, is_needed=not calls)
    is_trained = message.get("weight") is None or message["weight"] != 0
    return Message(where, role, text, calls, is_trained=is_trained)


def _response(message: dict[str, Any], where: str) -> Message:
    content = message.get("content")
    if isinstance(content, str | list):
        content = response_of(_text(content, where))
    call_id, name = message.get("tool_call_id"), message.get("name")
    if call_id is not None:
        call_id = as_text(call_id, where, "tool_call_id")
    tool_name = name if isinstance(name, str) and name else None
    return Message(where, "tool", response=content, call_id=call_id, tool_name=tool_name)


def _said(message: dict[str, Any], where: str, is_needed: bool) -> str:
    """The text of a message. Only one with calls can do without."""
    content, refusal = message.get("content"), message.get("refusal")
    if content is None and isinstance(refusal, str):
        return refusal
    if content is None and not is_needed:
        return ""
    return _text(content, where)


def _text(content: Any, where: str) -> str:
    """Text, or the texts of a list of parts."""
    if not isinstance(content, list):
        return as_text(content, where, "content")
    return "".join(each(enumerate(content), partial(_part, where=where)))


def _part(item: tuple[int, Any], where: str) -> str:
    place = f"content[{item[0]}]"
    if isinstance(item[1], str):
        return item[1]
    part = as_object(item[1], where, place)
    key = "refusal" if part.get("type") == "refusal" else "text"
    return as_text(part.get(key), where, f"{place}.{key}")


def _calls(message: dict[str, Any], where: str) -> tuple[Call, ...]:
    """The calls of an assistant's message."""
    if (function_call := present(message.get("function_call"))) is not None:
        return (Call(*as_call(function_call, where, "function_call")),)
    calls = message.get("tool_calls")
    calls = json_or_text(calls) if isinstance(calls, str) else calls
    if calls is None or calls == "":
        return ()
    given = [item for item in enumerate(as_list(calls, where, "tool_calls")) if item[1] is not None]
    return tuple(each(given, lambda item: _call(item[1], where, f"tool_calls[{item[0]}]")))


def _call(value: Any, where: str, place: str) -> Call:
    """One of ``tool_calls``: under ``function``, as a custom tool's text, or flat."""
    call = as_object(value, where, place)
    call_id = call.get("id")
    if call_id is not None:
        call_id = as_text(call_id, where, f"{place}.id")
    if (custom := present(call.get("custom"))) is not None:
        custom = as_object(custom, where, f"{place}.custom")
        name = as_name(custom.get("name"), where, f"{place}.custom.name")
        return Call(name, {"input": custom.get("input", "")}, call_id)
    if call.get("function") is None and "name" in call:
        arguments = call["args"] if "args" in call else call.get("arguments")
        return Call(*as_call({**call, "arguments": arguments}, where, place), call_id)
    return Call(*as_call(call.get("function"), where, f"{place}.function"), call_id)


def _require_calls(messages: list[Message]) -> None:
    """Raise ConvertError for tool messages that no call is left for."""
    problems: list[str] = []
    left = 0.0
    for message in messages:
        if message.role != "tool":
            left = (left if message.role == "assistant" else 0) + len(message.calls)
            left += inf if message.role == "assistant" and may_hold_calls(message.text) else 0
        elif left:
            left -= 1
        else:
            problems.append(
                f"{message.where}: expected a tool message to follow the assistant message whose "
                "call it answers, but no call is left to answer"
            )
    if problems:
        raise ConvertError(*problems)


OPENAI = Format("openai", "OpenAI messages", matches, reader(read_messages))
