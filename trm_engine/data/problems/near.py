"""Near: pairs of samples that are nearly the same, found by signatures and compared by words."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from trm_engine.data.cache import ArrayWriter, build_once, is_whole, key_of, read_arrays
from trm_engine.data.problems.minhash import nearest
from trm_engine.data.problems.reading import Progress, Reading, signatures_of
from trm_engine.data.problems.words import LEAST_WORDS, alike, all_words, compared, said_in
from trm_engine.data.samples import Turn

LEAST_ALIKE = 0.7
"""Share of equal words from which two samples are near copies."""

CACHED_SAMPLES = 1 << 14
STEP = 1024

Pairs = dict[str, np.ndarray]
"""``rows``, ``partners`` and ``shares`` [M], by row and most alike first."""


class _Raw(msgspec.Struct):
    history: list[dict[str, Any]]


_decode = msgspec.json.Decoder(_Raw).decode


def pairs_within(reading: Reading, cache: Path, progress: Progress) -> Pairs:
    """Near copies in different conversations of a file."""
    dialogues = np.asarray(reading.columns["dialogue"])
    return _pairs([reading], dialogues, cache, progress)


def pairs_across(one: Reading, other: Reading, cache: Path, progress: Progress) -> Pairs:
    """Samples of ``one`` that are near copies of samples of ``other``, which are the partners."""
    sides = np.repeat([0, 1], [len(one), len(other)])
    pairs = _pairs([one, other], sides, cache, progress)
    is_ours = pairs["rows"] < len(one)
    ours = {name: column[is_ours] for name, column in pairs.items()}
    return {**ours, "partners": ours["partners"] - len(one)}


def are_known(keys: Sequence[str], cache: Path) -> bool:
    """Whether the pairs of one file, or of two, are in the cache. ``keys``: of their readings."""
    return is_whole(_folder(keys, cache))


def _folder(keys: Sequence[str], cache: Path) -> Path:
    return cache / f"pairs-{key_of(*keys)}"


def _pairs(
    readings: Sequence[Reading], groups: np.ndarray, cache: Path, progress: Progress
) -> Pairs:
    folder = _folder([each.key for each in readings], cache)

    def build(target: Path) -> None:
        found = _find(readings, groups, cache, progress)
        with ArrayWriter(target) as arrays:
            for name, column in found.items():
                arrays.append(name, column)

    build_once(folder, build)
    return read_arrays(folder)


def _find(
    readings: Sequence[Reading], groups: np.ndarray, cache: Path, progress: Progress
) -> Pairs:
    progress("looking for near copies", 0.0)
    signatures = [signatures_of(each, cache) for each in readings]
    joined = signatures[0] if len(signatures) == 1 else np.concatenate(signatures)
    words = np.concatenate([np.asarray(each.columns["words"]) for each in readings])
    rows, partners = nearest(joined, groups, words >= LEAST_WORDS)
    shares = np.empty(len(rows), np.float32)
    with _Words(readings) as words_of:
        for place, (row, partner) in enumerate(zip(rows.tolist(), partners.tolist(), strict=True)):
            shares[place] = alike(words_of(row), words_of(partner))
            if place % STEP == 0:
                progress("comparing near copies", place / len(rows))
    near = shares >= LEAST_ALIKE
    rows, partners, shares = rows[near], partners[near], shares[near]
    order = np.lexsort((partners, -shares, rows))
    return {"rows": rows[order], "partners": partners[order], "shares": shares[order]}


class _Words:
    """Reads the words of samples from their files, which are counted one after the other."""

    def __init__(self, readings: Sequence[Reading]) -> None:
        self._files = [open(each.lines, "rb") for each in readings]  # noqa: SIM115
        self._offsets = [each.columns["offset"] for each in readings]
        self._cached = lru_cache(CACHED_SAMPLES)(self._read)

    def __enter__(self) -> _Words:
        return self

    def __exit__(self, *error: object) -> None:
        for file in self._files:
            file.close()

    def __call__(self, row: int) -> frozenset[str]:
        return self._cached(row)

    def _read(self, row: int) -> frozenset[str]:
        place = 0
        while row >= len(self._offsets[place]):
            row -= len(self._offsets[place])
            place += 1
        file = self._files[place]
        file.seek(int(self._offsets[place][row]))
        raw = _decode(file.readline())
        return all_words(compared(said_in([Turn.model_validate(each) for each in raw.history])))
