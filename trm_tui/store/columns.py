"""Columns of numbers, one entry an update: JSON text until somebody looks at them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

import numpy as np
from msgspec import Raw

from trm_engine.runs.numbers import decode_numbers
from trm_tui.store.growing import Array, Points

TEXTS_AT_A_TIME = 2000


class Column:
    """The numbers of one name; NaN where an update told none."""

    def __init__(self, missing: int = 0) -> None:
        self._decoded = Points(np.full(missing, np.nan))
        self._waiting: list[Raw] = []
        self._rows: list[int] = []

    def __len__(self) -> int:
        return len(self._decoded) + sum(self._rows)

    @property
    def values(self) -> Array:
        """All numbers so far, float64 [updates]; valid until more are added or taken away."""
        while self._waiting:
            self.decode_some()
        return self._decoded.values

    @property
    def generation(self) -> int:
        """Rises when numbers were taken away: what was made from them is void."""
        return self._decoded.generation

    @property
    def is_decoded(self) -> bool:
        """Whether no text waits to be decoded."""
        return not self._waiting

    def append(self, text: Raw, rows: int) -> None:
        """Add a JSON array of ``rows`` numbers."""
        self._waiting.append(text)
        self._rows.append(rows)

    def pad(self, rows: int) -> None:
        """Fill up to ``rows`` numbers with NaN."""
        missing = rows - len(self.values)
        self._decoded.extend(np.full(missing, np.nan))

    def truncate(self, rows: int) -> None:
        """Take away all but the first ``rows`` numbers."""
        if rows < len(self.values):
            self._decoded.truncate(rows)

    def decode_some(self) -> None:
        """Decode the texts that have waited longest."""
        texts, rows = self._waiting[:TEXTS_AT_A_TIME], self._rows[:TEXTS_AT_A_TIME]
        del self._waiting[:TEXTS_AT_A_TIME], self._rows[:TEXTS_AT_A_TIME]
        self._decoded.extend(_numbers(texts, sum(rows)))


def _numbers(texts: list[Raw], rows: int) -> Array:
    """The numbers of JSON arrays; NaN for all where the file does not hold what it should."""
    try:
        numbers = decode_numbers(texts)
    except ValueError:
        numbers = np.empty(0)
    return numbers if len(numbers) == rows else np.full(rows, np.nan)


class Columns(Mapping[str, Column]):
    """All columns of a run, of equal length; "step" is always there.

    A name that nobody told yet is an empty column that grows when it is told.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._columns: dict[str, Column] = {"step": Column()}

    def __getitem__(self, name: str) -> Column:
        if name not in self._columns:
            self._columns[name] = Column(missing=self.rows)
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def append(self, texts: Mapping[str, Raw]) -> None:
        """Add the columns of one ``steps`` event."""
        steps = bytes(texts["step"])
        added = 0 if steps == b"[]" else 1 + steps.count(b",")
        for name, text in texts.items():
            self[name].append(text, added)
        self.rows += added
        for name in self._columns.keys() - texts.keys():
            self[name].pad(self.rows)

    def forget_after(self, step: int) -> None:
        """Take away the updates after ``step``: a later start did them again."""
        self.rows = int(np.searchsorted(self["step"].values, step, side="right"))
        for column in self._columns.values():
            column.truncate(self.rows)

    def decode_for(self, seconds: float) -> bool:
        """Decode what waits, for about so long. Returns whether nothing waits any more."""
        until = time.monotonic() + seconds
        for column in self._columns.values():
            while not column.is_decoded:
                if time.monotonic() > until:
                    return False
                column.decode_some()
        return True
