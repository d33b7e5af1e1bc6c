"""Parse pasted conversations: samples, OpenAI messages, or lists of turns."""

from __future__ import annotations

import json
from typing import Any

from trm_engine.data.catalogue import own_tools
from trm_engine.data.convert import ConvertError
from trm_engine.data.convert.openai import openai_turns
from trm_engine.data.convert.turns import TURN_KEYS
from trm_engine.errors import DataError
from trm_engine.vocabulary import ROLES, TOOL_ROLES
from trm_tui.store.draft import Draft


def read_conversation(text: str) -> Draft | None:
    """Parse a conversation from JSON; None if the text is not a conversation.

    Accepts an object with ``history`` (a sample) or ``messages`` (OpenAI), or a list of the turns
    of either.

    Raises:
        DataError: the conversation is invalid.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    turns = _turns_of(value)
    if turns is None:
        return None
    if not _are_openai(value, turns):
        record = value if isinstance(value, dict) else {}
        return Draft.of({**record, "history": turns})
    try:
        read = openai_turns(turns, "messages", ())
        tools = own_tools(value, "messages")
    except ConvertError as error:
        raise DataError(str(error)) from None
    history = [{"role": turn.role, "content": turn.content} for turn in read]
    return Draft.of({"tools": tools, "history": history})


def _are_openai(value: Any, turns: list[dict[str, Any]]) -> bool:
    """Whether the turns are OpenAI messages, not turns of a sample."""
    if isinstance(value, dict) and ("history" in value or "messages" in value):
        return "history" not in value and not any(turn["role"] in TOOL_ROLES for turn in turns)
    are_ours = all(turn["role"] in ROLES and "content" in turn for turn in turns)
    call = any(turn.get("tool_calls") or turn.get("function_call") for turn in turns)
    texts = all(
        isinstance(turn.get("content"), str) or turn["role"] in TOOL_ROLES for turn in turns
    )
    return not are_ours or call or not texts


def _turns_of(value: Any) -> list[dict[str, Any]] | None:
    """The turns of a conversation; None if the value is not a conversation."""
    if isinstance(value, dict):
        key = next((key for key in TURN_KEYS if isinstance(value.get(key), list)), None)
        value = value[key] if key else None
    if not isinstance(value, list) or not value:
        return None
    are_turns = all(isinstance(turn, dict) and isinstance(turn.get("role"), str) for turn in value)
    return value if are_turns else None
