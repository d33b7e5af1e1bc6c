"""Preference files: a prompt and two outputs. Only the preferred output is read.

``chosen`` and ``rejected`` are text, a message or messages, with or without the prompt. OpenAI has
``input``, ``preferred_output`` and ``non_preferred_output``; LLaMA-Factory ``chosen_messages`` and
``rejected_messages``. Sources: dataset formats of huggingface/trl, data/README.md of
hiyouga/LLaMA-Factory, preference fine-tuning at platform.openai.com.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import fail
from trm_engine.data.formats.alpaca import prompt_of
from trm_engine.data.formats.columns import name_of, system_of, tools_of, with_system
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message, Role
from trm_engine.data.formats.dialogue import is_dialogue, read_dialogue

SIDES = (
    ("chosen", "rejected"),
    ("preferred_output", "non_preferred_output"),
    ("chosen_messages", "rejected_messages"),
)
PROMPTS = ("prompt", "conversations", "messages", "question", "query")
_SPEAKERS: dict[str, Role] = {"Human": "user", "Assistant": "assistant"}
_SPOKEN = re.compile(r"\n\n(Human|Assistant):")


def matches(record: Any) -> Match:
    """Whether a record has two outputs for one prompt."""
    if (sides := _sides(record)) is None:
        return Match.NO
    given = [record[key] for key in sides if record[key] is not None]
    if not all(map(is_dialogue, given)):
        return Match.NO
    return Match.CERTAIN if len(given) == len(sides) else Match.POSSIBLE


def _sides(record: Any) -> tuple[str, str] | None:
    """The keys of the preferred and of the other output."""
    if not isinstance(record, dict):
        return None
    return next((keys for keys in SIDES if all(key in record for key in keys)), None)


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record with the preferred output."""
    if (sides := _sides(record)) is None:
        fail(where, None, "two outputs, such as chosen and rejected", record)
    preferred, _ = sides
    if record[preferred] is None:
        fail(where, preferred, "the preferred output", None)
    output = _dialogue(record.get(preferred), "assistant", f"{where}, field {preferred!r}")
    given = record["input"] if isinstance(record.get("input"), dict) else record
    prompt = _prompt(given, where)
    # Some files repeat the prompt in each output.
    is_whole = bool(output) and output[0].role in ("system", "user")
    messages = with_system(system_of(given, where), output if is_whole else [*prompt, *output])
    yield Conversation(where, messages, tools_of(given) or tools_of(record), name_of(record))


def _prompt(record: dict[str, Any], where: str) -> list[Message]:
    for key in PROMPTS:
        if record.get(key) is not None:
            return _dialogue(record[key], "user", f"{where}, field {key!r}")
    return prompt_of(record, where) if "instruction" in record else []


def _dialogue(value: Any, role: Role, where: str) -> list[Message]:
    """Messages, or text; the text may itself be a dialogue of Human and Assistant."""
    if isinstance(value, str) and value.startswith("\n\nHuman:"):
        _, *pieces = _SPOKEN.split(value)
        spoken = zip(pieces[::2], pieces[1::2], strict=True)
        return [Message(where, _SPEAKERS[name], text.strip()) for name, text in spoken]
    return list(read_dialogue(value, role, where))


PREFERENCE = Format("preference", "Preference pairs", matches, read)
