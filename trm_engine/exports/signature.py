"""Signature: the names of what the graphs of an export take and give. Imports no torch."""

from __future__ import annotations

from dataclasses import fields

from trm_engine.inference.decoding import Logits

READ_INPUTS = ("ids", "parts", "kinds", "values")
READ_OUTPUTS = ("summaries", "words", "word_mask", "value_words", "value_mask")

TOKENS, SAID, EARLIER = "tokens", "said", "earlier"
"""What a step is given of a conversation, beside its catalogue, y and z; see ``StepGraph``."""

ANSWERS = tuple(each.name for each in fields(Logits))
"""The fields of ``TRMOutput`` that a step gives."""

START = "start"
"""The key of the graph's metadata with y and z before the first step, and with the number of
vectors that are kept of a token."""
