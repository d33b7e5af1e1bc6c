"""The moving average is TensorBoard's, whatever it is given and however it comes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_tui.store.smoothing import BLOCK, FACTORS, Smoother

VALUES = st.one_of(
    st.floats(-1e6, 1e6), st.sampled_from([math.nan, math.inf, -math.inf]), st.just(0.0)
)


def naive(values: np.ndarray, factor: float) -> np.ndarray:
    """One value after the other."""
    average = weight = 0.0
    out = np.full(len(values), np.nan)
    for index, value in enumerate(values):
        if math.isfinite(value):
            average = factor * average + (1 - factor) * value
            weight = factor * weight + (1 - factor)
            out[index] = average / weight
    return out


@given(st.lists(VALUES, max_size=300), st.sampled_from(FACTORS), st.lists(st.integers(0, 300)))
def test_equals_the_loop_in_any_pieces(values: list[float], factor: float, cuts: list[int]) -> None:
    whole = np.array(values, dtype=float)
    smoother = Smoother(factor)
    for piece in np.split(whole, sorted(min(cut, len(whole)) for cut in cuts)):
        smoother.extend(piece)
    np.testing.assert_allclose(smoother.values, naive(whole, factor), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("factor", FACTORS)
def test_equals_the_loop_over_many_blocks(factor: float) -> None:
    values = np.random.default_rng(0).lognormal(size=3 * BLOCK + 17)
    values[::97] = np.nan
    smoother = Smoother(factor)
    smoother.extend(values)
    np.testing.assert_allclose(smoother.values, naive(values, factor), rtol=1e-9)


def test_the_first_value_is_not_drawn_to_zero() -> None:
    smoother = Smoother(0.99)
    smoother.extend(np.array([5.0, 5.0, 5.0]))
    np.testing.assert_allclose(smoother.values, 5.0)


def test_without_smoothing_values_stay_as_they_are() -> None:
    values = np.random.default_rng(0).normal(size=50)
    smoother = Smoother(0.0)
    smoother.extend(values)
    np.testing.assert_array_equal(smoother.values, values)


@pytest.mark.parametrize("factor", [-0.1, 1.0, 2.0])
def test_a_factor_that_is_none_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="smoothing factor"):
        Smoother(factor)
