"""Smoother: a vectorized exponential moving average of a growing series."""

from __future__ import annotations

import numpy as np

from trm_tui.store.growing import Array, Points

FACTORS = (0.0, 0.6, 0.9, 0.97, 0.99, 0.997, 0.999)
"""The factors that the user can choose; 0 means no smoothing."""

BLOCK = 4096
NEGLIGIBLE = 1e-18


class Smoother:
    """The average ``s = a·s + (1 - a)·x``, debiased: divided by the same average of ones.

    Values that are not finite are NaN in the result and do not change the average.
    """

    def __init__(self, factor: float) -> None:
        if not 0 <= factor < 1:
            raise ValueError(f"a smoothing factor is at least 0 and below 1, not {factor}")
        self.factor = factor
        self._out = Points()
        self._average = 0.0
        self._weight = 0.0

    @property
    def values(self) -> Array:
        """The smoothed series, as long as the input so far."""
        return self._out.values

    def extend(self, values: Array) -> None:
        """Add the next values."""
        for begin in range(0, len(values), BLOCK):
            self._out.extend(self._smoothed(values[begin : begin + BLOCK]))

    def _smoothed(self, values: Array) -> Array:
        finite = np.isfinite(values)
        averages = self._decayed(values[finite], self._average)
        weights = self._decayed(np.ones(len(averages)), self._weight)
        if len(averages):
            self._average, self._weight = float(averages[-1]), float(weights[-1])
        out = np.full(len(values), np.nan)
        out[finite] = averages / weights
        return out

    def _decayed(self, values: Array, start: float) -> Array:
        """``s[i] = a·s[i - 1] + (1 - a)·values[i]`` with ``s[-1] = start``."""
        out = (1 - self.factor) * values
        if len(out):
            out[0] += self.factor * start
        # Each pass doubles the number of earlier values that are included.
        reach, weight = 1, self.factor
        while reach < len(out) and weight > NEGLIGIBLE:
            out[reach:] += weight * out[:-reach]
            reach, weight = 2 * reach, weight * weight
        return out
