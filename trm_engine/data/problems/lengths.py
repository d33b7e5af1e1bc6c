"""Lengths: the tokens of a sample, counted with a tokenizer or estimated from its characters."""

from __future__ import annotations

from collections.abc import Sequence

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

    def tokens(self, history: Sequence[Turn]) -> int:
        """The tokens of a conversation, with markers."""
        if self._tokenizer:
            return len(self._tokenizer.encode_turns(history, NO_LIMIT))
        return 2 + sum(map(self._estimate, history))

    def tool_tokens(self, history: Sequence[Turn]) -> int:
        """The tokens of the longest tool turn; 0 if there is none."""
        turns = [turn for turn in history if turn.role in TOOL_ROLES]
        if not turns:
            return 0
        if self._tokenizer:
            longest = max(turns, key=lambda turn: len(turn.text()))
            return len(self._tokenizer.encode_turns([longest], NO_LIMIT)) - 2
        return max(map(self._estimate, turns))

    def _estimate(self, turn: Turn) -> int:
        return 1 + round(len(turn.text()) / CHARACTERS_PER_TOKEN)
