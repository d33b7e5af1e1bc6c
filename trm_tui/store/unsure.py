"""Unsure: of the conversations that a server keeps, those that its model was least sure of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from trm_engine.serving.texts import Kept, Served

MOST = 500
"""Conversations in the queue."""


@dataclass(frozen=True)
class Request:
    """A conversation of the queue, and what the model answered to it."""

    number: int
    kept: Kept

    @property
    def served(self) -> Served:
        """What the model answered."""
        return self.kept.served

    @property
    def text(self) -> str:
        """What was said last by the user or, if there is none, by anybody."""
        said = [turn for turn in self.kept.history if turn.get("role") == "user"]
        return str([*self.kept.history[-1:], *said][-1].get("content", ""))

    @property
    def answer(self) -> str:
        """The decision, or the tool of the first call."""
        calls = self.served.calls
        return str(calls[0].get("name", "")) if calls else self.served.decision

    def conversation(self) -> dict[str, Any]:
        """The conversation without an answer."""
        return {"tools": self.kept.tools, "history": self.kept.history}

    def sample(self) -> dict[str, Any]:
        """The conversation with the model's answer, to be corrected."""
        served = self.served
        calls = served.calls if served.decision == "tool_call" else []
        return {
            **self.conversation(),
            "decision": "tool_call" if calls else "direct_answer",
            "tool": calls[0] if calls else {},
            "slots": served.slots,
        }


class Unsure:
    """The queue, the least sure first. ``seen`` counts all conversations."""

    def __init__(self) -> None:
        self.seen = 0
        self.saved: set[int] = set()
        self._requests: list[Request] = []

    @property
    def requests(self) -> list[Request]:
        """The conversations that wait, the least sure first."""
        return self._requests

    def take(self, kept: Iterable[Kept]) -> bool:
        """Add conversations. Returns whether the queue has changed."""
        before = self._requests
        new = [Request(self.seen + place, each) for place, each in enumerate(kept)]
        if not new:
            return False
        self.seen += len(new)
        ordered = sorted([*before, *new], key=lambda each: each.served.confidence)
        self._requests = ordered[:MOST]
        return self._requests != before

    def save(self, request: Request) -> None:
        """Mark a conversation as saved."""
        self.saved.add(request.number)

    def remove(self, request: Request) -> None:
        """Take a conversation out of the queue."""
        self._requests = [each for each in self._requests if each is not request]
