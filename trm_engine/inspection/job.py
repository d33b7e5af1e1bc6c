"""Job: progress and cancellation of long requests."""

from __future__ import annotations

from typing import Any, Protocol


class Cancelled(Exception):
    """The client cancelled the request."""


class Job(Protocol):
    """The request that is being answered."""

    def check(self) -> None:
        """Raise Cancelled if the client cancelled the request. Call it often."""

    def progress(self, what: str, share: float, **more: Any) -> None:
        """Report the current stage and its finished share, 0 to 1. Calls ``check``."""

    def part(self, **content: Any) -> None:
        """Send a part of the answer. Calls ``check``."""
