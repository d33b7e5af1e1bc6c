"""Conversations with a verdict, as for KTO: those with the verdict false are not learnt.

A record is a conversation in another format, with ``label`` (TRL) or ``kto_tag`` (LLaMA-Factory).
Sources: dataset formats of huggingface/trl, data/README.md of hiyouga/LLaMA-Factory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from trm_engine.data.fields import fail
from trm_engine.data.formats.alpaca import ALPACA
from trm_engine.data.formats.anthropic import ANTHROPIC
from trm_engine.data.formats.conversation import Conversation, Format, Match
from trm_engine.data.formats.llama_factory import LLAMA_FACTORY
from trm_engine.data.formats.openai import OPENAI
from trm_engine.data.formats.sharegpt import SHAREGPT
from trm_engine.data.formats.trl import TRL

VERDICTS = ("label", "kto_tag")
JUDGED = (SHAREGPT, LLAMA_FACTORY, ALPACA, TRL, OPENAI, ANTHROPIC)
"""Formats of conversations that may have a verdict."""


def matches(record: Any) -> Match:
    """Whether a record is a conversation with a verdict, or with a place for it."""
    if not isinstance(record, dict) or not any(key in record for key in VERDICTS):
        return Match.NO
    if _verdict(record) is None:
        is_open = all(record.get(key) is None for key in VERDICTS)
        return Match.POSSIBLE if is_open and _format_of(record) else Match.NO
    return Match.CERTAIN if _format_of(record) else Match.NO


def _verdict(record: Any) -> bool | None:
    """Whether the conversation is a good one; None if the record does not say so."""
    if not isinstance(record, dict):
        return None
    return next((record[key] for key in VERDICTS if isinstance(record.get(key), bool)), None)


def _format_of(record: Any) -> Format | None:
    best = max(JUDGED, key=lambda each: each.matches(record))
    return best if best.matches(record) else None


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record, not to be learnt if its verdict is false."""
    form, verdict = _format_of(record), _verdict(record)
    if form is None or verdict is None:
        fail(where, None, "a conversation and a verdict, true or false", record)
    for conversation in form.read(record, where):
        if not verdict:
            judged = (replace(message, is_trained=False) for message in conversation.messages)
            conversation = replace(conversation, messages=tuple(judged))
        yield conversation


VERDICT = Format("kto", "Conversations with a verdict (KTO)", matches, read)
