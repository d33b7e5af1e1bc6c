"""Halting: a sample stops at the first supervision step whose q reaches the threshold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def halts(q: Any, threshold: float) -> Any:
    """Whether a sample stops at a step. ``q`` is a probability, or an array or tensor of them."""
    return q >= threshold


def halting_step(q: Iterable[float], threshold: float) -> int | None:
    """The step (from 1) at which a sample stops, given q at each step; None if it never stops."""
    return next((step for step, each in enumerate(q, 1) if halts(each, threshold)), None)
