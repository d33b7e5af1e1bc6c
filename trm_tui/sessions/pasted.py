"""Parse pasted conversations: samples, lists of turns, or any format of conversations."""

from __future__ import annotations

import json
from typing import Any

from trm_engine.data.catalogue import read_tools
from trm_engine.data.decisions import steps_of
from trm_engine.data.fields import ConvertError
from trm_engine.data.formats.columns import TURN_KEYS, turns_in
from trm_engine.data.formats.detection import Match, looks_like
from trm_engine.data.formats.openai import OPENAI
from trm_engine.errors import DataError
from trm_engine.vocabulary import ROLES, TOOL_ROLES
from trm_tui.store.draft import Draft


def read_conversation(text: str) -> Draft | None:
    """Parse a conversation from JSON; None if the text is not a conversation.

    Accepts an object with ``history`` (a sample), a list of its turns, or a record of any format
    that ``trm-tui data convert`` reads.

    Raises:
        DataError: the conversation is invalid.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    turns = _turns_of(value)
    if turns is not None and _are_ours(value, turns):
        record = value if isinstance(value, dict) else {}
        return Draft.of({**record, "history": turns})
    try:
        return _converted(value, has_turns=turns is not None)
    except ConvertError as error:
        raise DataError(str(error)) from None


def _converted(value: Any, has_turns: bool) -> Draft | None:
    """The first conversation of a record of any format, without the answers of decisions."""
    found, where = looks_like(value), _place_of(value)
    if not has_turns and (found is None or found.matches(value) < Match.CERTAIN):
        return None
    read = next(iter((found or OPENAI).read(value, where)), None)
    if read is None:
        return None
    steps = steps_of(read, has_stops=False)
    history = [{"role": each.role, "content": each.content} for each in steps if each.is_kept]
    return Draft.of({"tools": read_tools(read.tools, where), "history": history})


def _place_of(value: Any) -> str:
    """What messages call the place of the turns: the key that they are under."""
    if isinstance(value, list):
        return TURN_KEYS[0]
    return next((key for key in TURN_KEYS if turns_in(value, (key,))), "conversation")


def _are_ours(value: Any, turns: list[dict[str, Any]]) -> bool:
    """Whether the turns are those of a sample."""
    if isinstance(value, dict) and ("history" in value or "messages" in value):
        return "history" in value or any(turn["role"] in TOOL_ROLES for turn in turns)
    have_roles = all(turn["role"] in ROLES and "content" in turn for turn in turns)
    calls = any(turn.get("tool_calls") or turn.get("function_call") for turn in turns)
    texts = all(
        isinstance(turn.get("content"), str) or turn["role"] in TOOL_ROLES for turn in turns
    )
    return have_roles and texts and not calls


def _turns_of(value: Any) -> list[dict[str, Any]] | None:
    """The turns of a conversation; None if the value is not a conversation."""
    turns = turns_in(value)
    are_turns = all(isinstance(turn, dict) and isinstance(turn.get("role"), str) for turn in turns)
    return turns if turns and are_turns else None
