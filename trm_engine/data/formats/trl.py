"""TRL: ``prompt`` and ``completion``, each text or messages, with ``tools`` beside them.

Source: dataset formats in the documentation of huggingface/trl.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import fail
from trm_engine.data.formats.columns import conversation_of
from trm_engine.data.formats.conversation import Conversation, Format, Match
from trm_engine.data.formats.dialogue import is_dialogue, read_dialogue

ANSWERS = ("completion", "response")


def matches(record: Any) -> Match:
    """Whether a record has a prompt and a completion."""
    if not isinstance(record, dict) or not is_dialogue(record.get("prompt")):
        return Match.NO
    return Match.CERTAIN if any(is_dialogue(record.get(key)) for key in ANSWERS) else Match.NO


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    if not matches(record):
        fail(where, None, "a prompt and a completion", record)
    answer = next((key for key in ANSWERS if record.get(key) is not None), ANSWERS[0])
    prompt = read_dialogue(record.get("prompt"), "user", f"{where}, field 'prompt'")
    completion = read_dialogue(record.get(answer), "assistant", f"{where}, field {answer!r}")
    yield conversation_of(record, where, [*prompt, *completion])


TRL = Format("trl", "TRL prompt and completion", matches, read)
