"""Binning: a range of a curve in columns of equal width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trm_tui.store.envelope import Envelope, Indices
from trm_tui.store.growing import Array

Flags = NDArray[np.bool_]
Window = tuple[float, float]

SAMPLES = 16


@dataclass(frozen=True)
class Bins:
    """A line over dot columns of equal width.

    ``low`` and ``high`` [columns] are the ends of the line in each column, NaN for an empty one.
    ``joined`` [columns - 1] is whether the line connects a column with the next one.
    """

    low: Array
    high: Array
    joined: Flags


def heights_of(values: Array) -> Array:
    """The decimal logarithm of values; -inf for zero and negative values."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log10(np.maximum(values, 0))


class Stretch:
    """A window of an axis in ``columns`` equal parts; ``first`` is the first value index of each.

    With ``log``, heights are logarithms as in ``heights_of``.
    """

    def __init__(self, x: Array, window: Window, columns: int, log: bool) -> None:
        self._x = x
        self._log = log
        self._edges = np.linspace(*window, columns + 1)
        self.first = np.searchsorted(x, self._edges)
        self.first[-1] = np.searchsorted(x, window[1], side="right")

    def spans(self, y: Array, envelope: Envelope) -> Bins:
        """The smallest and largest value in each column; ``envelope`` has the blocks of ``y``."""
        low, high = envelope.bounds(y, self.first)
        nothing = low > high
        low[nothing] = high[nothing] = np.nan
        return self._joined(y, low, high)

    def means(self, y: Array) -> Bins:
        """A line through the mean of ``y`` in each column, estimated from at most 16 values."""
        counts = np.diff(self.first)
        full = np.flatnonzero(counts)
        shares = np.arange(SAMPLES) / SAMPLES
        values = y[self.first[full, None] + (counts[full, None] * shares).astype(np.int64)]
        finite = np.isfinite(values)
        mean = np.full(len(counts), np.nan)
        with np.errstate(invalid="ignore"):
            mean[full] = np.where(finite, values, 0).sum(axis=1) / finite.sum(axis=1)
        return self._joined(y, mean, mean.copy())

    def _joined(self, y: Array, low: Array, high: Array) -> Bins:
        """Fill the columns without values where the line runs through them."""
        low, high = self._height(low), self._height(high)
        empty = np.flatnonzero(self.first[:-1] == self.first[1:])
        low[empty] = high[empty] = self._interpolated(y, empty)
        return Bins(low, high, self._both_sides(y, self.first[1:-1]))

    def _height(self, values: Array) -> Array:
        return heights_of(values) if self._log else values

    def _interpolated(self, y: Array, columns: Indices) -> Array:
        """Interpolate at the middle of columns without values; NaN beyond the first and last."""
        after = self.first[columns]
        out = np.full(len(after), np.nan)
        inside = self._inside(y, after)
        right = after[inside]
        begin, end = self._height(y[right - 1]), self._height(y[right])
        x, columns = self._x, columns[inside]
        middle = (self._edges[columns] + self._edges[columns + 1]) / 2
        with np.errstate(invalid="ignore"):
            slope = (end - begin) / (x[right] - x[right - 1])
            out[inside] = begin + slope * (middle - x[right - 1])
        return np.where(np.isfinite(out), out, np.nan)

    def _both_sides(self, y: Array, after: Indices) -> Flags:
        """Whether each boundary has a finite value before and after it."""
        both = self._inside(y, after)
        right = after[both]
        both[both] = np.isfinite(y[right]) & np.isfinite(y[right - 1])
        return both

    @staticmethod
    def _inside(y: Array, after: Indices) -> Flags:
        return (after > 0) & (after < len(y))
