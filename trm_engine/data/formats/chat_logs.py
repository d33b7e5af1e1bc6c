"""Stored chat completions: a request with messages, and the response with choices.

The two stand under ``request`` (or ``body``, ``input``) and ``response`` (or ``output``), or in one
object; each may have a ``body``, as in the files of OpenAI's batches.
Source: platform.openai.com, chat completions and batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trm_engine.data.fields import fail
from trm_engine.data.formats.columns import (
    conversation_of,
    turns_in,
)
from trm_engine.data.formats.conversation import Conversation, Format, Match
from trm_engine.data.formats.openai import read_messages
from trm_engine.data.formats.parts import objects_in

REQUESTS = ("request", "body", "input", "inputs", "kwargs")
RESPONSES = ("response", "output", "outputs", "completion")


def matches(record: Any) -> Match:
    """Whether a record has the messages of a request, and the choices of its response."""
    if _request(record) is None:
        return Match.NO
    if _answer(record) is not None:
        return Match.CERTAIN
    # A request that failed is no conversation without an answer.
    has_choices = any("choices" in each for each in _opened(record, RESPONSES))
    return Match.POSSIBLE if has_choices else Match.NO


def _opened(record: Any, keys: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """The objects that a record has a request or a response in: itself, or under a key."""
    if not isinstance(record, dict):
        return
    yield record
    for key in keys:
        inner = record.get(key)
        if isinstance(inner, dict):
            yield inner
            if isinstance(inner.get("body"), dict):
                yield inner["body"]


def _request(record: Any) -> dict[str, Any] | None:
    found = _opened(record, REQUESTS)
    return next((each for each in found if turns_in(each, ("messages",))), None)


def _answer(record: Any) -> dict[str, Any] | None:
    """The message of the first choice."""
    for each in _opened(record, RESPONSES):
        choices = objects_in(each.get("choices"))
        if choices and isinstance(choices[0].get("message"), dict):
            answer: dict[str, Any] = choices[0]["message"]
            return answer
    return None


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a request and its response."""
    request, answer = _request(record), _answer(record)
    if request is None or answer is None:
        fail(where, None, "messages of a request, and choices of its response", record)
    messages = read_messages([*request["messages"], answer], where)
    yield conversation_of(request, where, messages, record)


CHAT_LOGS = Format("chat-logs", "Stored chat completions", matches, read)
