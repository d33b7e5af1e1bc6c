"""How much is tried, and by which chance: N, SEED and CASE of the environment."""

from __future__ import annotations

import math
import os
from random import Random
from typing import Any

import pytest

N = int(os.environ.get("N", "8"))
"""Mutations that each reader is given; other tests try a share of it."""

SEED = int(os.environ.get("SEED", "0"))
CASE = os.environ.get("CASE", "")


def count(share: float = 1.0, least: int = 1) -> int:
    """How many cases are tried where each of them costs ``1 / share`` as much as a mutation."""
    return max(least, round(N * share))


def cases(share: float = 1.0, least: int = 1) -> list[Any]:
    """The numbers of the cases to try; one alone if CASE names it."""
    if CASE:
        return [int(CASE)]
    needed = pytest.mark.skip(reason=f"needs N={math.ceil(0.5 / share) + 1}, not {N}")
    return list(range(count(share, least))) or [pytest.param(0, marks=needed)]


def rng_of(*case: object, seed: int = SEED) -> Random:
    """The chance of one case: the same for the same seed."""
    return Random(repr((seed, *case)))


def again(node: str, case: int | None = None) -> str:
    """The command that repeats a test, or one case of it."""
    chosen = f" CASE={case}" if case is not None else f" CASE={CASE}" if CASE else ""
    return f"SEED={SEED} N={N}{chosen} .venv/bin/python -m pytest '{node}'"
