"""Signature: the names of what the graphs of an export take and give. Imports no torch."""

from __future__ import annotations

SAID = ("said_rows", "said_fields", "said_choices", "said_first", "said_last")
"""Where listed values stand, [N] each; see ``occurrences``."""

STATES = ("y_tokens", "y_registers", "z_tokens", "z_registers")
"""y and z, as they go in and come out: [B, L, D] and [B, R, D] each."""

READ_INPUTS = ("ids", "parts", "kinds", "values")
READ_OUTPUTS = ("summaries", "words", "word_mask", "value_words", "value_mask")

START = "start"
"""The key of the graph's metadata with y and z before the first step, and the number of registers
that belong to no slot and no tool."""
