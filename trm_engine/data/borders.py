"""Word borders: the positions in a text where a value can begin or end."""

from __future__ import annotations

import unicodedata
from functools import lru_cache
from itertools import pairwise

FIRST_CJK = 0x2E80
UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF))  # Thai, Lao, Burmese, Khmer


def is_border(text: str, position: int) -> bool:
    """Whether ``position`` is a word border. In unspaced scripts every position is one."""
    if position in (0, len(text)):
        return True
    return not (_in_word(text[position - 1]) and _in_word(text[position]))


def borders(text: str) -> list[bool]:
    """Whether each position of a text, its end included, is a word border."""
    in_word = [*map(_in_word, text)]
    return [True, *(not (left and right) for left, right in pairwise(in_word)), True]


@lru_cache(4096)
def _in_word(letter: str) -> bool:
    code = ord(letter)
    if code >= FIRST_CJK or any(first <= code <= last for first, last in UNSPACED):
        return False
    return letter.isalnum() or unicodedata.category(letter).startswith("M")  # an accent, a vowel
