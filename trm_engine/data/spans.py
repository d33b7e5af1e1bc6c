"""Spans: finds values in a conversation, as character and token ranges."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np

from trm_engine.data.borders import is_border
from trm_engine.data.samples import Turn
from trm_engine.data.tokenizer import Encoding
from trm_engine.vocabulary import TOOL_ROLES

MAX_OCCURRENCES = 8

CACHED_SEARCHES = 4096
"""Size of the cache of searches: the samples of a dialogue share turns and values, and are read
together. A larger cache has no more hits, and its entries fragment the heap: resident memory then
grows during a run (benchmarks/memory.py)."""


def value_text(value: Any) -> str:
    """A value of a slot or argument as text: "" for null, JSON if it is not text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def same_text(one: str, other: str) -> bool:
    """Whether two values are equal, ignoring case and outer spaces."""
    return one.strip().casefold() == other.strip().casefold()


@lru_cache(CACHED_SEARCHES)
def find_value(text: str, value: str) -> tuple[tuple[int, int], ...]:
    """Character spans of ``value`` in ``text``, ignoring case, only at word borders."""
    if not value or len(value) > len(text):
        return ()
    pattern = re.compile(re.escape(value), re.IGNORECASE)
    found: list[tuple[int, int]] = []
    position = 0
    while match := pattern.search(text, position):
        begin, end = match.span()
        fits = is_border(text, begin) and is_border(text, end)
        fits = fits and same_text(match[0], value)  # to re, a Turkish dotless i equals i
        if fits:
            found.append((begin, end))
        position = end if fits else begin + 1
    return tuple(found)


def is_verbatim(history: Sequence[Turn], value: str) -> bool:
    """Whether ``value`` occurs verbatim in a turn of the user or the assistant."""
    return any(find_value(turn.text(), value) for turn in history if turn.role not in TOOL_ROLES)


class TokenSpans:
    """Finds values in an encoded conversation. Token spans are ``(start, end)``, end inclusive."""

    def __init__(self, history: Sequence[Turn], encoding: Encoding) -> None:
        self._history = history
        self._is_whole = not encoding.dropped_tokens and not encoding.cut_tokens
        self._borders = cache(partial(_token_borders, encoding))

    def find(self, value: str) -> list[tuple[int, int]]:
        """The newest occurrences in user turns, else in the other spoken turns, else in tool turns.

        An occurrence that does not begin and end at token borders is skipped.
        """
        for is_source in (_is_user, _is_said, _is_tool):
            if found := list(self._search(value, is_source)):
                return found[-MAX_OCCURRENCES:]
        return []

    def is_cut_off(self, value: str) -> bool:
        """Whether a value that ``find`` does not find occurs in the truncated part."""
        return not self._is_whole and any(find_value(turn.text(), value) for turn in self._history)

    def _search(self, value: str, is_source: Callable[[Turn], bool]) -> Iterator[tuple[int, int]]:
        for index, turn in enumerate(self._history):
            if not is_source(turn):
                continue
            for begin, end in find_value(turn.text(), value):
                starts, ends = self._borders(index)  # empty for a truncated turn
                if begin in starts and end in ends:
                    yield starts[begin], ends[end]


def _is_user(turn: Turn) -> bool:
    return turn.role == "user"


def _is_said(turn: Turn) -> bool:
    return turn.role not in TOOL_ROLES


def _is_tool(turn: Turn) -> bool:
    return turn.role in TOOL_ROLES


def _token_borders(encoding: Encoding, turn: int) -> tuple[dict[int, int], dict[int, int]]:
    """Token indices of one turn by their first character, and by their last."""
    tokens = np.flatnonzero((encoding.turns == turn) & (encoding.ends > encoding.begins)).tolist()
    starts = dict(zip(encoding.begins[tokens].tolist(), tokens, strict=True))
    ends = dict(zip(encoding.ends[tokens].tolist(), tokens, strict=True))
    return starts, ends
