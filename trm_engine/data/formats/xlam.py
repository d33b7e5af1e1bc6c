"""xLAM: ``query``, ``answers`` and ``tools``, the last two as JSON text.

The calls in ``answers`` are made together; no call is an answer without text: no tool fits.
Source: Salesforce/xlam-function-calling-60k on Hugging Face.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import decoded, fail
from trm_engine.data.formats.columns import conversation_of
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message
from trm_engine.data.formats.parts import calls_of, text_of


def matches(record: Any) -> Match:
    """Whether a record has a query, calls that answer it, and tools."""
    if not isinstance(record, dict) or not isinstance(record.get("query"), str):
        return Match.NO
    lists = [decoded(record.get(key)) for key in ("answers", "tools")]
    return Match.CERTAIN if all(isinstance(found, list) for found in lists) else Match.NO


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record: a question and the calls that answer it."""
    if not matches(record):
        fail(where, None, "a query, answers and tools", record)
    question = Message(where, "user", text_of(record.get("query"), where, "query"))
    calls = calls_of(record.get("answers"), where, "answers")
    messages = [question, Message(where, "assistant", calls=calls)]
    yield conversation_of(record, where, messages)


XLAM = Format("xlam", "xLAM", matches, read)
