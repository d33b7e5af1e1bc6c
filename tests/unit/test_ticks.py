"""Marks of an axis: round, in order, not too many, and each told from the next."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from trm_tui.widgets.chart.ticks import (
    brief,
    clock,
    integer_ticks,
    linear_ticks,
    log_ticks,
    precise,
    second_ticks,
)

NUMBERS = st.floats(-1e12, 1e12)


@given(NUMBERS, st.floats(1e-9, 1e12), st.integers(2, 12))
def test_linear_marks_are_inside_in_order_and_told_apart(
    low: float, width: float, count: int
) -> None:
    high = low + width
    assume(width > 1e-7 * max(abs(low), abs(high)))
    ticks = linear_ticks(low, high, count)
    places = [tick.at for tick in ticks]
    assert places == sorted(places)
    assert all(low - width * 1e-3 <= place <= high + width * 1e-3 for place in places)
    assert len(places) <= 1.5 * count + 2  # finer where only one would be inside
    assert len({tick.label for tick in ticks}) == len(ticks)


@pytest.mark.parametrize(
    ("low", "high", "count", "labels"),
    [
        (0, 1, 5, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (0.1, 0.102, 4, "0.1000 0.1005 0.1010 0.1015 0.1020"),
        (0, 1.5e-5, 3, "0 5e-6 1.0e-5 1.5e-5"),
        (-3, 17, 4, "0 5 10 15"),
        (1.2e6, 1.9e6, 4, "1.2M 1.4M 1.6M 1.8M"),
        (0, 40_000, 4, "0 10,000 20,000 30,000 40,000"),
    ],
)
def test_linear_labels(low: float, high: float, count: int, labels: str) -> None:
    assert [tick.label for tick in linear_ticks(low, high, count)] == labels.split()


@pytest.mark.parametrize("low", [0.0, 0.31, 0.55, 1.0, 7.333e-4])
@pytest.mark.parametrize("share", [0.11, 0.7, 0.85])
def test_an_axis_has_two_ticks(low: float, share: float) -> None:
    high = low + share * (low or 1.0)
    assert len(linear_ticks(low, high, 2)) >= 2
    assert len(log_ticks(math.log10(low or 0.1), math.log10(high), 2)) >= 2


def test_whole_numbers_are_not_divided() -> None:
    assert [tick.label for tick in integer_ticks(1, 3, 8)] == ["1", "2", "3"]
    labels = [tick.label for tick in integer_ticks(1, 1_000_000, 2)]
    assert labels == ["500,000", "1,000,000"]


@pytest.mark.parametrize(
    ("high", "labels"),
    [
        (95, "0:00 0:15 0:30 0:45 1:00 1:15 1:30"),
        (40_000, "0:00 2:00:00 4:00:00 6:00:00 8:00:00 10:00:00"),
        (3_600, "0:00 10:00 20:00 30:00 40:00 50:00 1:00:00"),
        (800_000, "0:00 48:00:00 96:00:00 144:00:00 192:00:00"),
        (1.0, "0s 0.2s 0.4s 0.6s 0.8s 1s"),
    ],
)
def test_times(high: float, labels: str) -> None:
    assert [tick.label for tick in second_ticks(0, high, 5)] == labels.split()


@pytest.mark.parametrize(
    ("low", "high", "count", "labels"),
    [
        (-2, 1, 4, "0.01 0.1 1 10"),
        (-1, 1, 9, "0.1 0.2 0.5 1 2 5 10"),
        (-12, 12, 5, "1e-12 1e-7 0.01 1,000 100M"),
        (math.log10(2), math.log10(3), 4, "2.0 2.2 2.4 2.6 2.8 3.0"),
    ],
)
def test_powers_of_ten(low: float, high: float, count: int, labels: str) -> None:
    ticks = log_ticks(low, high, count)
    assert [tick.label for tick in ticks] == labels.split()
    assert all(low - 1e-6 <= tick.at <= high + 1e-6 for tick in ticks)


def test_a_format_of_ones_own() -> None:
    form = "{:.0%}".format
    assert [tick.label for tick in linear_ticks(0, 1, 2, form)] == ["0%", "50%", "100%"]
    assert [tick.label for tick in log_ticks(-2, 0, 2, form)] == ["1%", "10%", "100%"]


def test_numbers_of_few_digits() -> None:
    told = [brief(value) for value in (0, 0.25, 3e-4, 999, 1_234, 1.5e6, -2e9)]
    assert told == ["0", "0.25", "3e-4", "999", "1,234", "1.5M", "-2G"]


def test_numbers_for_a_reader() -> None:
    told = [precise(value) for value in (0, 0.43214, 1_234.5, -12.345, 3.14159e-5, 1e12)]
    assert told == ["0", "0.4321", "1,234", "-12.35", "3.142e-5", "1.000e12"]
    assert [precise(value) for value in (math.nan, math.inf, -math.inf)] == ["NaN", "∞", "-∞"]


def test_clock() -> None:
    assert [clock(each) for each in (0, 30.4, 3_900, 200_000, -61)] == [
        "0:00",
        "0:30",
        "1:05:00",
        "55:33:20",
        "-1:01",
    ]
