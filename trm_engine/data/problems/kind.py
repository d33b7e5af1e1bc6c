"""Kind: a kind of problem, and Found: the samples that have it."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np

from trm_engine.data.cache import ArrayWriter
from trm_engine.data.samples import Sample

Cost = Literal["high", "medium", "low"]
COSTS: tuple[Cost, ...] = ("high", "medium", "low")
"""high: the model learns what is false, or figures flatter it. medium: something cannot be
learnt. low: effort without a use."""

NO_ROW = -1
ARRAYS = ("rows", "codes", "partners", "shares")


@dataclass(frozen=True)
class Kind:
    """A kind of problem, in words for the user.

    Attributes:
        name: as in ``--json``.
        title: a few words.
        explanation: what it is and what it costs, in one or two sentences.
        repair: what to do about it.
        cost: how much harm one such sample does.
    """

    name: str
    title: str
    explanation: str
    repair: str
    cost: Cost


@dataclass
class Found:
    """The samples that have a problem, in columns.

    Attributes:
        rows: index of each sample. A sample is there once for each of its faults.
        codes: index in ``notes``, what is wrong there.
        partners: index of another sample that belongs to it, or ``NO_ROW``.
        shares: how alike the two are, 0 to 1.
        notes: the different notes.
        counts: the number of samples by note, where only the first ones are in ``rows``.
    """

    rows: array[int] = field(default_factory=lambda: array("q"))
    codes: array[int] = field(default_factory=lambda: array("i"))
    partners: array[int] = field(default_factory=lambda: array("q"))
    shares: array[float] = field(default_factory=lambda: array("f"))
    notes: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    _known: dict[str, int] = field(default_factory=dict)

    def add(self, row: int, note: str, partner: int = NO_ROW, share: float = 1.0) -> None:
        """Add one sample."""
        self.rows.append(row)
        self.codes.append(self._code(note))
        self.partners.append(partner)
        self.shares.append(share)

    def count(self, note: str, samples: int) -> None:
        """Say how many samples have a note, of which some or none are added."""
        self.counts[self.notes[self._code(note)]] = samples

    def _code(self, note: str) -> int:
        code = self._known.get(note)
        if code is None:
            code = self._known[note] = len(self.notes)
            self.notes.append(note)
        return code

    def table(self) -> Table:
        """The same as numpy arrays."""
        return Table(
            np.array(self.rows, np.int64),
            np.array(self.codes, np.int32),
            np.array(self.partners, np.int64),
            np.array(self.shares, np.float32),
            list(self.notes),
            dict(self.counts),
        )


@dataclass(frozen=True)
class Table:
    """``Found`` as arrays [M]."""

    rows: np.ndarray
    codes: np.ndarray
    partners: np.ndarray
    shares: np.ndarray
    notes: list[str]
    counts: dict[str, int]

    @classmethod
    def of(
        cls,
        rows: np.ndarray,
        note: str,
        partners: np.ndarray | None = None,
        shares: np.ndarray | None = None,
    ) -> Table:
        """Samples with one note."""
        size = len(rows)
        return cls(
            np.asarray(rows, np.int64),
            np.zeros(size, np.int32),
            np.full(size, NO_ROW, np.int64) if partners is None else partners,
            np.ones(size, np.float32) if shares is None else shares,
            [note] if size else [],
            {},
        )

    @classmethod
    def joined(cls, tables: Iterable[Table]) -> Table:
        """Several tables below each other."""
        found = [each for each in tables if each.notes]
        notes = list(dict.fromkeys(note for each in found for note in each.notes))
        places = {note: place for place, note in enumerate(notes)}
        codes = [
            np.array([places[note] for note in each.notes], np.int32)[each.codes] for each in found
        ]
        counts: Counter[str] = Counter()
        for each in found:
            counts.update(each.counts)

        def column(name: str, kind: Any) -> np.ndarray:
            return np.concatenate([np.empty(0, kind), *(getattr(each, name) for each in found)])

        return cls(
            column("rows", np.int64),
            np.concatenate([np.empty(0, np.int32), *codes]),
            column("partners", np.int64),
            column("shares", np.float32),
            notes,
            dict(counts),
        )

    @property
    def samples(self) -> int:
        """How many samples are in it, those that are only counted too."""
        return max(len(np.unique(self.rows)), max(self.counts.values(), default=0))

    def note_counts(self) -> dict[str, int]:
        """The number of samples by note, most first."""
        listed = np.bincount(self.codes, minlength=len(self.notes)).tolist()
        found = {
            note: max(count, self.counts.get(note, 0))
            for note, count in zip(self.notes, listed, strict=True)
        }
        most_first = sorted(found.items(), key=lambda item: -item[1])
        return {note: count for note, count in most_first if count}

    def write(self, name: str, arrays: ArrayWriter) -> dict[str, Any]:
        """Write the columns, and return what is not an array."""
        for column in ARRAYS:
            arrays.append(f"{name}.{column}", getattr(self, column))
        return {"notes": self.notes, "counts": self.counts}

    @classmethod
    def read(cls, name: str, arrays: dict[str, np.ndarray], facts: dict[str, Any]) -> Table:
        """What ``write`` left."""
        rows, codes, partners, shares = (arrays[f"{name}.{each}"] for each in ARRAYS)
        return cls(rows, codes, partners, shares, facts["notes"], facts["counts"])


class Detector(Protocol):
    """Looks for one kind of problem while the samples of a file pass."""

    kind: Kind

    def add(self, row: int, sample: Sample) -> None:
        """Look at one sample, the ``row``-th of the file."""

    def found(self) -> Table:
        """What was found, after the last sample."""
