"""Numbers: how they are written, and where they stand in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from trm_engine.data.values.folding import CACHED_TEXTS, folded

LONGEST = 64
"""Characters. A longer row of digits is no number."""

LARGEST_EXPONENT = 300

_IN_WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

WORDS = {word: Decimal(number) for number, word in enumerate((*_IN_WORDS, "eleven", "twelve"), 1)}
"""Numbers that are read as words. Larger ones are seldom written out."""

_NUMBER = re.compile(
    r"[+-]?"
    r"(?:[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}|0|[1-9]\d*|(?=\.))"  # "0901" is a text
    r"(?:\.\d+)?"
    r"(?:e(?P<exponent>[+-]?\d{1,4}))?",
    re.ASCII,
)

_RUN = re.compile(r"[+-]?\d(?:[\d.,:/-]*\d)?(?:e[+-]?\d+)?", re.ASCII)
"""What is written without a space: a number, but also a date, a version, a time."""

_WORD = re.compile(
    rf"(?<![^\W\d_]-)\b(?:{'|'.join(WORDS)})\b"  # not the "two" of "twenty-two"
    r"(?![ -](?:hundred|thousand|million|billion|dozen|point)\b)"
)

_LIST = 3
"""Numbers with commas between them are a list if there are as many; "1,5" may be 1.5."""


class Written(NamedTuple):
    """A number in a text, at characters ``begin`` to ``end``."""

    number: Decimal
    begin: int
    end: int


def to_decimal(value: int | float) -> Decimal | None:
    """A number as a decimal; None if it is not finite."""
    number = Decimal(value) if isinstance(value, int) else Decimal(repr(value))
    return number if number.is_finite() else None


@lru_cache(CACHED_TEXTS)
def read_number(text: str) -> Decimal | None:
    """The number that a text is: "12.50", "1,200", "+5", "1e3", "two". None if it is none.

    Numbers with leading zeros are texts.
    """
    if len(text) > LONGEST or has_raised(text):
        return None
    return _read(folded(text))


def has_raised(text: str) -> bool:
    """Whether a text has raised digits or fractions, "10²": folded, they are plain digits."""
    return not text.isascii() and any(unicodedata.category(each) == "No" for each in text)


@lru_cache(CACHED_TEXTS)
def in_digits(text: str) -> tuple[Written, ...]:
    """The numbers that a folded text has in digits. Parts of dates, times, versions are none."""
    return tuple(_in_digits(text))


@lru_cache(CACHED_TEXTS)
def in_words(text: str) -> tuple[Written, ...]:
    """The numbers that a folded text has in words."""
    return tuple(Written(WORDS[word[0]], *word.span()) for word in _WORD.finditer(text))


def _read(text: str) -> Decimal | None:
    if text in WORDS:
        return WORDS[text]
    written = _NUMBER.fullmatch(text)
    if not written or abs(int(written["exponent"] or 0)) > LARGEST_EXPONENT:
        return None
    return Decimal(text.replace(",", "")) if any(map(str.isdigit, text)) else None


def _in_digits(text: str) -> Iterator[Written]:
    for run in _RUN.finditer(text):
        begin, end = run.span()
        if end - begin > LONGEST:
            continue
        begin = _true_begin(text, begin)
        number = _read(text[begin:end])
        if number is not None:
            yield Written(number, begin, end)
        else:
            yield from _listed(text, begin, end)


def _true_begin(text: str, begin: int) -> int:
    """The begin of a number: a hyphen is no sign, a point may belong to it."""
    before = text[begin - 1 : begin]
    if text[begin] in "+-":
        return begin + 1 if before.isalnum() or before in (")", "-") else begin
    if before == "." and not text[begin - 2 : begin - 1].strip():
        return begin - 1
    return begin


def _listed(text: str, begin: int, end: int) -> Iterator[Written]:
    """The numbers of a list without spaces, "5,6,7"."""
    parts = text[begin:end].split(",")
    numbers = [_read(part) for part in parts]
    if len(parts) < _LIST:
        return
    for part, number in zip(parts, numbers, strict=True):
        if number is not None and None not in numbers:
            yield Written(number, begin, begin + len(part))
        begin += len(part) + 1
