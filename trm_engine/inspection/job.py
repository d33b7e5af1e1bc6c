"""Job: progress and cancellation of long requests."""

from __future__ import annotations

from typing import Any, Protocol


class Cancelled(Exception):
    """The answer is no longer wanted."""


class Job(Protocol):
    """One request that is being answered."""

    def check(self) -> None:
        """Raise Cancelled if the answer is no longer wanted; called often."""

    def progress(self, what: str, share: float, **more: Any) -> None:
        """Report what is being done, and the share that is done, 0 to 1; also checks."""

    def part(self, **content: Any) -> None:
        """Send a part of the answer; also checks."""
