"""Dialogue: messages of any shape, for records that hold them under keys of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trm_engine.data.fields import decoded
from trm_engine.data.formats import anthropic, gemini, llama_factory, openai, responses, sharegpt
from trm_engine.data.formats.conversation import Match, Message, Role

READERS = (openai, sharegpt, llama_factory, anthropic, gemini, responses)
"""The modules that read lists of messages. Of those that fit equally well the first is taken."""


def read_dialogue(value: Any, role: Role, where: str) -> tuple[Message, ...]:
    """The messages in a list or an object; text is a message of the role."""
    if isinstance(decoded(value), list | dict):
        value = decoded(value)
    if value is None or value == "":
        return ()
    if isinstance(value, str):
        return (Message(where, role, value),)
    turns = value if isinstance(value, list) else [value]
    return tuple(_reader(turns).read_messages(turns, where)) if turns else ()


def _reader(turns: Sequence[Any]) -> Any:
    """The module whose shape the messages have; OpenAI's, which says what is wrong, if none."""
    best = max(READERS, key=lambda reader: _match(reader, turns))
    return best if _match(best, turns) else openai


def _match(reader: Any, turns: Sequence[Any]) -> Match:
    record = {"contents": turns} if reader is gemini else list(turns)
    found: Match = reader.matches(record)
    return found


def is_dialogue(value: Any) -> bool:
    """Whether this can be a dialogue: text, or messages of a shape that is known."""
    if isinstance(value, dict):
        value = [value]
    if isinstance(value, list) and value:
        return any(_match(reader, value) for reader in READERS)
    return isinstance(value, str)
