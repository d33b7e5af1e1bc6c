"""Raw conversations: turns that carry answers, calls and slot fields.

A record is a list of turns, or an object with ``tools`` and the turns under ``conversation``,
``history``, ``turns`` or ``messages``. An assistant or tool_call turn carries an object, in
``content`` (JSON text will do) or in the turn itself::

    {"think": "…", "response": "…", "phone": "0901234567", "address": null}

``response`` is the answer; in a tool_call turn it is the call, ``{"name": …, "arguments": {…}}``,
which may also stand under ``tool``, or as ``name`` and ``arguments`` beside the other keys. Every
other key except ``think`` is a slot with its value so far. Plain text as an assistant's content is
an answer without slots.
"""

from __future__ import annotations

import json
from typing import Any

from trm_engine.data.fields import (
    as_call,
    as_text,
    fail,
    json_or_text,
    looks_like_object,
    object_or_json,
    response_of,
    role_of,
)
from trm_engine.data.formats.columns import (
    read_turns,
    reader,
    turns_in,
)
from trm_engine.data.formats.conversation import Call, Format, Match, Message

ROLES = ("user", "system", "assistant", "tool_call", "tool_response")
NO_SLOTS = {"role", "content", "think", "response", "tool", "arguments", "weight"}
SIGNS = {"think", "response"}


def matches(record: Any) -> Match:
    """Whether a record has turns with our roles, which carry answers and calls."""
    turns = [turn for turn in turns_in(record) if isinstance(turn, dict)]
    known = [turn for turn in turns if turn.get("role") in ROLES]
    if not known or len(known) * 2 < len(turns):
        return Match.NO
    if any(turn.get(key) is not None for turn in turns for key in ("tool_calls", "function_call")):
        return Match.NO
    if any(isinstance(turn.get("content"), list) for turn in known if turn["role"] != ROLES[-1]):
        return Match.NO
    roles = {turn["role"] for turn in known}
    is_certain = roles & {"tool_call", "tool_response"} or any(map(_carries, known))
    is_certain = is_certain or (not _has_messages(record) and any(map(_carries_json, known)))
    return Match.CERTAIN if is_certain else Match.POSSIBLE


def _has_messages(record: Any) -> bool:
    """Whether the turns stand under ``messages``, where an answer in JSON may be just that."""
    return isinstance(record, dict) and bool(turns_in(record, ("messages",)))


def _carries(turn: dict[str, Any]) -> bool:
    content = turn.get("content")
    fields = content.keys() if isinstance(content, dict) else turn.keys()
    return turn["role"] == "assistant" and bool(SIGNS & fields)


def _carries_json(turn: dict[str, Any]) -> bool:
    content = json_or_text(turn.get("content"))
    is_object = turn["role"] == "assistant" and isinstance(content, dict)
    return is_object and bool(SIGNS & content.keys())


def read_messages(turns: list[Any], where: str) -> list[Message]:
    """The messages of turns with our roles."""
    return read_turns(turns, where, _turn)


def _turn(turn: Any, where: str) -> Message:
    match role_of(turn, ROLES, where):
        case "assistant":
            return _answer(turn, where)
        case "tool_call":
            return _called(turn, where)
        case "tool_response":
            if "content" not in turn:
                fail(where, "content", "the tool's response", None)
            content = turn["content"]
            content = response_of(content) if isinstance(content, str) else content
            return Message(where, "tool", response=content)
        case "system":
            return Message(where, "system", as_text(turn.get("content"), where, "content"))
        case _:
            return Message(where, "user", as_text(turn.get("content"), where, "content"))


def _answer(turn: dict[str, Any], where: str) -> Message:
    fields = _carried_fields(turn, where)
    answer = as_text(fields.get("response"), where, "response")
    return Message(where, "assistant", answer, slots=_slots_in(fields, NO_SLOTS, where))


def _called(turn: dict[str, Any], where: str) -> Message:
    fields = _carried_fields(turn, where)
    call, used = _find_call(fields, where)
    slots = _slots_in(fields, NO_SLOTS | used, where)
    return Message(where, "assistant", calls=(call,), slots=slots)


def _carried_fields(turn: dict[str, Any], where: str) -> dict[str, Any]:
    """The object that an assistant or tool_call turn carries, in its content or in itself."""
    content = turn.get("content")
    if content is None or content == "":
        return turn
    if isinstance(content, dict):
        return content
    if looks_like_object(content):
        return object_or_json(content, where, "content")
    if turn["role"] == "assistant":
        return {"response": as_text(content, where, "content")}
    fail(where, "content", "an object with the call", content)


def _find_call(fields: dict[str, Any], where: str) -> tuple[Call, set[str]]:
    """The call in a tool_call turn's fields, and the keys it takes up beyond the usual ones."""
    for key in ("response", "tool"):
        if looks_like_object(fields.get(key)):
            return Call(*as_call(fields[key], where, key)), set()
    spread = {"arguments", "parameters"} & fields.keys()
    if isinstance(fields.get("tool"), str) and fields["tool"]:
        return Call(*as_call({**fields, "name": fields["tool"]}, where)), spread
    if "name" in fields and spread:
        return Call(*as_call(fields, where)), {"name"} | spread
    fail(where, "response", 'a call, {"name": …, "arguments": {…}}', fields.get("response"))


def _slots_in(fields: dict[str, Any], others: set[str], where: str) -> dict[str, str] | None:
    names = [name for name in fields if name not in others]
    return {name: _slot_text(fields[name], where, name) for name in names} or None


def _slot_text(value: Any, where: str, name: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict | list):
        fail(where, name, "a slot value (text, a number, true, false or null)", value)
    return json.dumps(value)


RAW = Format("raw", "raw conversations", matches, reader(read_messages))
