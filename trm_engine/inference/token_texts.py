"""TokenTexts: from the tokens of a conversation to its texts, and what its calls say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np

from trm_engine.data.borders import is_border
from trm_engine.data.samples import Turn
from trm_engine.data.values import flatten, is_empty
from trm_engine.runs.schema.answers import Place


class Called(NamedTuple):
    """An argument of an earlier call: the turn of the call, and its value."""

    turn: int
    value: Any


def called_values(history: Sequence[Turn]) -> dict[str, Called]:
    """The arguments of the calls in a history by path; of those with one path the newest."""
    called: dict[str, Called] = {}
    for number, turn in enumerate(history):
        arguments = turn.content.get("arguments") if turn.role == "tool_call" else None
        if isinstance(arguments, dict):
            values = {
                path: value for path, value in flatten(arguments).items() if not is_empty(value)
            }
            called |= {path: Called(number, value) for path, value in values.items()}
    return called


@dataclass(frozen=True)
class TokenTexts:
    """The position of each token of a sample: turn and character offsets [L] in ``texts``.

    ``called`` are the arguments of earlier calls, the newest by path; ``asked`` is the newest turn
    of the user.
    """

    texts: list[str]
    turns: np.ndarray
    begins: np.ndarray
    ends: np.ndarray
    called: Mapping[str, Called] = field(default_factory=dict)
    asked: int = -1

    @classmethod
    def of(
        cls, history: Sequence[Turn], turns: np.ndarray, begins: np.ndarray, ends: np.ndarray
    ) -> Self:
        """Those of a history, whose tokens have these positions."""
        texts = [turn.text() for turn in history]
        asked = (index for index, turn in enumerate(history) if turn.role == "user")
        return cls(texts, turns, begins, ends, called_values(history), max(asked, default=-1))

    def place(self, span: np.ndarray) -> Place | None:
        """The position of a span, which lies within one turn; None if it has no text."""
        return self._place(int(span[0]), int(span[1]))

    def word(self, first: int) -> Place | None:
        """The position from a token to the end of its word; None if it has no text."""
        last = first
        while (place := self._place(first, last)) is not None:
            text, after = self.texts[place.turn], last + 1
            is_last = after == len(self.turns) or self.turns[after] != place.turn
            if is_last or is_border(text, place.end):
                break
            last = after
        return place

    def text(self, span: np.ndarray) -> str:
        """The text of a span, which lies within one turn; "" if it has none."""
        return self.at(self.place(span))

    def at(self, place: Place | None) -> str:
        """The text at a position; "" for none."""
        return "" if place is None else self.texts[place.turn][place.begin : place.end]

    def _place(self, first: int, last: int) -> Place | None:
        if first < 0 or self.turns[first] < 0:
            return None
        return Place(int(self.turns[first]), int(self.begins[first]), int(self.ends[last]))
