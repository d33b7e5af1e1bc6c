"""Anthropic messages: contents of blocks, with ``tool_use`` and ``tool_result`` among them.

A record is a request, ``{"system": …, "messages": […], "tools": […]}``, or a log of it (under
``request``, ``params`` or ``body``) and its response. A user message holds the responses to all
calls of the message before. Bedrock's blocks are read, too: ``{"toolUse": …}``.
Source: docs.anthropic.com, Messages API.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from trm_engine.data.fields import (
    as_arguments,
    as_name,
    as_object,
    each,
    present,
    response_of,
)
from trm_engine.data.formats.columns import (
    name_of,
    read_turns,
    tools_of,
    turns_in,
    turns_of,
    with_system,
)
from trm_engine.data.formats.conversation import Call, Conversation, Format, Match, Message, Role
from trm_engine.data.formats.parts import (
    id_of,
    is_learnt,
    objects_in,
    speaker_of,
    system_message,
    text_of,
)

CERTAIN_BLOCKS = ("tool_use", "tool_result", "thinking", "redacted_thinking", "server_tool_use")
REQUESTS = ("request", "params", "body")
RESPONSES = ("response", "result")
BEDROCK_BLOCKS = {"toolUse": "tool_use", "toolResult": "tool_result"}


def matches(record: Any) -> Match:
    """Whether a record has messages of users and assistants, with texts or blocks."""
    request = _request(record)
    turns = [*(turn for turn in turns_in(request) if isinstance(turn, dict)), *_answer(record)]
    if not turns or any(turn.get("role") not in ("user", "assistant") for turn in turns):
        return Match.NO
    if any(turn.get("tool_calls") or turn.get("function_call") for turn in turns):
        return Match.NO
    blocks = [block for turn in turns for block in objects_in(turn.get("content"))]
    if any(_kind(block) in CERTAIN_BLOCKS for block in blocks) or _has_input_schema(request):
        return Match.CERTAIN
    is_text = all(isinstance(turn.get("content"), str | list) for turn in turns)
    is_text = is_text and all(isinstance(block.get("text"), str) for block in blocks)
    return Match.POSSIBLE if is_text else Match.NO


def _request(record: Any) -> Any:
    """The request of a record: itself, or what it has under a key."""
    if isinstance(record, dict) and not turns_in(record):
        for key in REQUESTS:
            if isinstance(record.get(key), dict):
                return record[key]
    return record


def _answer(record: Any) -> list[dict[str, Any]]:
    """The assistant's turn that a log has beside its request."""
    if not isinstance(record, dict):
        return []
    for key in RESPONSES:
        response = record.get(key)
        inner = response.get("message", response) if isinstance(response, dict) else None
        if isinstance(inner, dict) and objects_in(inner.get("content")):
            return [{"role": "assistant", "content": inner["content"]}]
    return []


def _kind(block: dict[str, Any]) -> Any:
    found = (kind for key, kind in BEDROCK_BLOCKS.items() if present(block.get(key)) is not None)
    return next(found, block.get("type"))


def _has_input_schema(record: Any) -> bool:
    tools = objects_in(tools_of(record))
    return any(isinstance(tool.get("input_schema"), dict) for tool in tools)


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    request = _request(record)
    messages = read_messages([*turns_of(request, where), *_answer(record)], where)
    if isinstance(request, dict):
        messages = with_system(system_message(request.get("system"), where, "system"), messages)
    yield Conversation(where, messages, tools_of(request), name_of(record))


def read_messages(turns: list[Any], where: str) -> tuple[Message, ...]:
    """The messages of turns whose contents are texts or blocks."""
    return tuple(chain.from_iterable(read_turns(turns, where, _messages)))


def _messages(turn: Any, where: str) -> list[Message]:
    """The responses in a turn, then what is said and called in it."""
    role, content = speaker_of(turn, "role", where), as_object(turn, where, None).get("content")
    blocks = content if isinstance(content, list) else []
    places = [(f"content[{i}]", block) for i, block in enumerate(blocks)]
    blocks = [(place, block) for place, block in places if isinstance(block, dict)]
    responses = each(
        [block for block in blocks if _kind(block[1]) == "tool_result"],
        lambda block: _response(block[1], where, block[0]),
    )
    calls = each(
        [block for block in blocks if _kind(block[1]) == "tool_use"],
        lambda block: _call(block[1], where, block[0]),
    )
    text = _text(content, where)
    if responses and not text and not calls:
        return responses
    said: Role = "assistant" if role == "call" else "user" if role == "tool" else role
    return [*responses, Message(where, said, text, tuple(calls), is_trained=is_learnt(turn))]


def _text(content: Any, where: str) -> str:
    """What is said, without blocks that are no text."""
    if isinstance(content, list):
        content = [b for b in content if not isinstance(b, dict) or _kind(b) in ("text", None)]
    return text_of(content, where, "content")


def _call(block: dict[str, Any], where: str, place: str) -> Call:
    call = present(block.get("toolUse")) or block
    name = as_name(as_object(call, where, place).get("name"), where, f"{place}.name")
    arguments = as_arguments(call.get("input"), where, f"{place}.input")
    return Call(name, arguments, id_of(call.get("id") or call.get("toolUseId")))


def _response(block: dict[str, Any], where: str, place: str) -> Message:
    """A response. What a failed call returns stands under ``error``."""
    result = as_object(present(block.get("toolResult")) or block, where, place)
    value = _response_value(result.get("content"), where, f"{place}.content")
    if result.get("is_error") is True or result.get("status") == "error":
        value = {"error": value}
    call_id = id_of(result.get("tool_use_id") or result.get("toolUseId"))
    return Message(where, "tool", response=value, call_id=call_id)


def _response_value(content: Any, where: str, place: str) -> Any:
    if isinstance(content, dict):
        return content
    values = [found for block in objects_in(content) if (found := present(block.get("json")))]
    if values:
        return values[0] if len(values) == 1 else values
    return response_of(text_of(content, where, place))


ANTHROPIC = Format("anthropic", "Anthropic messages", matches, read)
