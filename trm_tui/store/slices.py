"""Slices of a sweep: the values of its trials against one setting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trm_engine.sweeps.plan import Scalar, Space


@dataclass(frozen=True)
class Slice:
    """Places along ``axis``, rising, and the value at each."""

    axis: str
    places: list[float]
    values: list[float]


def slice_of(name: str, space: Space, trials: Sequence[tuple[Scalar, float]]) -> Slice:
    """The values of trials against a setting, each given as its setting and its value.

    Numbers of a logarithmic range are placed by their logarithm, words by their position.
    """
    choices = space.choices or []
    if any(isinstance(each, str | bool | None) for each in choices):
        placed = [(float(choices.index(at)), value) for at, value in trials if at in choices]
        names = ", ".join(f"{n} {choice}" for n, choice in enumerate(choices))
        return _slice(f"{name} ({names})", placed)
    numbers = [(float(at), value) for at, value in trials if isinstance(at, int | float)]
    if space.log:
        return _slice(f"log10 {name}", [(math.log10(at), value) for at, value in numbers])
    return _slice(name, numbers)


def _slice(axis: str, placed: list[tuple[float, float]]) -> Slice:
    placed = sorted(placed)
    return Slice(axis, [at for at, _ in placed], [value for _, value in placed])
