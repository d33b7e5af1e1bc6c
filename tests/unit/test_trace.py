"""Curves binned to dot columns: what is drawn, what is joined, what is kept when values go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_tui.store.trace import Drawing, Points, Trace


def trace(values: list[float] | np.ndarray, points: bool = False, smooth: bool = True) -> Trace:
    """A curve whose steps are 1, 2, 3 …, two a second."""
    steps = np.arange(1, len(values) + 1)
    axes = {"step": Points(steps), "time": Points(steps / 2)}
    return Trace("loss", Points(values), axes, points=points, smooth=smooth)


def raw(curve: Trace, window: tuple[float, float], columns: int, log: bool = False) -> Drawing:
    return curve.draw("step", window, columns, 0.0, log)


def test_points_grow_shrink_and_are_replaced() -> None:
    points = Points([1, 2])
    points.append(3)
    points.extend(range(4, 200))
    assert points.values.tolist() == list(range(1, 200))
    points.truncate(500)
    assert points.generation == 0
    points.truncate(2)
    assert (points.values.tolist(), points.generation) == ([1, 2], 1)
    points.replace([7])
    assert (points.values.tolist(), points.generation) == ([7], 2)


# Binning ------------------------------------------------------------------------------------------


def test_every_column_spans_its_values() -> None:
    drawing = raw(trace([1, 5, 2, 8, 3, 3]), (0.5, 6.5), 3)
    assert drawing.line.low.tolist() == [1, 2, 3]
    assert drawing.line.high.tolist() == [5, 8, 3]
    assert drawing.line.joined.all()
    assert drawing.raw is None


def test_the_ends_of_the_window_are_in_it() -> None:
    drawing = raw(trace([4, 1, 9]), (1, 3), 50)
    assert drawing.line.high[0] == 4
    assert drawing.line.high[-1] == 9


def test_between_far_values_runs_a_straight_line() -> None:
    drawing = raw(trace([0, 10]), (1, 2), 101)
    np.testing.assert_allclose(drawing.line.low, np.linspace(0, 10, 101), atol=0.1)
    assert drawing.line.joined.all()


def test_the_line_comes_from_outside_of_the_window() -> None:
    drawing = raw(trace([0, 10, 0]), (1.5, 1.9), 4)
    np.testing.assert_allclose(drawing.line.low, [5.5, 6.5, 7.5, 8.5])


def test_beyond_the_last_value_is_nothing() -> None:
    drawing = raw(trace([1, 2, 3]), (0, 8), 8)
    assert np.isnan(drawing.line.high).tolist() == [True, False, False, False, *[True] * 4]
    assert drawing.line.joined.tolist() == [False, True, True, False, False, False, False]


@given(st.integers(1, 4_000), st.integers(1, 200), st.integers(0, 2**32 - 1), st.floats(0, 0.99))
def test_no_spike_vanishes(length: int, columns: int, seed: int, factor: float) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=length)
    values[random.integers(length)] = 50.0
    drawing = trace(values).draw("step", (1.0, float(max(length, 2))), columns, factor)
    bins = drawing.raw or drawing.line
    assert np.nanmax(bins.high) == 50.0
    assert np.nanmin(bins.low) == values.min()


@given(st.integers(2, 500), st.integers(0, 2**32 - 1))
def test_zoomed_in_every_value_is_reached(length: int, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=length)
    curve = trace(values)
    for step in range(1, length, 50):
        line = raw(curve, (step - 0.5, step + 0.5), 11).line
        assert line.low[5] == line.high[5] == values[step - 1]


def test_the_smoothed_line_is_one_value_a_column_over_the_raw_span() -> None:
    values = np.random.default_rng(0).normal(size=10_000)
    drawing = trace(values).draw("step", (1, 10_000), 50, 0.9)
    assert drawing.raw is not None
    np.testing.assert_array_equal(drawing.line.low, drawing.line.high)
    assert (drawing.line.high < drawing.raw.high).all()
    assert (drawing.line.low > drawing.raw.low).all()
    assert np.abs(drawing.line.low).max() < 0.5


def test_zoomed_in_the_smoothed_line_goes_through_the_smoothed_values() -> None:
    curve = trace(np.random.default_rng(0).normal(size=200))
    drawing = curve.draw("step", (99.5, 100.5), 3, 0.9)
    np.testing.assert_allclose(drawing.line.low[1], curve.smoothed(0.9)[99])


@pytest.mark.parametrize("options", [{"points": True}, {"smooth": False}])
def test_some_curves_are_never_smoothed(options: dict[str, bool]) -> None:
    curve = trace([1, 9, 1, 9], **options)
    assert curve.draw("step", (1, 4), 10, 0.99).raw is None
    assert curve.smoothed(0.99).tolist() == [1, 9, 1, 9]


def test_powers_of_ten_and_what_has_none() -> None:
    line = raw(trace([100, 0.01, 0, -1]), (0.5, 4.5), 4, log=True).line
    assert line.low.tolist() == [2, -2, -np.inf, -np.inf]


def test_a_straight_line_is_straight_on_a_log_scale() -> None:
    line = raw(trace([1, 100]), (1, 2), 101, log=True).line
    np.testing.assert_allclose(line.low, np.linspace(0, 2, 101), atol=0.02)


def test_a_clock_that_was_set_back_does_no_harm() -> None:
    values = np.arange(600.0)
    times = Points(np.concatenate([np.arange(300), np.arange(200, 500)]))
    curve = Trace("loss", Points(values), {"time": times})
    drawing = curve.draw("time", (0, 500), 20, 0.9)
    assert np.isfinite(drawing.line.high).any()


def test_an_unknown_axis_and_no_values_are_empty() -> None:
    for curve in (trace([]), trace([1, 2])):
        drawing = curve.draw("epoch", (0, 1), 5, 0.9)
        assert np.isnan(drawing.line.high).all()
        assert not drawing.line.joined.any()


# What is not a number -----------------------------------------------------------------------------


def test_a_hole_breaks_the_line_and_is_marked() -> None:
    curve = trace([1, 2, np.nan, 4, np.inf, 6])
    drawing = raw(curve, (0.5, 6.5), 6)
    assert np.isnan(drawing.line.high).tolist() == [False, False, True, False, True, False]
    assert drawing.line.joined.tolist() == [True, False, False, False, False]
    assert drawing.holes.tolist() == [False, False, True, False, True, False]
    assert (curve.holes, curve.last_hole, curve.broken_from) == (2, 4, None)


def test_a_hole_between_far_values_leaves_a_gap() -> None:
    drawing = raw(trace([1, np.nan, 3]), (1, 3), 30)
    assert np.isnan(drawing.line.high[1:-1]).all()


def test_from_where_on_nothing_is_a_number() -> None:
    curve = trace([1, np.nan, 3, np.nan, np.nan])
    assert (curve.holes, curve.broken_from) == (3, 3)


def test_before_the_first_number_nothing_is_missing() -> None:
    curve = trace([np.nan, np.nan])
    assert (curve.has_values, curve.holes, curve.broken_from) == (False, 0, None)
    curve = trace([np.nan, np.nan, 1, np.nan])
    assert (curve.has_values, curve.holes, curve.last_hole) == (True, 1, 3)


# Growing ------------------------------------------------------------------------------------------


def test_what_grows_is_drawn_as_if_it_had_been_there() -> None:
    values = np.random.default_rng(3).normal(size=3_000)
    values[1_000:1_010] = np.nan
    y, steps = Points(), Points()
    growing = Trace("loss", y, {"step": steps})
    for begin in range(0, 3_000, 130):
        y.extend(values[begin : begin + 130])
        steps.extend(np.arange(begin, len(y)) + 1)
        growing.draw("step", (1, 3_000), 40, 0.97)
    one, other = (each.draw("step", (1, 3_000), 40, 0.97) for each in (growing, trace(values)))
    np.testing.assert_allclose(one.line.low, other.line.low)
    np.testing.assert_array_equal(one.holes, other.holes)
    assert one.raw and other.raw
    np.testing.assert_array_equal(one.raw.high, other.raw.high)


def test_what_was_taken_away_is_forgotten() -> None:
    y, steps = Points([1, 2, 900, np.nan]), Points([1, 2, 3, 4])
    curve = Trace("loss", y, {"step": steps})
    curve.draw("step", (1, 4), 8, 0.9)
    for each in (y, steps):
        each.truncate(2)
    y.append(3)
    steps.append(3)
    drawing = curve.draw("step", (1, 4), 8, 0.9)
    assert drawing.raw is not None
    assert np.nanmax(drawing.raw.high) == 3
    assert not drawing.holes.any()
    assert curve.broken_from is None


def test_an_axis_that_lags_behind_shortens_the_curve() -> None:
    y, steps = Points([1, 2, 3]), Points([1, 2])
    curve = Trace("loss", y, {"step": steps})
    assert len(curve) == len(curve.values) == len(curve.smoothed(0.9)) == 2
    assert np.nanmax(raw(curve, (1, 3), 4).line.high) == 2


def test_the_nearest_value() -> None:
    curve = trace([5, 6, 7])
    assert [curve.nearest("step", x) for x in (-9, 1.4, 1.6, 99)] == [0, 0, 1, 2]
    assert trace([]).nearest("step", 1) is None
