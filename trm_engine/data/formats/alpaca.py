"""Alpaca: ``instruction``, ``input`` and ``output``, as in LLaMA-Factory's and Axolotl's files.

``history`` has the earlier turns as pairs of texts; ``system`` and ``tools`` may stand beside them.
Source: data/README.md of hiyouga/LLaMA-Factory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import as_list, fail
from trm_engine.data.formats.columns import conversation_of
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message
from trm_engine.data.formats.parts import text_of


def matches(record: Any) -> Match:
    """Whether a record has an instruction and an output."""
    if not isinstance(record, dict) or not isinstance(record.get("instruction"), str):
        return Match.NO
    return Match.CERTAIN if isinstance(record.get("output"), str) else Match.NO


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    if not matches(record):
        fail(where, None, "an instruction and an output", record)
    answer = Message(where, "assistant", text_of(record.get("output"), where, "output"))
    yield conversation_of(record, where, [*prompt_of(record, where), answer])


def prompt_of(record: dict[str, Any], where: str) -> list[Message]:
    """What stands before the output: the history, then the instruction with its input."""
    asked = [text_of(record.get(key), where, key) for key in ("instruction", "input")]
    said = "\n".join(text for text in asked if text.strip())
    return [*_history(record.get("history"), where), Message(where, "user", said)]


def _history(history: Any, where: str) -> list[Message]:
    messages: list[Message] = []
    for number, pair in enumerate(as_list(history or [], where, "history")):
        name = f"history[{number}]"
        if not isinstance(pair, list) or len(pair) != 2:
            fail(where, name, "a pair of what the user and the assistant said", pair)
        messages.append(Message(where, "user", text_of(pair[0], where, f"{name}[0]")))
        messages.append(Message(where, "assistant", text_of(pair[1], where, f"{name}[1]")))
    return messages


ALPACA = Format("alpaca", "Alpaca columns", matches, read)
