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
    """Whether a record is a conversation with a verdict."""
    has_verdict = _verdict(record) is not None
    return Match.CERTAIN if has_verdict and _format_of(record) else Match.NO


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
    if (form := _format_of(record)) is None:
        fail(where, None, "a conversation beside the verdict", record)
    for conversation in form.read(record, where):
        if _verdict(record) is False:
            judged = (replace(message, is_trained=False) for message in conversation.messages)
            conversation = replace(conversation, messages=tuple(judged))
        yield conversation


VERDICT = Format("kto", "Conversations with a verdict (KTO)", matches, read)
