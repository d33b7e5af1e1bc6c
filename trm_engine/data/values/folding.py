"""Folding: spellings of one text become equal, and offsets lead back to the original.

Folded are compatible characters (NFKC), case, quotes, dashes, decimal digits of any script, and
runs of white space. Characters without width are left out. White space between a number and a
unit ("10 pm") means nothing either: ``folded`` leaves it out.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

CACHED_TEXTS = 1024
"""Size of the cache of folded texts. It is small for the reason that data/spans.py gives."""

SINGLE_QUOTES = "\u2018\u2019\u201a\u201b\u2032\u2035\u2039\u203a\u02b9\u02bc\u00b4\u0060"
DOUBLE_QUOTES = "\u201c\u201d\u201e\u201f\u2033\u2036\u00ab\u00bb\u300c\u300d\u301d\u301e\u301f"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2043\u2212"
SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u3000"
INVISIBLE = (
    "\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe0e\ufe0f\ufeff"
)
"""Soft hyphens, joiners, marks of direction, variation selectors: a character class."""

SIGNS = str.maketrans(
    {
        **dict.fromkeys(SINGLE_QUOTES, "'"),
        **dict.fromkeys(DOUBLE_QUOTES, '"'),
        **dict.fromkeys(DASHES, "-"),
        **dict.fromkeys(SPACES, " "),
    }
)

_UNEVEN = re.compile(rf"\s\s|[^\S ]|[{INVISIBLE}]|[^\D0-9]")
"""What makes a folded text shorter or needs more than the table of signs."""

_PIECE = re.compile(
    rf"(?P<space>\s+)|(?P<plain>[!-~]+(?![^\x00-\x7f]))|(?P<invisible>[{INVISIBLE}]+)|.", re.DOTALL
)

_BEFORE_UNIT = re.compile(r"(?<=[0-9]) ?(?=[^\W\d_])(?!e[+-]?[0-9])")

_INVISIBLE = re.compile(f"[{INVISIBLE}]")

_JOINING = re.compile("[\u1160-\u11ff\uff9e-\uffdc]")
"""Letters that can join the letter before them though they are no marks: parts of syllables."""


class Folded(NamedTuple):
    """A folded text. Character i stands for ``begins[i]`` to ``ends[i]`` of the original.

    Both are None if each character stands for the one at its own place.
    """

    text: str
    begins: Sequence[int] | None = None
    ends: Sequence[int] | None = None

    def is_whole(self, begin: int, end: int) -> bool:
        """Whether a span cuts through no original character, such as the "ss" of "ß"."""
        begins = self.begins
        if begins is None:
            return True
        starts = begin == 0 or begins[begin] != begins[begin - 1]
        return starts and (end == len(begins) or begins[end] != begins[end - 1])

    def original(self, begin: int, end: int) -> tuple[int, int]:
        """The span of the original text."""
        if self.begins is None or self.ends is None:
            return begin, end
        return self.begins[begin], self.ends[end - 1]


@lru_cache(CACHED_TEXTS)
def fold(text: str) -> Folded:
    """Fold a text, with offsets."""
    even = text.lower() if text.isascii() else text.translate(SIGNS).casefold()
    is_even = len(even) == len(text) and not _UNEVEN.search(even)
    if is_even and unicodedata.is_normalized("NFKC", even):
        return Folded(even.replace("`", "'"))
    return _fold_pieces(text)


@lru_cache(CACHED_TEXTS)
def folded(text: str) -> str:
    """A text without what does not change its meaning. Equal texts have equal foldings."""
    return _BEFORE_UNIT.sub("", fold(text).text.strip())


def with_units_apart(text: str) -> str:
    """A folded text with a space between each number and its unit: "10 pm" for "10pm"."""
    return _BEFORE_UNIT.sub(" ", text)


def same_text(one: str, other: str) -> bool:
    """Whether two texts are equal after folding."""
    return one == other or folded(one) == folded(other)


def _fold_pieces(text: str) -> Folded:
    letters: list[str] = []
    begins: list[int] = []
    ends: list[int] = []
    position = 0
    while piece := _PIECE.match(text, position):
        end = piece.end()
        if piece.lastgroup == "plain":
            letters.append(piece[0].lower().translate(SIGNS))
            begins.extend(range(position, end))
            ends.extend(range(position + 1, end + 1))
        elif piece.lastgroup != "invisible":
            while end < len(text) and not piece.lastgroup and _continues(text[end]):
                end += 1
            new = " " if piece.lastgroup else _fold_piece(text[position:end])
            letters.append(new)
            begins.extend([position] * len(new))
            ends.extend([end] * len(new))
        position = end
    return Folded("".join(letters), begins, ends)


@lru_cache(CACHED_TEXTS)
def _fold_piece(piece: str) -> str:
    """Fold a letter with its marks."""
    piece = unicodedata.normalize("NFKC", piece.translate(SIGNS)).casefold()
    piece = unicodedata.normalize("NFKC", piece)
    return "".join(str(unicodedata.decimal(each, each)) for each in piece)


def _continues(letter: str) -> bool:
    """Whether a character belongs to the letter before it, such as an accent."""
    if letter < "\u0300" or _INVISIBLE.match(letter):
        return False
    return bool(unicodedata.category(letter)[0] == "M" or _JOINING.match(letter))
