"""LLaMA-Factory's messages: contents of parts with ``type`` and ``value``, calls among them.

A record is ``{"messages": [{"role": …, "content": [{"type": "text", "value": …}]}], "tools": …}``.
A ``tool_call`` part holds JSON text of a call; reasoning is not read. ``loss_weight`` 0 means that
a message is not learnt. Source: data/v1_sft_demo.jsonl of hiyouga/LLaMA-Factory.
"""

from __future__ import annotations

from typing import Any

from trm_engine.data.fields import as_object, response_of
from trm_engine.data.formats.columns import (
    read_turns,
    reader,
    turns_in,
)
from trm_engine.data.formats.conversation import Format, Match, Message
from trm_engine.data.formats.parts import calls_of, is_learnt, objects_in, speaker_of, text_of


def matches(record: Any) -> Match:
    """Whether a record has messages whose parts have ``type`` and ``value``."""
    turns = [turn for turn in turns_in(record) if isinstance(turn, dict)]
    parts = [part for turn in turns for part in objects_in(turn.get("content"))]
    has_values = parts and all("value" in part and "type" in part for part in parts)
    return Match.CERTAIN if has_values else Match.NO


def read_messages(turns: list[Any], where: str) -> tuple[Message, ...]:
    """The messages of turns whose contents are parts with values."""
    return tuple(read_turns(turns, where, _message))


def _message(turn: Any, where: str) -> Message:
    role = speaker_of(turn, "role", where)
    content = as_object(turn, where, None).get("content")
    parts = [(f"content[{i}]", part) for i, part in enumerate(objects_in(content))]
    called = [part for part in parts if part[1].get("type") in ("tool_call", "tool_calls")]
    calls = [c for place, part in called for c in calls_of(part.get("value"), where, place)]
    said = content
    if isinstance(content, list):
        said = [part for part in content if part not in [part for _, part in called]]
    text = text_of(said, where, "content")
    if role == "tool":
        return Message(where, "tool", response=response_of(text))
    role = "assistant" if role == "call" else role
    return Message(where, role, text, tuple(calls), is_trained=is_learnt(turn))


LLAMA_FACTORY = Format("llama-factory", "LLaMA-Factory messages", matches, reader(read_messages))
