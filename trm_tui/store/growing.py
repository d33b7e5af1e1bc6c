"""Arrays that grow at the end and can be truncated."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

SMALLEST = 64
AXES = ("step", "time", "epoch")
"""The columns that can be the x axis of a chart."""


class Growing(Protocol):
    """A column of float64 that grows at its end."""

    def __len__(self) -> int: ...

    @property
    def values(self) -> Array:
        """All values so far."""

    @property
    def generation(self) -> int:
        """Increases when values are removed, which invalidates results computed from them."""


class Points:
    """A growing float64 array. Its capacity doubles, so that appending takes amortized O(1)."""

    def __init__(self, values: ArrayLike = ()) -> None:
        self._room = np.empty(SMALLEST)
        self._length = 0
        self.generation = 0
        self.extend(values)

    def __len__(self) -> int:
        return self._length

    @property
    def values(self) -> Array:
        """All values so far, as a view that is valid until the next change."""
        return self._room[: self._length]

    def append(self, value: float) -> None:
        """Add one value."""
        if self._length == len(self._room):
            self.extend((value,))
        else:
            self._room[self._length] = value
            self._length += 1

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
        """Keep only the first ``length`` values."""
        if length < self._length:
            self._length = length
            self.generation += 1

    def replace(self, values: ArrayLike) -> None:
        """Replace all values."""
        self.truncate(0)
        self.extend(values)


class Rising(Points):
    """Values of an axis, which never decrease, for binary search.

    A value that is not finite, or less than the one before it, is replaced by the one before it.
    """

    def append(self, value: float) -> None:
        """Add one value."""
        self.extend((value,))

    def extend(self, values: ArrayLike) -> None:
        """Add values at the end."""
        last = self.values[-1] if len(self) else 0.0
        new = np.asarray(values, dtype=np.float64)
        finite = np.where(np.isfinite(new), new, last)
        super().extend(np.maximum.accumulate(np.append(last, finite))[1:])
