"""The envelope of a growing series: no spike is lost, nothing is invented."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trm_tui.store.envelope import FINENESS, Envelope

VALUES = st.one_of(st.floats(-1e9, 1e9), st.sampled_from([math.nan, math.inf, -math.inf]))


def grown(values: np.ndarray, cuts: list[int]) -> Envelope:
    """An envelope that was given the values in pieces."""
    envelope = Envelope()
    for cut in sorted(cuts):
        envelope.extend(values[:cut])
    envelope.extend(values)
    return envelope


def naive(values: np.ndarray, begin: int, end: int) -> tuple[float, float]:
    stretch = values[begin:end]
    stretch = stretch[np.isfinite(stretch)]
    return (stretch.min(), stretch.max()) if len(stretch) else (math.inf, -math.inf)


@given(
    st.lists(VALUES, min_size=1, max_size=200),
    st.lists(st.integers(0, 200), max_size=5),
    st.lists(st.integers(0, 200), min_size=2, max_size=20),
)
def test_short_stretches_are_exact(values: list[float], cuts: list[int], edges: list[int]) -> None:
    array = np.array(values)
    places = np.sort(np.minimum(edges, len(array)))
    low, high = grown(array, cuts).bounds(array, places)
    for index, (begin, end) in enumerate(pairwise(places)):
        if end - begin < 8 * FINENESS:
            assert (low[index], high[index]) == naive(array, begin, end)


@given(
    st.integers(1, 60_000),
    st.integers(1, 40),
    st.lists(st.integers(0, 60_000), max_size=4),
    st.integers(0, 2**32 - 1),
)
def test_long_stretches_are_exact_but_for_a_fraction_at_their_ends(
    length: int, columns: int, cuts: list[int], seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=length)
    values[random.random(length) < 0.01] = np.nan
    edges = np.sort(random.integers(0, length + 1, columns + 1))
    low, high = grown(values, cuts).bounds(values, edges)
    for index, (begin, end) in enumerate(pairwise(edges)):
        slack = (end - begin) // FINENESS
        inner = naive(values, begin, end - slack)
        outer = naive(values, max(0, begin - slack), end)
        assert outer[0] <= low[index] <= inner[0] or begin == end
        assert inner[1] <= high[index] <= outer[1] or begin == end


def test_nothing_beyond_the_last_edge_counts() -> None:
    values = np.zeros(4_875)
    values[3_800] = 1.0
    _, high = grown(values, []).bounds(values, np.array([585, 3_794]))
    assert high.tolist() == [0.0]


@given(st.integers(1, 200_000), st.integers(0, 2**32 - 1))
def test_a_spike_is_in_exactly_one_column(length: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    values = np.zeros(length)
    values[random.integers(length)] = 1e6
    _, high = grown(values, []).bounds(values, np.linspace(0, length, 101).astype(int))
    assert (high == 1e6).sum() == 1


def test_growing_gives_the_same_as_beginning_anew() -> None:
    values = np.random.default_rng(1).normal(size=5_000)
    edges = np.linspace(0, 5_000, 11).astype(int)
    slowly = grown(values, list(range(0, 5_000, 7)))
    np.testing.assert_array_equal(
        slowly.bounds(values, edges), grown(values, []).bounds(values, edges)
    )


def test_a_stretch_without_values_is_empty() -> None:
    values = np.array([np.nan, np.inf, 1.0])
    low, high = grown(values, []).bounds(values, np.array([0, 2, 2, 3]))
    assert low.tolist() == [math.inf, math.inf, 1.0]
    assert high.tolist() == [-math.inf, -math.inf, 1.0]
