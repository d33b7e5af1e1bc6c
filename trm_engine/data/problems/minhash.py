"""MinHash: signatures of word sets, and the rows whose signatures are alike (LSH).

datasketch computes the signatures. Its index of buckets is one Python dict a band, too large for a
million samples; sorting a band's hashes finds the same buckets in flat memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec

import numpy as np

from trm_engine.data.problems.words import words_of

BANDS, ROWS = 32, 4
"""Of two word sets that share 70 % (80 %), one band is equal with probability 0.9998 (1)."""

PERMUTATIONS = BANDS * ROWS
LEAST_ESTIMATE = 0.55
"""An estimate's standard deviation is 0.04; pairs above it are compared word by word."""

WINDOW = 64
"""The members of a bucket that a member is compared with. Sorted by the other bands, those that are
alike are next to each other."""

NEAREST = 8
"""The partners of a row that are kept."""

CHUNK = 1 << 18
CACHED_TURNS = 4096
MISSING = "near copies are not looked for: pip install 'trm-tui[data]' installs datasketch"


def is_available() -> bool:
    """Whether datasketch is installed."""
    return find_spec("datasketch") is not None


class Signer:
    """Computes signatures. The signature of a union is the minimum, so that each turn is hashed
    once, though all samples of a conversation have it."""

    def __init__(self) -> None:
        from datasketch import MinHash

        first = MinHash(PERMUTATIONS)
        self._empty = np.asarray(first.hashvalues, np.uint32)

        @lru_cache(CACHED_TURNS)
        def of_text(text: str) -> np.ndarray:
            signed = first.copy()
            signed.update_batch([word.encode("utf-8", "replace") for word in words_of(text)])
            return np.asarray(signed.hashvalues, np.uint32)

        self._of_text = of_text

    def __call__(self, texts: Iterable[str]) -> np.ndarray:
        """The signature [PERMUTATIONS] of all words of some texts."""
        signatures = [self._of_text(text) for text in texts]
        return np.minimum.reduce(signatures) if signatures else self._empty


def nearest(
    signatures: np.ndarray, groups: np.ndarray, is_compared: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of rows of different groups whose signatures are alike: rows [M], partners [M].

    Each row has at most ``NEAREST`` partners, the most alike. ``is_compared`` [N]: rows to leave
    out are False.
    """
    rows = np.flatnonzero(is_compared)
    bands = _band_hashes(signatures, rows)
    empty = np.empty(0, np.int64)
    kept = (empty, empty, np.empty(0, np.float32))
    for band in range(BANDS):
        order = np.lexsort((bands[:, (band + 1) % BANDS], bands[:, band]))
        for ones, others in _neighbours(bands[order, band], rows[order], groups):
            shares = _estimates(signatures, ones, others)
            near = shares >= LEAST_ESTIMATE
            ones, others, shares = ones[near], others[near], shares[near]
            both = (np.r_[ones, others], np.r_[others, ones], np.r_[shares, shares])
            kept = _best(*(np.r_[old, new] for old, new in zip(kept, both, strict=True)))
    return kept[0], kept[1]


def _band_hashes(signatures: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """A hash of each band of each row, [len(rows), BANDS]."""
    hashes = np.empty((len(rows), BANDS), np.uint64)
    factors = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F], np.uint64)
    for begin in range(0, len(rows), CHUNK):
        part = np.ascontiguousarray(signatures[rows[begin : begin + CHUNK]], np.uint32)
        pairs = part.view(np.uint64).reshape(len(part), BANDS, 2)
        mixed = pairs * factors
        hashes[begin : begin + CHUNK] = mixed[..., 0] ^ (mixed[..., 1] >> np.uint64(7))
    return hashes


def _neighbours(
    hashes: np.ndarray, rows: np.ndarray, groups: np.ndarray
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows in one bucket that are at most ``WINDOW`` apart and of different groups."""
    places = np.arange(len(rows))
    for distance in range(1, WINDOW + 1):
        places = places[places + distance < len(rows)]
        places = places[hashes[places] == hashes[places + distance]]
        if not len(places):
            return
        ones, others = rows[places], rows[places + distance]
        differ = groups[ones] != groups[others]
        if differ.any():
            yield ones[differ], others[differ]


def _estimates(signatures: np.ndarray, ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The estimated Jaccard index of each pair."""
    shares = np.empty(len(ones), np.float32)
    for begin in range(0, len(ones), CHUNK // 16):
        part = slice(begin, begin + CHUNK // 16)
        shares[part] = (signatures[ones[part]] == signatures[others[part]]).mean(axis=1)
    return shares


def _best(
    ones: np.ndarray, others: np.ndarray, shares: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Each pair once, and of each row the ``NEAREST`` partners with the highest shares."""
    order = np.lexsort((others, -shares, ones))
    ones, others, shares = ones[order], others[order], shares[order]
    is_new = np.r_[True, (ones[1:] != ones[:-1]) | (others[1:] != others[:-1])][: len(ones)]
    ones, others, shares = ones[is_new], others[is_new], shares[is_new]
    starts = np.flatnonzero(np.r_[True, ones[1:] != ones[:-1]][: len(ones)])
    ranks = np.arange(len(ones)) - np.repeat(starts, np.diff(np.r_[starts, len(ones)]))
    best = ranks < NEAREST
    return ones[best], others[best], shares[best]
