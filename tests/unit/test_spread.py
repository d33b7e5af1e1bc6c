"""Means over seeds, and intervals of differences."""

from __future__ import annotations

import math
from functools import partial
from importlib import import_module

import pytest

from trm_tui.store.spread import Difference, Spread, difference, t_975

stats = partial(import_module, "scipy.stats")  # slow to import


def test_a_spread_leaves_unknown_values_out() -> None:
    spread = Spread.of([0.9, None, math.nan, 0.8, 0.7])
    assert spread is not None
    assert spread.mean == pytest.approx(0.8)
    assert spread.deviation == pytest.approx(0.1)
    assert (spread.runs, spread.low, spread.high) == (3, 0.7, 0.9)
    assert Spread.of([None, math.inf]) is None


def test_one_run_has_no_deviation() -> None:
    spread = Spread.of([0.5])
    assert spread is not None and spread.deviation is None


@pytest.mark.parametrize("freedom", [1, 2, 7, 30, 31, 60, 500])
def test_quantiles_of_t(freedom: int) -> None:
    assert t_975(freedom) == pytest.approx(stats().t.ppf(0.975, freedom), abs=2e-3)


def test_a_difference_of_seeds_is_that_of_students_test() -> None:
    first, second = [0.91, 0.93, 0.94], [0.85, 0.86, 0.9]
    found = difference(Spread.of(first), Spread.of(second))
    interval = stats().ttest_ind(first, second).confidence_interval(0.95)
    assert found is not None and found.margin is not None and found.by_seeds
    assert found.value - found.margin == pytest.approx(interval.low, abs=1e-4)
    assert found.value + found.margin == pytest.approx(interval.high, abs=1e-4)


def test_one_run_against_several_uses_their_deviation() -> None:
    found = difference(Spread.of([0.9]), Spread.of([0.8, 0.82, 0.84]))
    assert found is not None and found.by_seeds
    assert found.margin == pytest.approx(4.303 * 0.02 * math.sqrt(4 / 3), rel=1e-3)


def test_two_runs_have_the_interval_of_their_samples() -> None:
    found = difference(Spread.of([1.0]), Spread.of([0.9]), (100, 100))
    assert found is not None and not found.by_seeds
    assert found.margin == pytest.approx(0.0632, abs=1e-4)  # not zero, although all are right
    assert found.is_clear


def test_a_difference_without_counts_has_no_margin_and_is_never_clear() -> None:
    found = difference(Spread.of([0.9]), Spread.of([0.1]))
    assert found == Difference(pytest.approx(0.8))
    assert found is not None and not found.is_clear
    assert difference(None, Spread.of([0.1])) is None
