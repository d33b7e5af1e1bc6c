"""Columns of numbers, one entry for each update. JSON texts are decoded on first use."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
from msgspec import Raw

from trm_engine.runs.numbers import numbers_of
from trm_tui.store.growing import AXES, Array, Points, Rising

EVENTS_AT_A_TIME = 2000
WORTHWHILE = 500
"""Pending events for which decoding columns that nobody asked for pays."""

Texts = Mapping[str, Raw | Array]
"""Columns of an event: JSON texts, or numbers that were decoded before."""


@dataclass
class _Pending:
    """JSON arrays by name and their lengths, from events that some column has not decoded yet.

    ``total`` is the number of all updates.
    """

    texts: list[Texts] = field(default_factory=list)
    rows: list[int] = field(default_factory=list)
    total: int = 0


class Column:
    """The numbers of one name; NaN for an update without one. An axis never decreases."""

    def __init__(self, name: str, pending: _Pending, missing: int) -> None:
        self._name = name
        self._pending = pending
        self._points = (Rising if name in AXES else Points)(np.full(missing, np.nan))
        self._taken = 0

    def __len__(self) -> int:
        return self._pending.total

    @property
    def values(self) -> Array:
        """All numbers so far, float64 [updates]; valid until the next change."""
        while not self.is_decoded:
            self.decode_some()
        return self._points.values

    def newest(self, rows: int) -> Array:
        """The last ``rows`` numbers, or all if there are fewer. Decodes only those."""
        counts = self._pending.rows
        first, found = len(counts), 0
        while first > self._taken and found < rows:
            first -= 1
            found += counts[first]
        if found < rows:
            return self.values[-rows:]
        texts = [each.get(self._name) for each in self._pending.texts[first:]]
        return numbers_of(texts, counts[first:])[-rows:]

    @property
    def generation(self) -> int:
        """Increases when numbers are removed, which invalidates values computed from them."""
        return self._points.generation

    @property
    def is_decoded(self) -> bool:
        """Whether all numbers are decoded."""
        return self._taken == len(self._pending.texts)

    def decode_some(self) -> None:
        """Decode the oldest pending events."""
        begin, end = self._taken, self._taken + EVENTS_AT_A_TIME
        texts = [each.get(self._name) for each in self._pending.texts[begin:end]]
        self._points.extend(numbers_of(texts, self._pending.rows[begin:end]))
        self._taken += len(texts)

    def truncate(self, rows: int) -> None:
        """Keep only the first ``rows`` numbers."""
        if rows < len(self.values):
            self._points.truncate(rows)

    def forget_pending(self) -> None:
        """Reset the position, because the pending events were discarded."""
        self._taken = 0


class Columns(Mapping[str, Column]):
    """All columns of a run, of equal length. An unknown column is all NaN."""

    def __init__(self) -> None:
        self._pending = _Pending()
        self._decoded_rows = 0
        self._columns: dict[str, Column] = {}

    def __getitem__(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = Column(name, self._pending, self._decoded_rows)
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def rows(self) -> int:
        """The number of updates."""
        return self._pending.total

    def append(self, *events: Texts) -> None:
        """Add the arrays of ``steps`` events: of each of equal length, including "step"."""
        for name in dict.fromkeys(chain.from_iterable(dict.fromkeys(map(tuple, events)))):
            self[name]
        rows = [_length(texts["step"]) for texts in events]
        self._pending.texts += events
        self._pending.rows += rows
        self._pending.total += sum(rows)

    def forget_after(self, step: int) -> None:
        """Remove the updates after ``step``, which a resumed run repeats."""
        kept = int(np.searchsorted(self["step"].values, step, side="right"))
        for column in self._columns.values():
            column.truncate(kept)
        self._pending.total = kept
        self._discard_pending()

    def decode_for(self, seconds: float) -> None:
        """Decode pending events for about ``seconds``. Discards those that all columns decoded."""
        if len(self._pending.texts) < WORTHWHILE:
            return
        until = time.monotonic() + seconds
        for column in self._columns.values():
            while not column.is_decoded:
                if time.monotonic() > until:
                    return
                column.decode_some()
        self._discard_pending()

    def _discard_pending(self) -> None:
        self._pending.texts.clear()
        self._pending.rows.clear()
        self._decoded_rows = self.rows
        for column in self._columns.values():
            column.forget_pending()


def _length(array: Raw | Array) -> int:
    if isinstance(array, np.ndarray):
        return len(array)
    text = bytes(array)
    return 0 if text == b"[]" else 1 + text.count(b",")
