"""Statistics of a data file, in one pass: decisions, tools, slots, arguments and lengths."""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from trm_engine.data.sample_reader import SampleReader
from trm_engine.data.samples import Sample
from trm_engine.data.survey import PrefixIndex
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.data.values import flatten, is_empty, meaning, search_for, shown_paths

PERCENTILES = (5, 25, 50, 75, 95, 99)
NO_LIMIT = 2**31 - 1
EXACT_DISTINCT = 10_000
HASHES = 2**64
SAID_BY_USER = frozenset({"user"})
SAID = frozenset({"user", "system", "assistant"})

PLACES = ("user", "said", "anywhere", "nowhere")
"""Where a value occurs verbatim: in a turn of the user, in another spoken turn, only in a tool
turn, in none."""

Progress = Callable[[int], None]
"""Called with the bytes read so far."""


class SeenValue(NamedTuple):
    """A value of a sample: of a "slot" or an "argument", its name, and its place in ``PLACES``."""

    kind: str
    name: str
    place: int


class DistinctCount:
    """The number of distinct values: exact up to ``EXACT_DISTINCT``, then an estimate.

    The hashes of n values divide the range of all hashes evenly, so the smallest k of them tell n
    with an error of about 1/sqrt(k), in constant memory.
    """

    def __init__(self) -> None:
        self._kept: set[int] = set()
        self._limit = HASHES

    def add(self, value: Any) -> None:
        """Count one value, unless an equal one was counted before."""
        text = repr(meaning(value))
        digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "little")
        if number >= self._limit:
            return
        self._kept.add(number)
        if len(self._kept) > 2 * EXACT_DISTINCT:  # the smallest half stays
            smallest = sorted(self._kept)[: EXACT_DISTINCT + 1]
            self._limit = smallest.pop()
            self._kept = set(smallest)

    def __int__(self) -> int:
        return round(len(self._kept) * (HASHES / self._limit))


@dataclass
class ValueCounts:
    """How often a field is filled, its number of values, and where they occur verbatim."""

    filled: int = 0
    in_user: int = 0
    in_said: int = 0
    anywhere: int = 0
    distinct: DistinctCount = field(default_factory=DistinctCount)

    def add(self, value: Any, history: Sequence[tuple[str, str]]) -> int | None:
        """Count one value in a history of roles and texts.

        Returns its place in ``PLACES``; None for an empty value, which is not filled.
        """
        if is_empty(value):
            return None
        self.filled += 1
        self.distinct.add(value)
        place = place_of(value, history)
        self.in_user += place == 0
        self.in_said += place <= 1
        self.anywhere += place <= 2
        return place

    def to_dict(self, samples: int) -> dict[str, Any]:
        """Counts, and shares of the filled values (None if there are none)."""
        return {
            "filled": self.filled,
            "filled_share": share(self.filled, samples),
            "distinct": int(self.distinct),
            "verbatim": {
                "user": share(self.in_user, self.filled),
                "said": share(self.in_said, self.filled),
                "history": share(self.anywhere, self.filled),
            },
        }


@dataclass
class Statistics:
    """Collects statistics of samples."""

    tokenizer: TRMTokenizer | None = None
    samples: int = 0
    decisions: dict[str, Counter[str]] = field(default_factory=dict)
    tools: Counter[str] = field(default_factory=Counter)
    offered: set[str] = field(default_factory=set)
    slots: dict[str, ValueCounts] = field(default_factory=dict)
    arguments: dict[str, ValueCounts] = field(default_factory=dict)
    turns: array[int] = field(default_factory=lambda: array("q"))
    characters: array[int] = field(default_factory=lambda: array("q"))
    tokens: array[int] = field(default_factory=lambda: array("q"))
    prefixes: PrefixIndex = field(default_factory=PrefixIndex)

    def add(self, sample: Sample) -> list[SeenValue]:
        """Add one sample. Returns its filled values."""
        self.samples += 1
        self.prefixes.add(sample)
        self.decisions.setdefault(sample.history[-1].role, Counter())[sample.decision] += 1
        self.offered.update(sample.tool_names)
        history = [(turn.role, turn.text()) for turn in sample.history]
        if sample.tool:
            self.tools[sample.tool.name] += 1
        self.turns.append(len(history))
        self.characters.append(sum(len(text) for _, text in history))
        if self.tokenizer:
            self.tokens.append(len(self.tokenizer.encode_turns(sample.history, NO_LIMIT)))
        return list(self._add_values(sample, history))

    def to_dict(self) -> dict[str, Any]:
        """All statistics, as ``data stats --json`` prints them."""
        calls = self.tools.total()
        return {
            "samples": self.samples,
            "conversations": len(np.unique(self.prefixes.dialogues())),
            "decisions": {role: dict(counts) for role, counts in self.decisions.items()},
            "tools": {
                "offered": len(self.offered),
                "calls": dict(self.tools.most_common()),
                "never_called": sorted(self.offered - self.tools.keys()),
            },
            "slots": {name: each.to_dict(self.samples) for name, each in self.slots.items()},
            "arguments": {
                name: self.arguments[path].to_dict(calls)
                for path, name in shown_paths(self.arguments).items()
            },
            "lengths": {
                name: percentiles(values)
                for name, values in (
                    ("turns", self.turns),
                    ("characters", self.characters),
                    ("tokens", self.tokens),
                )
                if values
            },
        }

    def _add_values(
        self, sample: Sample, history: Sequence[tuple[str, str]]
    ) -> Iterator[SeenValue]:
        arguments = flatten(sample.tool.arguments) if sample.tool else {}
        for kind, counts, values in (
            ("slot", self.slots, sample.slots),
            ("argument", self.arguments, arguments),
        ):
            for name, value in values.items():
                place = counts.setdefault(name, ValueCounts()).add(value, history)
                if place is not None:
                    yield SeenValue(kind, name, place)


def file_statistics(
    path: str | Path,
    tokenizer: TRMTokenizer | None = None,
    progress: Progress = lambda read: None,
) -> dict[str, Any]:
    """The statistics of a JSONL file of samples.

    Raises:
        DataError: the file is missing, empty or has bad lines.
    """
    statistics = Statistics(tokenizer)
    for line, sample in SampleReader(path):
        statistics.add(sample)
        progress(line.offset + len(line.raw))
    return {"file": str(path), **statistics.to_dict()}


def place_of(value: Any, history: Sequence[tuple[str, str]]) -> int:
    """The place of a value in ``PLACES``."""
    search = search_for(value)
    roles = {role for role, said in history if search(said)}
    if roles & SAID_BY_USER:
        return 0
    return 1 if roles & SAID else 2 if roles else 3


def percentiles(values: Iterable[int]) -> dict[str, int]:
    """``p5`` ... ``p99`` and the maximum. Each is a value that occurs."""
    numbers = np.fromiter(values, dtype=np.int64)
    levels = np.percentile(numbers, PERCENTILES, method="nearest").astype(int).tolist()
    named = {f"p{level}": value for level, value in zip(PERCENTILES, levels, strict=True)}
    return {**named, "max": int(numbers.max())}


def share(part: int, whole: int) -> float | None:
    """The share from 0 to 1; None if ``total`` is 0."""
    return part / whole if whole else None
