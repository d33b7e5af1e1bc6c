"""The x values of a plot: their range, and the stops of the crosshair."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trm_tui.store.trace import Trace, Window

MIN_VALUES = 4
"""About the number of values in the narrowest window."""


class Places:
    """The x values of ``traces`` on ``axis``.

    The crosshair stops at the values of ``chosen``, by default the longest trace.
    """

    def __init__(self, traces: Sequence[Trace], axis: str, chosen: Trace | None = None) -> None:
        self._axis = axis
        self._alongs = [along for each in traces if len(along := each.along(axis))]
        self._longest = max(traces, key=len, default=None)
        walked = self._longest if chosen is None else chosen
        self._along = np.empty(0) if walked is None else walked.along(axis)

    @property
    def domain(self) -> Window:
        """The first and the last x value of all traces."""
        if not self._alongs:
            return 0.0, 1.0
        first = min(float(along[0]) for along in self._alongs)
        last = max(float(along[-1]) for along in self._alongs)
        return (first, last) if first < last else (first - 0.5, first + 0.5)

    @property
    def min_width(self) -> float:
        """The width of the narrowest window."""
        first, last = self.domain
        return MIN_VALUES * (last - first) / max(map(len, self._alongs), default=1)

    def snapped(self, x: float) -> float | None:
        """The nearest stop to ``x``; None if there is none."""
        along = self._along
        if not len(along):
            return None
        after = min(int(np.searchsorted(along, x)), len(along) - 1)
        near = along[max(after - 1, 0)], along[after]
        return float(min(near, key=lambda place: abs(place - x)))

    def next(self, x: float, distance: float) -> float:
        """The stop about ``distance`` after ``x`` (before, if negative), at least one stop on."""
        place = self.snapped(x + distance)
        if place is None or (place - x) * distance > 0:
            return x if place is None else place
        if distance > 0:
            index = int(np.searchsorted(self._along, x, side="right"))
        else:
            index = int(np.searchsorted(self._along, x)) - 1
        return float(self._along[min(max(index, 0), len(self._along) - 1)])

    def on(self, axis: str, x: float) -> float:
        """Convert ``x`` to another axis."""
        if self._longest is None or not len(self._longest):
            return x
        return float(np.interp(x, self._longest.along(self._axis), self._longest.along(axis)))
