"""Job: how a question that takes long tells how far it is, and hears that it may stop."""

from __future__ import annotations

from typing import Any, Protocol


class Cancelled(Exception):
    """The answer is no longer wanted."""


class Job(Protocol):
    """One question that is being answered."""

    def check(self) -> None:
        """Raise Cancelled if the answer is no longer wanted; called often."""

    def progress(self, what: str, share: float, **more: Any) -> None:
        """Tell what is being done and the share done, 0 to 1; checks too."""

    def part(self, **content: Any) -> None:
        """Hand over a part of the answer; checks too."""
