"""Scripts: the writing of a text, as a hint at its language. It is counted letter by letter."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

SCRIPTS = (
    "none",
    "Latin",
    "Vietnamese",
    "Cyrillic",
    "Greek",
    "Arabic",
    "Hebrew",
    "Devanagari",
    "Bengali",
    "Tamil",
    "Thai",
    "Hangul",
    "Japanese",
    "Han",
    "other",
)
"""``Japanese`` is text with kana; ``Vietnamese`` is Latin with letters that only it has."""

_RANGES = (
    (0x0041, 0x024F, "Latin"),
    (0x1E00, 0x1EFF, "Latin"),
    (0x0370, 0x03FF, "Greek"),
    (0x0400, 0x052F, "Cyrillic"),
    (0x0590, 0x05FF, "Hebrew"),
    (0x0600, 0x06FF, "Arabic"),
    (0x0750, 0x077F, "Arabic"),
    (0x0900, 0x097F, "Devanagari"),
    (0x0980, 0x09FF, "Bengali"),
    (0x0B80, 0x0BFF, "Tamil"),
    (0x0E00, 0x0E7F, "Thai"),
    (0x1100, 0x11FF, "Hangul"),
    (0x3130, 0x318F, "Hangul"),
    (0xAC00, 0xD7A3, "Hangul"),
    (0x3040, 0x30FF, "Japanese"),
    (0x3400, 0x9FFF, "Han"),
    (0xF900, 0xFAFF, "Han"),
    (0x20000, 0x3FFFF, "Han"),
)
_VIETNAMESE = frozenset("ăđơưĂĐƠƯ") | {chr(code) for code in range(0x1EA0, 0x1EFA)}
LONGEST_TEXT = 1000


def script_of(text: str) -> int:
    """The index in ``SCRIPTS`` of the writing of most letters."""
    if text.isascii():
        return SCRIPTS.index("Latin" if any(map(str.isalpha, text)) else "none")
    letters = [each for each in text[:LONGEST_TEXT] if each.isalpha()]
    counts = Counter(map(_script, letters))
    if not counts:
        return SCRIPTS.index("none")
    if counts["Japanese"] and counts["Japanese"] + counts["Han"] > len(letters) / 2:
        return SCRIPTS.index("Japanese")
    most = counts.most_common(1)[0][0]
    if most == "Latin" and not _VIETNAMESE.isdisjoint(letters):
        most = "Vietnamese"
    return SCRIPTS.index(most)


@lru_cache(4096)
def _script(letter: str) -> str:
    code = ord(letter)
    return next((name for first, last, name in _RANGES if first <= code <= last), "other")
