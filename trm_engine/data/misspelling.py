"""Misspelling: users mistype words, so training sees mistyped words.

A misspelt word has one mistake: two letters exchanged, one left out, one twice, or another letter
in its place, a vowel for a vowel or a key for the key beside it. Words that belong to a value are
kept, so that labels stay true.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from trm_engine.data.samples import Sample, Turn
from trm_engine.data.values import flatten, folded

STREAM = 0x4D53
"""Separates this random stream from others with the same seed."""

SHARE = 0.1
"""Share of the words of a dialogue that are misspelt, if any are."""

KEY_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
VOWELS = "aeiou"

_WORD = re.compile(r"[^\W\d_]{4,}")
"""Shorter words are seldom mistyped, and with one letter changed they are often other words."""


def misspelt(samples: Sequence[Sample], random: np.random.Generator) -> Sequence[Sample]:
    """Samples of one dialogue, with misspelt words in what users say.

    A turn that several samples have is the same in all of them.
    """
    kept = {word for sample in samples for text in _values(sample) for word in _words(text)}
    texts: dict[str, str] = {}

    def spelt(match: re.Match[str]) -> str:
        is_kept = folded(match[0]) in kept or random.random() >= SHARE
        return match[0] if is_kept else _with_mistake(match[0], random)

    def turn(old: Turn) -> Turn:
        if old.role != "user" or not isinstance(old.content, str):
            return old
        if old.content not in texts:
            texts[old.content] = _WORD.sub(spelt, old.content)
        return Turn.model_construct(role=old.role, content=texts[old.content])

    return [
        sample.model_copy(update={"history": [*map(turn, sample.history)]}) for sample in samples
    ]


def slips(word: str, place: int) -> tuple[str, str, str]:
    """The word with the letter at ``place`` exchanged with the next one, left out, or twice."""
    before, letter, after = word[:place], word[place], word[place + 1 :]
    return before + after[0] + letter + after[1:], before + after, before + letter + letter + after


def _with_mistake(word: str, random: np.random.Generator) -> str:
    """A word with one mistake, never in its first letter."""
    place = int(random.integers(1, len(word) - 1))
    other = word[:place] + _instead(word[place], random) + word[place + 1 :]
    ways = (*slips(word, place), other)
    return ways[int(random.integers(len(ways)))]


def _instead(letter: str, random: np.random.Generator) -> str:
    """What is typed for ``letter``; the letter itself if it has no key on the rows."""
    others = next((_beside(row, letter) for row in KEY_ROWS if letter in row), letter)
    if letter in VOWELS:
        others = VOWELS.replace(letter, "")
    return others[int(random.integers(len(others)))]


def _beside(row: str, letter: str) -> str:
    place = row.index(letter)
    return row[max(place - 1, 0) : place] + row[place + 1 : place + 2]


def _values(sample: Sample) -> Iterator[str]:
    """The texts of slots and arguments, those of earlier calls among them."""
    yield from (value for value in sample.slots.values() if isinstance(value, str))
    calls = [turn.content for turn in sample.history if turn.role == "tool_call"]
    arguments: list[Any] = [call.get("arguments") for call in calls if isinstance(call, dict)]
    if sample.tool:
        arguments.append(sample.tool.arguments)
    for each in arguments:
        if isinstance(each, dict):
            yield from (value for value in flatten(each).values() if isinstance(value, str))


def _words(text: str) -> Iterator[str]:
    return (folded(match[0]) for match in _WORD.finditer(text))
