"""Signature: the names of what the graphs of an export take and give. Imports no torch."""

from __future__ import annotations

from dataclasses import fields

from trm_engine.inference.decoding import Logits

READ_INPUTS = ("ids", "parts", "kinds", "types", "values")
READ_OUTPUTS = ("summaries", "words", "word_mask", "value_words", "value_mask")

TOKENS, SAID, EARLIER = "tokens", "said", "earlier"
"""What a step is given of a conversation, beside its catalogue, y and z; see ``StepGraph``."""


def earlier_names(kept: int, prefix: str = "") -> tuple[str, ...]:
    """Each kind of vectors that are kept is an input of its own: taking one of many copies it. What
    is to be kept is an output with the prefix NEXT."""
    return tuple(f"{prefix}{EARLIER}_{number}" for number in range(kept))


NEXT = "next_"


ANSWERS = tuple(each.name for each in fields(Logits))
"""The fields of ``TRMOutput`` that a step gives."""

START = "start"
"""The key of the graph's metadata with y and z before the first step, and with the number of
vectors that are kept of a token."""
