"""Envelope: minimum and maximum of ranges of a growing series, in constant time per range."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trm_tui.store.growing import Array, Points

Indices = NDArray[np.int64]

FACTOR = 8
FINENESS = 16
"""A range has at least so many blocks, so its ends are exact to 1/16 of its length."""


class Envelope:
    """Blocks of 8, 64, 512 … values with the smallest and largest finite value of each.

    It does not store the values. Every call takes all of them.
    """

    def __init__(self) -> None:
        self._length = 0
        self._levels: list[_Level] = []

    def extend(self, values: Array) -> None:
        """Update from ``values``: the values of the last call, and new ones at the end."""
        begin, self._length = self._length, len(values)
        if begin == len(values):
            return
        while FACTOR ** (len(self._levels) + 1) < len(values):
            self._levels.append(_Level())
        first, below = begin, (values, values)
        for level in self._levels:
            first = min(first // FACTOR, len(level.low))
            low, high = (each[first * FACTOR :] for each in below)
            if below[0] is values:
                low, high = _finite(low)
            level.renew(first, low, high)
            below = level.low.values, level.high.values

    def bounds(self, values: Array, edges: Indices) -> tuple[Array, Array]:
        """The smallest and largest finite value of each range ``values[edges[i]:edges[i + 1]]``.

        They are +inf and -inf if there is none. The ends of long ranges are rounded to whole
        blocks, so that the cost does not grow with the length. Adjacent ranges still share no
        value, and none is lost.
        """
        begin, end = edges[:-1], edges[1:]
        low, high = np.full(len(begin), np.inf), np.full(len(begin), -np.inf)
        sizes = [FACTOR**depth for depth in range(1, len(self._levels) + 1)]
        depths = np.searchsorted(sizes, (end - begin) / FINENESS, side="right")
        depths[begin == end] = -1
        for depth in range(len(sizes) + 1):
            chosen = np.flatnonzero(depths == depth)
            if len(chosen):
                size = FACTOR**depth
                is_last = end[chosen] == len(values)  # include the incomplete block
                stretch = begin[chosen] // size, (end[chosen] + is_last * (size - 1)) // size
                low[chosen], high[chosen] = self._reduced(values, depth, *stretch)
        return low, high

    def _reduced(
        self, values: Array, depth: int, begin: Indices, end: Indices
    ) -> tuple[Array, Array]:
        """The bounds of nonempty ranges of the blocks of one level."""
        chosen, starts = _joined(begin, end)
        if depth:
            level = self._levels[depth - 1]
            low, high = level.low.values[chosen], level.high.values[chosen]
        else:
            low, high = _finite(values[chosen])
        return np.minimum.reduceat(low, starts), np.maximum.reduceat(high, starts)


class _Level:
    def __init__(self) -> None:
        self.low = Points()
        self.high = Points()

    def renew(self, first: int, low: Array, high: Array) -> None:
        """Compute the blocks from ``first`` on from the level below."""
        starts = np.arange(0, len(low), FACTOR)
        for mine, reduce, below in (
            (self.low, np.minimum, low),
            (self.high, np.maximum, high),
        ):
            mine.truncate(first)
            mine.extend(reduce.reduceat(below, starts))


def _finite(values: Array) -> tuple[Array, Array]:
    """The values for a minimum and for a maximum: non-finite ones are +inf and -inf."""
    finite = np.isfinite(values)
    if finite.all():
        return values, values
    return np.where(finite, values, np.inf), np.where(finite, values, -np.inf)


def _joined(begin: Indices, end: Indices) -> tuple[slice | Indices, Indices]:
    """Indices that put the ranges one after the other, and where each one then starts."""
    lengths = end - begin
    starts = np.cumsum(lengths) - lengths
    if np.array_equal(begin[1:], end[:-1]):
        return slice(begin[0], end[-1]), starts
    return np.arange(lengths.sum()) + np.repeat(begin - starts, lengths), starts
