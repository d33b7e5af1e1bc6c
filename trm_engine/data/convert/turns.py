"""Turns: a conversation as both formats understand it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from trm_engine.data.fields import ConvertError, fail
from trm_engine.errors import did_you_mean

TURN_KEYS = ("conversation", "history", "turns", "messages")


@dataclass(frozen=True)
class Turn:
    """One turn of either format: what the history shows of it, and the decision if it is one."""

    where: str
    role: str
    content: Any
    decides: bool = False
    slots: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conversation:
    """The turns of one conversation, and its own list of tools (empty if it has none)."""

    tools: list[dict[str, Any]]
    turns: list[Turn]


def turns_of(record: Any, where: str) -> list[Any]:
    """The turns of a conversation in any of its shapes; raises ConvertError if there are none."""
    turns = record
    key = None
    if isinstance(record, dict):
        if {"history", "decision"} <= record.keys():
            raise ConvertError(f"{where}: this is a training sample already, nothing to convert")
        key = next((key for key in TURN_KEYS if key in record), None)
        if key is None:
            expected = f"a list of turns, or an object with one of {', '.join(TURN_KEYS)}"
            fail(where, None, expected, record)
        turns = record[key]
    if not isinstance(turns, list) or not turns:
        fail(where, key, "a conversation, a list of at least one turn", turns)
    return turns


def require_listed(turns: list[Turn], tools: list[dict[str, Any]]) -> None:
    """Fail if a call is of a tool that is not listed."""
    names = [tool["function"]["name"] for tool in tools]
    for turn in turns:
        if turn.role == "tool_call" and (called := turn.content["name"]) not in names:
            hint = did_you_mean(called, names)
            fail(turn.where, "name", "one of the conversation's tools", called, hint)
