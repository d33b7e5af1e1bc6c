"""Signature: the names of what the graphs of an export take and give. Imports no torch."""

from __future__ import annotations

from dataclasses import fields

from trm_engine.inference.decoding import Logits

READ_INPUTS = ("ids", "parts", "kinds", "values")
READ_OUTPUTS = ("summaries", "words", "word_mask", "value_words", "value_mask")

TOKENS, SAID, EARLIER = "tokens", "said", "earlier"
"""What a step is given of a conversation, beside its catalogue, y and z; see ``StepGraph``. It
gives NEXT_EARLIER, what is to be kept."""

NEXT_EARLIER = f"next_{EARLIER}"


def earlier_names(kept: int) -> tuple[str, ...]:
    """Each kind of vectors that are kept is an input of its own: taking one of many copies it."""
    return tuple(f"{EARLIER}_{number}" for number in range(kept))


ANSWERS = tuple(each.name for each in fields(Logits))
"""The fields of ``TRMOutput`` that a step gives."""

START = "start"
"""The key of the graph's metadata with y and z before the first step, and with the number of
vectors that are kept of a token."""
