"""Record: one value of a file, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trm_engine.data.fields import ConvertError


@dataclass(frozen=True)
class Record:
    """One value of a file.

    Attributes:
        where: its place, for messages: "chats.jsonl, line 3".
        number: its number in the file: of the line, or in the list.
        value: any JSON value.
        problem: why there is no value.
        is_item: whether it is an item of a list that the file holds.
    """

    where: str
    number: str
    value: Any = None
    problem: ConvertError | None = None
    is_item: bool = False


def is_turn(value: Any) -> bool:
    """Whether a value is a turn, so that a list of such is one conversation, not several."""
    if not isinstance(value, dict):
        return False
    is_item = value.get("type") in ITEM_TYPES
    return "role" in value or {"from", "value"} <= value.keys() or is_item


ITEM_TYPES = (
    "message",
    "reasoning",
    "function_call",
    "function_call_output",
    "custom_tool_call",
    "custom_tool_call_output",
)
"""Types of turns without a role, as OpenAI's Responses have."""
