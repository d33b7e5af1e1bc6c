"""Lengths: the tokens of a sample, counted with a tokenizer or estimated from its characters."""

from __future__ import annotations

from collections.abc import Sequence

from trm_engine.data.problems.words import Said
from trm_engine.data.samples import Turn
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.vocabulary import TOOL_ROLES

NO_LIMIT = 2**31 - 1
CHARACTERS_PER_TOKEN = 3.5
"""Of English text with a vocabulary of some thousand pieces that was trained on it."""


class Lengths:
    """Measures samples."""

    def __init__(self, tokenizer: TRMTokenizer | None = None) -> None:
        self._tokenizer = tokenizer

    @property
    def method(self) -> str:
        """How tokens are counted, in words."""
        if self._tokenizer:
            return "counted with the tokenizer"
        return f"estimated: a token for every {CHARACTERS_PER_TOKEN} characters"

    @property
    def fingerprint(self) -> str:
        """Short text; equal methods have equal ones."""
        return self._tokenizer.fingerprint if self._tokenizer else str(CHARACTERS_PER_TOKEN)

    def tokens(self, history: Sequence[Turn], said: Sequence[Said]) -> int:
        """The tokens of a conversation, with markers. ``said``: its roles and texts."""
        if self._tokenizer:
            return len(self._tokenizer.encode_turns(history, NO_LIMIT))
        return 2 + sum(_estimate(text) for _, text in said)

    def tool_tokens(self, history: Sequence[Turn], said: Sequence[Said]) -> int:
        """The tokens of the longest tool turn; 0 if there is none."""
        places = [place for place, (role, _) in enumerate(said) if role in TOOL_ROLES]
        if not places:
            return 0
        longest = max(places, key=lambda place: len(said[place][1]))
        if self._tokenizer:
            return len(self._tokenizer.encode_turns([history[longest]], NO_LIMIT)) - 2
        return _estimate(said[longest][1])


def _estimate(text: str) -> int:
    return 1 + round(len(text) / CHARACTERS_PER_TOKEN)
