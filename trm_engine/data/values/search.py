"""Search: where a value stands in a text, in any of its spellings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from functools import lru_cache
from typing import Any

from trm_engine.data.borders import is_border
from trm_engine.data.values.folding import (
    Folded,
    fold,
    folded,
    with_units_apart,
)
from trm_engine.data.values.meaning import JsonType, value_text
from trm_engine.data.values.numbers import (
    Written,
    has_raised,
    in_digits,
    in_words,
    read_number,
    to_decimal,
)

CACHED_SEARCHES = 4096
"""Size of the cache of searches: the samples of a dialogue share turns and values, and are read
together. A larger cache has no more hits, and its entries fragment the heap: resident memory then
grows during a run (benchmarks/memory.py)."""

Spans = tuple[tuple[int, int], ...]
Search = Callable[[str], Spans]


def find_value(text: str, value: Any, json_type: JsonType | None = None) -> Spans:
    """Character spans of ``text`` that mean ``value``, between word borders.

    A number is found however it is written: in words, "one", only where it is not in digits. Text
    is found after folding, with or without a space before a unit ("10pm"). Text that reads as a
    number and is not found is searched as a number, unless ``json_type`` is "string".
    """
    return search_for(value, json_type)(text)


def search_for(value: Any, json_type: JsonType | None = None) -> Search:
    """``find_value`` for one value in many texts."""
    number, wanted = _number(value, json_type), value_text(value)
    if number is None:
        return lambda text: _texts(text, wanted)
    if not isinstance(value, str):
        return lambda text: _numbers(text, number)
    return lambda text: _texts(text, wanted) or _numbers(text, number)


def _number(value: Any, json_type: JsonType | None) -> Decimal | None:
    """The number that is searched; None for text."""
    if json_type == "string" or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return read_number(value)
    return to_decimal(value) if isinstance(value, int | float) else None


@lru_cache(CACHED_SEARCHES)
def _texts(text: str, value: str) -> Spans:
    wanted = folded(value)
    if not wanted:
        return ()
    within = fold(text)
    ways = {wanted, with_units_apart(wanted)}
    return tuple(sorted(span for way in ways for span in _occurrences(text, within, way)))


def _occurrences(text: str, within: Folded, wanted: str) -> Iterator[tuple[int, int]]:
    begin = within.text.find(wanted)
    while begin >= 0:
        end = begin + len(wanted)
        fits = _is_word(text, within, begin, end)
        if fits:
            yield within.original(begin, end)
        begin = within.text.find(wanted, end if fits else begin + 1)


@lru_cache(CACHED_SEARCHES)
def _numbers(text: str, number: Decimal) -> Spans:
    within = fold(text)
    return _among(text, within, in_digits(within.text), number) or _among(
        text, within, in_words(within.text), number
    )


def _among(text: str, within: Folded, written: Iterable[Written], number: Decimal) -> Spans:
    found = (
        within.original(each.begin, each.end)
        for each in written
        if each.number == number and _is_word(text, within, each.begin, each.end)
    )
    return tuple(span for span in found if not has_raised(text[slice(*span)]))


def _is_word(text: str, within: Folded, begin: int, end: int) -> bool:
    """Whether a span of the folded text stands between word borders, in the original too."""
    if not (is_border(within.text, begin) and is_border(within.text, end)):
        return False
    if within.begins is None:
        return True
    first, last = within.original(begin, end)
    return within.is_whole(begin, end) and is_border(text, first) and is_border(text, last)
