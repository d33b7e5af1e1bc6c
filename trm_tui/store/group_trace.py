"""GroupTrace: the mean curve of several runs, in the band between the lowest and the highest."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from trm_tui.store.growing import Array, Growing
from trm_tui.store.trace import Bins, Drawing, Trace, Window


class MeanColumn:
    """The mean of columns at the steps of the longest of them.

    A run counts from its first step to its last. Between its steps it is interpolated. With
    ``rising`` the mean never decreases, as an axis.
    """

    def __init__(
        self, steps: Sequence[Growing], columns: Sequence[Growing], rising: bool = False
    ) -> None:
        self._steps = steps
        self._columns = columns
        self._rising = rising
        self._seen: tuple[tuple[int, int], ...] = ()
        self._mean: Array = np.empty(0)
        self._generation = 0

    def __len__(self) -> int:
        return len(self.values)

    @property
    def generation(self) -> int:
        """Increases when the mean is computed again."""
        self._catch_up()
        return self._generation

    @property
    def values(self) -> Array:
        """The mean at each step; NaN where no run has a finite value."""
        self._catch_up()
        return self._mean

    def _catch_up(self) -> None:
        growing = (*self._steps, *self._columns)
        seen = tuple((len(each), each.generation) for each in growing)
        if seen != self._seen:
            self._seen = seen
            self._generation += 1
            self._mean = mean_at_steps(self._steps, self._columns)
            if self._rising and len(self._mean):
                self._mean = np.maximum.accumulate(np.nan_to_num(self._mean))


def mean_at_steps(steps: Sequence[Growing], columns: Sequence[Growing]) -> Array:
    """The mean of the columns at the steps of the longest one; runs that have ended are left out.

    A value that is not finite is left out too.
    """
    pairs = [
        _equal(step.values, column.values) for step, column in zip(steps, columns, strict=True)
    ]
    grid = max((x for x, _ in pairs), key=len)
    total, count = np.zeros(len(grid)), np.zeros(len(grid))
    for x, y in pairs:
        if len(x):
            there = np.interp(grid, x, y, left=np.nan, right=np.nan)
            finite = np.isfinite(there)
            total[finite] += there[finite]
            count += finite
    with np.errstate(invalid="ignore"):
        mean: Array = total / count
    return mean


def _equal(x: Array, y: Array) -> tuple[Array, Array]:
    """Both cut to the length of the shorter one: an axis may be longer for a moment."""
    length = min(len(x), len(y))
    return x[:length], y[:length]


class GroupTrace(Trace):
    """The mean of ``members``, all of the same metric; their band takes the place of raw values."""

    def __init__(self, name: str, members: Sequence[Trace]) -> None:
        first = members[0]
        steps = [each.axes["step"] for each in members]
        super().__init__(
            name,
            MeanColumn(steps, [each.column for each in members]),
            {
                axis: MeanColumn(steps, [each.axes[axis] for each in members], rising=True)
                for axis in first.axes
            },
            points=first.points,
            smooth=first.smooth,
        )
        self.members = tuple(members)

    def draw(
        self, axis: str, window: Window, columns: int, factor: float, log: bool = False
    ) -> Drawing:
        """The mean as the line, and the band of the members' lines."""
        mean = super().draw(axis, window, columns, factor, log)
        drawn = [
            each.draw(axis, window, columns, factor, log) for each in self.members if len(each)
        ]
        if not drawn:
            return mean
        holes = np.any([each.holes for each in drawn], axis=0)
        return Drawing(mean.line, _band([each.line for each in drawn]), holes)

    def extent(self, index: int) -> tuple[float, float] | None:
        """The lowest and the highest value of the members at one step of the mean."""
        step = float(self.along("step")[index])
        values = [value for each in self.members if (value := _value_at(each, step)) is not None]
        return (min(values), max(values)) if values else None


def _band(lines: Sequence[Bins]) -> Bins:
    low: NDArray[np.float64] = np.fmin.reduce([each.low for each in lines])
    high: NDArray[np.float64] = np.fmax.reduce([each.high for each in lines])
    return Bins(low, high, np.any([each.joined for each in lines], axis=0))


def _value_at(trace: Trace, step: float) -> float | None:
    x = trace.along("step")
    if not len(x):
        return None
    value = float(np.interp(step, x, trace.values, left=np.nan, right=np.nan))
    return value if np.isfinite(value) else None
