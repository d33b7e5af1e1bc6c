"""The y scale of a plot: its range, and the dot rows of values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trm_tui.store.binning import heights_of
from trm_tui.store.trace import Bins, Drawing
from trm_tui.widgets.chart.canvas import Dots, Glyphs, Rows, dots_of
from trm_tui.widgets.chart.ticks import Format, Tick, linear_ticks, log_ticks

FENCE = 3.0
"""A robust scale ends this many interquartile ranges beyond the quartiles (Tukey, 1977)."""

Heights = NDArray[np.float64]


@dataclass(frozen=True)
class Scale:
    """A scale from ``low`` to ``high``. With ``log`` these are powers of ten.

    ``lowest`` and ``highest`` are the ends of the data; -inf stands for values of 0 or less.
    """

    low: float
    high: float
    lowest: float
    highest: float
    log: bool = False

    @classmethod
    def of(cls, drawings: Sequence[Drawing], log: bool, robust: bool) -> Scale | None:
        """The scale for lines and envelopes, without outliers if ``robust``; None if empty."""
        bins = [each for drawing in drawings for each in (drawing.line, drawing.raw) if each]
        lows, highs = _numbers([each.low for each in bins]), _numbers([each.high for each in bins])
        drawable = lows[np.isfinite(lows)], highs[np.isfinite(highs)]
        if not len(drawable[1]):
            return None
        low, high = _ends(drawable[0] if len(drawable[0]) else drawable[1], drawable[1], robust)
        if low == high:
            room = 0.5 if log else abs(low) / 10 or 0.5
            low, high = low - room, high + room
        return cls(low, high, float(lows.min()), float(highs.max()), log)

    @property
    def cut_above(self) -> bool:
        """Whether there are values above the range."""
        return self.highest > self.high

    @property
    def cut_below(self) -> bool:
        """Whether there are values below the range."""
        return self.lowest < self.low

    def rows(self, heights: Heights, count: int) -> Rows:
        """The row of each height, from 0 at the top. -1 is above the range, ``count`` below."""
        with np.errstate(invalid="ignore"):
            rows = (self.high - heights) * ((count - 1) / (self.high - self.low))
        rows[np.isnan(rows)] = -1
        return np.rint(np.minimum(np.maximum(rows, -1), count)).astype(np.int16)

    def dots(self, bins: Bins, rows: int, glyphs: Glyphs) -> Dots:
        """A line in ``rows`` rows of cells."""
        count = rows * glyphs.dots[0]
        top, bottom = self.rows(bins.high, count), self.rows(bins.low, count)
        top[np.isnan(bins.high)] = count + 1
        return dots_of(top, bottom, bins.joined, rows, glyphs.dots)

    def ticks(self, count: int, form: Format | None) -> list[Tick]:
        """About ``count`` ticks."""
        return (log_ticks if self.log else linear_ticks)(self.low, self.high, count, form)

    def heights(self, values: Heights) -> Heights:
        """The height at which each value is drawn."""
        return heights_of(values) if self.log else values

    def value(self, height: float) -> float:
        """The value that is drawn at a height."""
        return float(10.0**height) if self.log else height


def _numbers(columns: Sequence[Heights]) -> Heights:
    heights: Heights = np.concatenate([np.empty(0), *columns])
    return heights[~np.isnan(heights)]


def _ends(lows: Heights, highs: Heights, robust: bool) -> tuple[float, float]:
    low, high = float(lows.min()), float(highs.max())
    if not robust:
        return low, high
    first, third = np.percentile(np.concatenate([lows, highs]), (25, 75))
    reach = FENCE * float(third - first)
    return max(low, float(first) - reach), min(high, float(third) + reach)
