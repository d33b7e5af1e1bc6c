"""Listing: the samples behind a figure or a problem, with a filter and the words searched for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int64]


class Listed(NamedTuple):
    """One entry. ``partner``: row of the sample that belongs to it, -1 for none."""

    row: int
    note: str
    partner: int
    alike: float


@dataclass(frozen=True)
class Listing:
    """Entries in columns [M]. ``partners_in``: "file" or "other".

    A sample is listed once for each of its notes, which are ``are_faults`` or facts.
    """

    title: str
    rows: Rows
    codes: NDArray[np.int32]
    partners: Rows
    shares: NDArray[np.float32]
    notes: tuple[str, ...] = ()
    partners_in: str = "file"
    are_faults: bool = True

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> Listed:
        note = self.notes[int(self.codes[place])] if self.notes else ""
        return Listed(
            int(self.rows[place]), note, int(self.partners[place]), float(self.shares[place])
        )

    @property
    def has_partners(self) -> bool:
        """Whether any entry has a partner."""
        return bool(len(self.partners)) and bool((self.partners >= 0).any())

    def counts(self) -> list[tuple[str, int]]:
        """The notes that occur, with their numbers of entries, most first."""
        counts = np.bincount(self.codes, minlength=len(self.notes)).tolist()
        named = [(note, count) for note, count in zip(self.notes, counts, strict=False) if count]
        return sorted(named, key=lambda each: -each[1])

    def places(self, note: str | None = None) -> Rows:
        """The places of the entries with a note; None for all."""
        if note is None:
            return np.arange(len(self))
        return np.flatnonzero(self.codes == self.notes.index(note))


def empty() -> Listing:
    """No entries."""
    none = np.empty(0, np.int64)
    return Listing("", none, np.empty(0, np.int32), none, np.empty(0, np.float32))
