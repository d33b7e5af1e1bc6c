"""Glaive v2: columns ``system``, with the tools, and ``chat``, with all turns as one text.

Turns begin with USER:, ASSISTANT: or FUNCTION RESPONSE:, and the assistant's end with
``<|endoftext|>``; calls stand behind ``<functioncall>``. Version 1 has one column, ``sample``.
Sources: glaiveai/glaive-function-calling and -v2 on Hugging Face.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import fail, response_of
from trm_engine.data.formats.columns import name_of
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message, Role
from trm_engine.data.formats.json_texts import SCHEMA_KEYS, tools_in
from trm_engine.data.formats.parts import text_of

_SPEAKERS: dict[str, Role] = {"USER": "user", "ASSISTANT": "assistant", "FUNCTION RESPONSE": "tool"}
_TURN = re.compile(r"(?:\A|\n|<\|endoftext\|>)\s*(USER|ASSISTANT|FUNCTION RESPONSE):")
_SYSTEM = re.compile(r"\A\s*SYSTEM:\s*")


def matches(record: Any) -> Match:
    """Whether a record has a text with turns under ``chat``."""
    _, chat = _columns(record)
    return Match.CERTAIN if isinstance(chat, str) and _TURN.match(chat) else Match.NO


def _columns(record: Any) -> tuple[Any, Any]:
    """The system text and the turns."""
    if not isinstance(record, dict):
        return None, None
    sample = record.get("sample")
    if isinstance(sample, str) and (found := _TURN.search(sample)) and _SYSTEM.match(sample):
        return sample[: found.start()], sample[found.start() :]
    return record.get("system"), record.get("chat")


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    before, turns = _columns(record)
    chat = text_of(turns, where, "chat")
    start, *pieces = _TURN.split(chat)
    if start.strip() or not pieces:
        fail(where, "chat", "turns that begin with USER:, ASSISTANT: or FUNCTION RESPONSE:", chat)
    system = _SYSTEM.sub("", text_of(before, where, "system"))
    text, tools = tools_in(system, (*SCHEMA_KEYS, "description"))
    messages = [Message(where, "system", text)] if text else []
    for number, (name, said) in enumerate(zip(pieces[::2], pieces[1::2], strict=True), 1):
        messages.append(_message(_SPEAKERS[name], said, f"{where}, turn {number}"))
    yield Conversation(where, tuple(messages), tools, name_of(record))


def _message(role: Role, said: str, where: str) -> Message:
    text = said.replace("<|endoftext|>", "").strip()
    if role == "tool":
        return Message(where, "tool", response=response_of(text))
    return Message(where, role, text)


GLAIVE = Format("glaive", "Glaive v2", matches, read)
