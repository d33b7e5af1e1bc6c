"""OpenAI Responses: input and output items, as requests have them and logs store them.

A record has items under ``input``, ``output`` or ``items``, or is a list of them, with
``instructions`` and ``tools`` in their flat shape. A request and its response may stand apart,
under ``request`` and ``response``. Calls that follow each other are made together.
Source: platform.openai.com, API reference of responses.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from trm_engine.data.fields import as_object, fail, response_of
from trm_engine.data.formats.columns import name_of, read_turns, with_system
from trm_engine.data.formats.conversation import Call, Conversation, Format, Match, Message
from trm_engine.data.formats.parts import (
    call_of,
    id_of,
    objects_in,
    speaker_of,
    system_message,
    text_of,
)
from trm_engine.errors import did_you_mean

LISTS = ("items", "input", "output")
CALLS = ("function_call", "custom_tool_call", "mcp_call")
OUTPUTS = ("function_call_output", "custom_tool_call_output")
UNHEARD = ("reasoning", "item_reference", "mcp_list_tools", "mcp_approval_request", "compaction")
"""Items that are neither said nor called."""
HOSTED = "_call"
"""In the types of what OpenAI runs itself, such as web_search_call, and of its output."""


def matches(record: Any) -> Match:
    """Whether a record has items of which some are calls, outputs or reasoning."""
    items = _items(record)
    kinds = {item["type"] for item in items if isinstance(item.get("type"), str)}
    if kinds & {*CALLS, *OUTPUTS, "reasoning"}:
        return Match.CERTAIN
    is_response = isinstance(record, dict) and record.get("object") == "response"
    is_said = items and all("role" in item and "content" in item for item in items)
    if is_said and (is_response or "message" in kinds):
        return Match.CERTAIN
    has_list = isinstance(record, dict) and any(objects_in(record.get(key)) for key in LISTS)
    return Match.POSSIBLE if is_said and has_list else Match.NO


def _sources(record: Any) -> list[dict[str, Any]]:
    """The objects that a record has items in: itself, or its request and its response."""
    if not isinstance(record, dict):
        return []
    apart = [record[key] for key in ("request", "response") if isinstance(record.get(key), dict)]
    return [record, *(inner.get("body", inner) for inner in apart)]


def _items(record: Any) -> list[dict[str, Any]]:
    if isinstance(record, list):
        return objects_in(record)
    items: list[dict[str, Any]] = []
    for source in filter(lambda source: isinstance(source, dict), _sources(record)):
        for key in LISTS:
            value = source.get(key)
            if key == "input" and isinstance(value, str):
                value = [{"role": "user", "content": value}]
            found = objects_in(value)
            if not found or found != items[: len(found)]:  # a response may repeat its input
                items += found
    return items


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    items = _items(record)
    if not items:
        fail(where, None, "items under input, output or items", record)
    messages = read_messages(items, where)
    instructions = _first(record, "instructions")
    if isinstance(instructions, list):  # items, such as developer messages
        messages = (*read_messages(instructions, where), *messages)
    else:
        messages = with_system(system_message(instructions, where, "instructions"), messages)
    yield Conversation(where, messages, _first(record, "tools"), name_of(record))


def _first(record: Any, key: str) -> Any:
    return next((source[key] for source in _sources(record) if source.get(key) is not None), None)


def read_messages(items: list[Any], where: str) -> tuple[Message, ...]:
    """The messages of items, those of calls that follow each other as one."""
    read = read_turns(items, where, _messages, "item")
    messages: list[Message] = []
    heard = [message for messages in read for message in messages]
    for is_call, group in groupby(heard, lambda message: bool(message.calls)):
        found = list(group)
        calls = tuple(call for message in found for call in message.calls)
        messages += [Message(found[0].where, "assistant", calls=calls)] if is_call else found
    return tuple(messages)


def _messages(item: Any, where: str) -> list[Message]:
    """The messages that an item stands for; none if it is neither said nor called."""
    kind = as_object(item, where, None).get("type") or "message"
    if kind == "message":
        return [_said(item, where)]
    if kind in CALLS:
        call = Message(where, "assistant", calls=(_call(item, kind, where),))
        has_output = kind == "mcp_call" and item.get("output") is not None
        return [call, _output(item, where)] if has_output else [call]
    if kind in OUTPUTS:
        return [_output(item, where)]
    if kind in UNHEARD or HOSTED in str(kind):
        return []
    known = ("message", *CALLS, *OUTPUTS, *UNHEARD)
    fail(where, "type", f"one of {', '.join(known)}", kind, did_you_mean(str(kind), known))


def _said(item: dict[str, Any], where: str) -> Message:
    role = speaker_of(item, "role", where)
    text = text_of(item.get("content"), where, "content")
    if role == "tool":
        return Message(where, "tool", response=response_of(text))
    return Message(where, "assistant" if role == "call" else role, text)


def _call(item: dict[str, Any], kind: str, where: str) -> Call:
    call_id = item.get("call_id") or item.get("id")
    if kind == "custom_tool_call":  # its input is free text
        item = {"name": item.get("name"), "arguments": {"input": item.get("input") or ""}}
    return call_of(item, where, None, call_id)


def _output(item: dict[str, Any], where: str) -> Message:
    output = item.get("output")
    if isinstance(output, str | list):
        output = response_of(text_of(output, where, "output"))
    call_id = id_of(item.get("call_id") or item.get("id"))
    return Message(where, "tool", response=output, call_id=call_id)


RESPONSES = Format("responses", "OpenAI Responses items", matches, read)
