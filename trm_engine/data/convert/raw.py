"""Raw conversations: turns that carry answers, calls and slot fields."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from trm_engine.data.convert.turns import Turn
from trm_engine.data.fields import (
    as_call,
    as_text,
    fail,
    json_or_text,
    looks_like_object,
    object_or_json,
    role_of,
)

RAW_ROLES = ("user", "system", "assistant", "tool_call", "tool_response")
NO_SLOTS = {"role", "content", "think", "response", "tool", "arguments"}


def raw_turns(turns: list[Any], where: str, _slots: Sequence[str]) -> list[Turn]:
    """Reads the turns of a raw conversation, without the announcements of calls."""
    read = [_raw_turn(turn, f"{where}, turn {number}") for number, turn in enumerate(turns, 1)]
    return _without_announcements(_with_slots_so_far(read))


def _raw_turn(turn: Any, where: str) -> Turn:
    match role := role_of(turn, RAW_ROLES, where):
        case "assistant":
            return _raw_answer(turn, where)
        case "tool_call":
            return _raw_call(turn, where)
        case "tool_response":
            if "content" not in turn:
                fail(where, "content", "the tool's response", None)
            return Turn(where, role, json_or_text(turn["content"]))
        case _:
            return Turn(where, role, as_text(turn.get("content"), where, "content"))


def _raw_answer(turn: dict[str, Any], where: str) -> Turn:
    fields = _carried_fields(turn, where)
    answer = as_text(fields.get("response"), where, "response")
    slots = _slots_in(fields, NO_SLOTS, where)
    return Turn(where, "assistant", answer, decides=True, slots=slots)


def _raw_call(turn: dict[str, Any], where: str) -> Turn:
    fields = _carried_fields(turn, where)
    call, used = _find_call(fields, where)
    slots = _slots_in(fields, NO_SLOTS | used, where)
    return Turn(where, "tool_call", call, decides=True, slots=slots)


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


def _find_call(fields: dict[str, Any], where: str) -> tuple[dict[str, Any], set[str]]:
    """The call in a tool_call turn's fields, and the keys it takes up beyond the usual ones."""
    for key in ("response", "tool"):
        if looks_like_object(fields.get(key)):
            return as_call(fields[key], where, key), set()
    spread = {"arguments", "parameters"} & fields.keys()
    if isinstance(fields.get("tool"), str) and fields["tool"]:
        return as_call({**fields, "name": fields["tool"]}, where), spread
    if "name" in fields and spread:
        return as_call(fields, where), {"name"} | spread
    fail(where, "response", 'a call, {"name": …, "arguments": {…}}', fields.get("response"))


def _slots_in(fields: dict[str, Any], others: set[str], where: str) -> dict[str, str]:
    return {
        name: _slot_text(value, where, name) for name, value in fields.items() if name not in others
    }


def _slot_text(value: Any, where: str, name: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict | list):
        fail(where, name, "a slot value (text, a number, true, false or null)", value)
    return json.dumps(value)


def _with_slots_so_far(turns: list[Turn]) -> list[Turn]:
    """Decisions without any slot field take over the values of the decision before."""
    result: list[Turn] = []
    so_far: dict[str, str] = {}
    for turn in turns:
        if turn.decides:
            so_far = turn.slots or so_far
            turn = replace(turn, slots=so_far)
        result.append(turn)
    return result


def _without_announcements(turns: list[Turn]) -> list[Turn]:
    kept = [
        turn
        for turn, following in pairwise(turns)
        if not (turn.role == "assistant" and following.role == "tool_call")
    ]
    return kept + turns[-1:]
