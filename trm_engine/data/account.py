"""Account: what became of every conversation, turn and call of a converted file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SAMPLE = "sample"
HISTORY = "history"
OPENING = "history: nothing stands before it"
UNTRAINED = "history: the file gives it weight 0"
ANNOUNCEMENT = "dropped: the assistant calls a tool next"
ORPHAN = "history: it answers no call"
NO_DECISION = "dropped: the assistant decides nothing"
FAULTY = "dropped: it has problems"


@dataclass
class Account:
    """Counts by outcome. An outcome is "sample", or begins with "history" or "dropped".

    Attributes:
        records: number of records in the file.
        samples: number of samples written.
        stops: number of those that say that no further call follows.
        conversations: number by outcome.
        turns: number by role and outcome, without calls.
        calls: number by outcome.
    """

    records: int = 0
    samples: int = 0
    stops: int = 0
    conversations: Counter[str] = field(default_factory=Counter)
    turns: Counter[tuple[str, str]] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    def to_dict(self) -> dict[str, Any]:
        """The figures as JSON."""
        return {
            "records": self.records,
            "samples": self.samples,
            "stops": self.stops,
            "conversations": dict(self.conversations),
            "turns": [
                {"role": role, "outcome": outcome, "count": count}
                for (role, outcome), count in self.turns.items()
            ],
            "calls": dict(self.calls),
        }
