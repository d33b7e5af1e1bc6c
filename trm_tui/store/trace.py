"""Trace: one curve of a chart, binned to dot columns at a cost independent of its length."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trm_tui.store.binning import Bins, Flags, Stretch, Window
from trm_tui.store.envelope import Envelope
from trm_tui.store.growing import Array, Growing, Points
from trm_tui.store.smoothing import Smoother

__all__ = ["Bins", "Drawing", "Growing", "Points", "Trace", "Window"]


@dataclass(frozen=True)
class Drawing:
    """A curve in dot columns: the line, the unsmoothed line, and the holes.

    ``raw`` is None if the line is not smoothed; for a mean it is the band around it. ``holes``
    [columns] marks NaN and infinities.
    """

    line: Bins
    raw: Bins | None
    holes: Flags


class Trace:
    """One curve: values ``y`` over any of its axes.

    ``axes`` ("step", "time" in seconds, "epoch" …) never decrease and are as long as ``y``; an axis
    that is longer for a moment is cut. ``smooth`` is False for values without noise (a learning
    rate). ``points`` is for few values (one for each evaluation), which are drawn one by one and
    never smoothed; ``joined`` draws a line between them.
    """

    def __init__(
        self,
        name: str,
        y: Growing,
        axes: Mapping[str, Growing],
        points: bool = False,
        smooth: bool = True,
        joined: bool = True,
    ) -> None:
        self.name = name
        self.points = points
        self.joined = joined
        self.smooth = smooth and not points
        self.axes = axes
        self._y = y
        self._kept = _Known(y.generation)

    def __len__(self) -> int:
        return min(len(self._y), *map(len, self.axes.values()))

    @property
    def column(self) -> Growing:
        """The unsmoothed values, as they grow."""
        return self._y

    @property
    def values(self) -> Array:
        """The unsmoothed values."""
        return self._y.values[: len(self)]

    def along(self, axis: str) -> Array:
        """The coordinates on an axis; empty if the curve does not have this axis."""
        return self.axes[axis].values[: len(self)] if axis in self.axes else np.empty(0)

    def smoothed(self, factor: float) -> Array:
        """The smoothed values; NaN where a value is not finite."""
        if not self._smooths(factor):
            return self.values
        return self._known().smoothed(self._y.values, factor)[: len(self)]

    def nearest(self, axis: str, x: float) -> int | None:
        """The index of the value nearest to ``x``; None without values."""
        along = self.along(axis)
        if not len(along):
            return None
        after = min(int(np.searchsorted(along, x)), len(along) - 1)
        before = max(after - 1, 0)
        return before if x - along[before] <= along[after] - x else after

    def extent(self, index: int) -> tuple[float, float] | None:
        """The lowest and highest value that one value is the mean of; None if it is no mean."""
        return None

    @property
    def has_values(self) -> bool:
        """Whether any value is finite."""
        return self._known().last_finite is not None

    @property
    def holes(self) -> int:
        """The number of non-finite values after the first finite one."""
        return len(self._known().holes)

    @property
    def last_hole(self) -> int | None:
        """The index of the last of these holes; None if there is none."""
        holes = self._known().holes.values
        return int(holes[-1]) if len(holes) else None

    @property
    def broken_from(self) -> int | None:
        """The index of the first value after the last finite one; None if there is none."""
        known = self._known()
        if known.last_finite is None or known.last_finite == known.seen - 1:
            return None
        return known.last_finite + 1

    def draw(
        self, axis: str, window: Window, columns: int, factor: float, log: bool = False
    ) -> Drawing:
        """Bin a window of the curve into ``columns`` columns, smoothed by ``factor``.

        With ``log``, heights are decimal logarithms; -inf for zero and negative values.
        """
        known, y = self._known(), self.values
        stretch = Stretch(self.along(axis), window, columns, log)
        holes = np.diff(np.searchsorted(known.holes.values, stretch.first)) > 0
        spans = stretch.spans(y, known.envelope)
        if not self._smooths(factor):
            return Drawing(spans, None, holes)
        return Drawing(stretch.means(self.smoothed(factor)), spans, holes)

    def _smooths(self, factor: float) -> bool:
        return factor > 0 and self.smooth

    def _known(self) -> _Known:
        """The cached results, updated; computed again if values were removed."""
        if self._kept.generation != self._y.generation:
            self._kept = _Known(self._y.generation)
        self._kept.catch_up(self._y.values)
        return self._kept


class _Known:
    """Incrementally computed results for a curve's values."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.seen = 0
        self.last_finite: int | None = None
        self.holes = Points()
        self.envelope = Envelope()
        self._smoother = Smoother(0)

    def catch_up(self, values: Array) -> None:
        """Process the new values."""
        if self.seen == len(values):
            return
        finite = np.isfinite(values[self.seen :])
        found = np.flatnonzero(finite)
        begin = 0
        if self.last_finite is None:
            begin = int(found[0]) if len(found) else len(finite)
        if len(found):
            self.last_finite = self.seen + int(found[-1])
        self.holes.extend(self.seen + begin + np.flatnonzero(~finite[begin:]))
        self.envelope.extend(values)
        self.seen = len(values)

    def smoothed(self, values: Array, factor: float) -> Array:
        """The moving average."""
        if self._smoother.factor != factor:
            self._smoother = Smoother(factor)
        self._smoother.extend(values[len(self._smoother.values) :])
        return self._smoother.values
