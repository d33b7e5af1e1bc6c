"""Account: what became of every conversation, turn and call of a converted file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

KEPT = "kept"
SAMPLE = "kept: a sample"
HISTORY = "kept: history"
OPENING = "kept: history, for nothing stands before it"
UNTRAINED = "kept: history, for the file gives it weight 0"
ORPHAN = "kept: history, but it answers no call"
ANNOUNCEMENT = "dropped: a call follows at once"
NO_DECISION = "dropped: the assistant decides nothing"
FAULTY = "dropped: it has problems"

CONVERSATION = "conversation"
CALL = "tool_call"
STOP = "stop"
"""Kinds of what is counted, beside the roles of turns. A stop is no turn: no further call."""


@dataclass
class Account:
    """Counts by kind and outcome.

    A kind is a role of a sample's history, or "conversation" or "stop". An outcome begins with
    "kept" or "dropped".

    Attributes:
        records: number of records in the file.
        counts: number of each kind with each outcome.
    """

    records: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, outcomes: Iterable[tuple[str, str]]) -> None:
        """Count a conversation, by the kinds and outcomes of what is in it."""
        found = Counter(outcomes)
        is_used = any(outcome == SAMPLE for _, outcome in found)
        found[CONVERSATION, KEPT if is_used else NO_DECISION] += 1
        self.counts.update(found)

    def drop(self) -> None:
        """Count a conversation that is left out."""
        self.counts[CONVERSATION, FAULTY] += 1

    @property
    def samples(self) -> int:
        """The number of samples."""
        return sum(count for (_, outcome), count in self.counts.items() if outcome == SAMPLE)

    @property
    def conversations(self) -> int:
        """The number of conversations that have samples."""
        return self.counts[CONVERSATION, KEPT]

    @property
    def faulty(self) -> int:
        """The number of conversations that are left out."""
        return self.counts[CONVERSATION, FAULTY]

    def rows(self) -> list[tuple[str, str, int]]:
        """Kind, outcome and number, conversations first, then as the roles come."""
        kinds = (CONVERSATION, "system", "user", "assistant", CALL, STOP, "tool_response")
        outcomes = (
            *(KEPT, SAMPLE, HISTORY, OPENING, UNTRAINED, ORPHAN),
            *(ANNOUNCEMENT, NO_DECISION, FAULTY),
        )
        return [
            (kind, outcome, count)
            for kind in kinds
            for outcome in outcomes
            if (count := self.counts[kind, outcome])
        ]

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON."""
        rows = [{"kind": kind, "outcome": end, "count": n} for kind, end, n in self.rows()]
        return {
            "records": self.records,
            "conversations": self.conversations,
            "samples": self.samples,
            "outcomes": rows,
        }
