"""Chat templates: a whole conversation as one text, with a model's own marks between the turns.

The text stands under ``text``, or in the ``segments`` of Axolotl, of which those with the label
false are not learnt. The marks are those of ChatML (Qwen, Hermes), Llama 3 and Gemma; segments
without marks are a user's and an assistant's in turn.
Sources: dataset formats of huggingface/trl; input_output format of axolotl-ai-cloud/axolotl.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import Any

from trm_engine.data.fields import fail, response_of
from trm_engine.data.formats.columns import conversation_of, read_turns
from trm_engine.data.formats.conversation import Conversation, Format, Match, Message
from trm_engine.data.formats.parts import objects_in, speaker_of

_TEMPLATES = tuple(
    re.compile(rf"{opening}(.*?)(?:{closing}|(?={opening})|\Z)", re.DOTALL)
    for opening, closing in (
        (r"<\|im_start\|>\s*(\w+)[ \t]*\n", r"<\|im_end\|>"),
        (r"<\|start_header_id\|>\s*(\w+)\s*<\|end_header_id\|>", r"<\|eot_id\|>|<\|eom_id\|>"),
        (r"<start_of_turn>\s*(\w+)[ \t]*\n", r"<end_of_turn>"),
    )
)
"""The turns of each template: who speaks, and what is said."""
_MARKS = re.compile(r"<s>|</s>|<bos>|<\|begin_of_text\|>|<\|endoftext\|>|<\|end_of_text\|>")
"""Marks of the beginning and end of the whole text."""

Segment = tuple[str, bool]
"""A part of the text, and whether it is learnt."""


def matches(record: Any) -> Match:
    """Whether a record has a text with the marks of a template, or Axolotl's segments."""
    segments = _segments(record)
    text = "".join(text for text, _ in segments)
    if _template(text):
        return Match.CERTAIN
    return Match.CERTAIN if len(segments) > 1 else Match.NO


def _segments(record: Any) -> list[Segment]:
    if not isinstance(record, dict):
        return []
    if isinstance(record.get("text"), str):
        return [(record["text"], True)]
    segments = objects_in(record.get("segments"))
    if not all(isinstance(s.get("text"), str) and "label" in s for s in segments):
        return []
    return [(segment["text"], segment["label"] is not False) for segment in segments]


def _template(text: str) -> re.Pattern[str] | None:
    """The template with whose marks a text begins."""
    text = _MARKS.sub("", text).lstrip()
    return next((template for template in _TEMPLATES if template.match(text)), None)


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    segments = _segments(record)
    text = "".join(text for text, _ in segments)
    if template := _template(text):
        messages = read_turns(template.finditer(text), where, partial(_message, segments))
    elif len(segments) > 1:
        messages = [_unmarked(segment, where) for segment in segments]
    else:
        fail(where, "text", "turns between the marks of a chat template", text or None)
    messages = [message for message in messages if message.role == "tool" or message.text]
    yield conversation_of(record, where, messages)


def _message(segments: list[Segment], match: re.Match[str], where: str) -> Message:
    role = speaker_of({"role": match[1]}, "role", where)
    text = _MARKS.sub("", match[2]).strip()
    if role == "tool":
        return Message(where, "tool", response=response_of(text))
    is_trained = _label_at(match.start(2), segments)
    said = "assistant" if role == "call" else role
    return Message(where, said, text, is_trained=is_trained or said != "assistant")


def _label_at(place: int, segments: list[Segment]) -> bool:
    """Whether the segment at a place of the joined text is learnt."""
    for text, is_learnt in segments:
        if place < len(text):
            return is_learnt
        place -= len(text)
    return True


def _unmarked(segment: Segment, where: str) -> Message:
    """The turn that a segment without marks is: what is learnt is the assistant's."""
    text, is_learnt = segment
    return Message(where, "assistant" if is_learnt else "user", _MARKS.sub("", text).strip())


TEMPLATED = Format("template", "Chat templates as text", matches, read)
