"""Words: what two conversations are compared by."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from trm_engine.data.samples import Turn

LEAST_WORDS = 4
"""Shorter conversations are never near copies: 'hello' is said in all."""

Said = tuple[str, str]
"""Role and text of a turn."""

CACHED_TURNS = 4096
LONGEST_TEXT = 20_000
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")
_DIGITS = re.compile(r"\d+")


def compared(turns: Iterable[Said]) -> list[str]:
    """The texts that count: what is said and called. Prompts and tools' answers are often equal."""
    return [text for role, text in turns if role in ("user", "assistant", "tool_call")]


def said_in(history: Sequence[Turn]) -> list[Said]:
    """Role and text of each turn."""
    return [(turn.role, turn.text()) for turn in history]


@lru_cache(CACHED_TURNS)
def words_of(text: str) -> frozenset[str]:
    """The different words of a text, case aside. All numbers are one word, as are all values like
    them. In scripts without spaces each character is a word."""
    text = text[:LONGEST_TEXT]
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    return frozenset(_DIGITS.sub("0", word) for word in _WORD.findall(text.casefold()))


def all_words(texts: Iterable[str]) -> frozenset[str]:
    """The different words of several texts."""
    return frozenset().union(*map(words_of, texts))


def alike(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of words that both have, of all words: the Jaccard index."""
    return len(one & other) / max(1, len(one | other))
