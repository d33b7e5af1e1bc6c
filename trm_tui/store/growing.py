"""Arrays that grow at their end, and may lose rows there."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SMALLEST = 64
AXES = ("step", "time", "epoch")
"""The columns over which curves are drawn."""


class Growing(Protocol):
    """A column of float64 that grows at its end."""

    def __len__(self) -> int: ...

    @property
    def values(self) -> Array:
        """Everything so far."""

    @property
    def generation(self) -> int:
        """Rises when rows were taken away at the end: what was computed from them is void."""


class Points:
    """A growing array; its room doubles, so appending is linear over all."""

    def __init__(self, values: ArrayLike = ()) -> None:
        self._room = np.empty(SMALLEST)
        self._length = 0
        self.generation = 0
        self.extend(values)

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Array:
        """Everything so far: a view, valid until the next change."""
        return self._room[: self._length]

    def append(self, value: float) -> None:
        """Add one value."""
        self.extend((value,))

    def extend(self, values: ArrayLike) -> None:
        """Add values at the end."""
        new = np.asarray(values, dtype=np.float64)
        length = self._length + len(new)
        if length > len(self._room):
            room = np.empty(max(length, 2 * len(self._room)))
            room[: self._length] = self.values
            self._room = room
        self._room[self._length : length] = new
        self._length = length

    def truncate(self, length: int) -> None:
        """Take away all but the first ``length`` values."""
        if length < self._length:
            self._length = length
            self.generation += 1

    def replace(self, values: ArrayLike) -> None:
        """Take away everything and begin with ``values``."""
        self.truncate(0)
        self.extend(values)


class Rising(Points):
    """Places on an axis, for binary search: they never fall, whatever was told.

    One that is below the place before it, or that is not finite, is put at that place.
    """

    def extend(self, values: ArrayLike) -> None:
        """Add values at the end."""
        last = self.values[-1] if len(self) else 0.0
        new = np.asarray(values, dtype=np.float64)
        finite = np.where(np.isfinite(new), new, last)
        super().extend(np.maximum.accumulate(np.append(last, finite))[1:])
