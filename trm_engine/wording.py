"""Wording: numbers with their nouns, as messages and tables print them."""

from __future__ import annotations


def counted(count: int, noun: str) -> str:
    """A number and its noun, in the plural unless it is one: "1 sample", "12,500 samples"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"
