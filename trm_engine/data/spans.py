"""Spans: finds values in a conversation, as character and token ranges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from trm_engine.data.samples import Turn
from trm_engine.data.tokenizer import Encoding
from trm_engine.data.values import JsonType, Search, search_for
from trm_engine.vocabulary import TOOL_ROLES

MAX_OCCURRENCES = 8


def is_verbatim(history: Sequence[Turn], value: Any, json_type: JsonType | None = None) -> bool:
    """Whether ``value`` stands in a turn of the user, the assistant or the system."""
    return stands_anywhere(
        [turn for turn in history if turn.role not in TOOL_ROLES], value, json_type
    )


def stands_anywhere(history: Sequence[Turn], value: Any, json_type: JsonType | None = None) -> bool:
    """Whether ``value`` stands in any turn, those of tools too."""
    search = search_for(value, json_type)
    return any(search(turn.text()) for turn in history)


class TokenSpans:
    """Finds values in an encoded conversation. Token spans are ``(start, end)``, end inclusive."""

    def __init__(self, history: Sequence[Turn], encoding: Encoding) -> None:
        self._history = history
        self._sources = _sources(history)
        self._is_whole = not encoding.dropped_tokens and not encoding.cut_tokens
        self._borders = cache(partial(_token_borders, encoding))

    def find(self, value: Any, json_type: JsonType | None = None) -> list[tuple[int, int]]:
        """The newest occurrences in user turns, else in the other spoken turns, else in tool turns.

        Text that may be a number is searched as text first. An occurrence that does not begin and
        end at token borders is skipped.
        """
        may_be_number = isinstance(value, str) and json_type != "string"
        ways: tuple[JsonType | None, ...] = ("string", json_type) if may_be_number else (json_type,)
        for way in ways:
            search = search_for(value, way)
            for turns in self._sources:
                if found := [span for turn in turns for span in self._spans(search, *turn)]:
                    return found[-MAX_OCCURRENCES:]
        return []

    def is_cut_off(self, value: Any, json_type: JsonType | None = None) -> bool:
        """Whether a value that ``find`` does not find stands in the truncated part."""
        return not self._is_whole and stands_anywhere(self._history, value, json_type)

    def _spans(self, search: Search, turn: int, text: str) -> Iterator[tuple[int, int]]:
        for begin, end in search(text):
            starts, ends = self._borders(turn)  # empty for a truncated turn
            if begin in starts and end in ends:
                yield starts[begin], ends[end]


def _sources(history: Sequence[Turn]) -> tuple[list[tuple[int, str]], ...]:
    """The turns of the user, those of others that speak, and those of tools: index and text."""
    user: list[tuple[int, str]] = []
    others: list[tuple[int, str]] = []
    tools: list[tuple[int, str]] = []
    for index, turn in enumerate(history):
        source = user if turn.role == "user" else tools if turn.role in TOOL_ROLES else others
        source.append((index, turn.text()))
    return user, others, tools


def _token_borders(encoding: Encoding, turn: int) -> tuple[dict[int, int], dict[int, int]]:
    """Token indices of one turn by their first character, and by their last."""
    tokens = np.flatnonzero((encoding.turns == turn) & (encoding.ends > encoding.begins)).tolist()
    starts = dict(zip(encoding.begins[tokens].tolist(), tokens, strict=True))
    ends = dict(zip(encoding.ends[tokens].tolist(), tokens, strict=True))
    return starts, ends
