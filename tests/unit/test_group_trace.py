"""The mean of several runs, and the band around it."""

from __future__ import annotations

import numpy as np
import pytest

from trm_tui.store.group_trace import GroupTrace
from trm_tui.store.growing import Points, Rising
from trm_tui.store.trace import Trace


def trace(steps: list[float], values: list[float], points: bool = False) -> Trace:
    axes = {"step": Rising(steps), "time": Rising(np.array(steps) * 2)}
    return Trace("run", Points(values), axes, points=points)


def test_the_mean_is_at_the_steps_of_the_longest_run() -> None:
    group = GroupTrace("two", [trace([1, 2, 3], [1.0, 2.0, 3.0]), trace([1, 3], [3.0, 5.0])])
    assert group.along("step").tolist() == [1, 2, 3]
    assert group.values.tolist() == [2.0, 3.0, 4.0]
    assert group.along("time").tolist() == [2, 4, 6]


def test_a_run_that_ended_counts_no_more() -> None:
    group = GroupTrace("two", [trace([1, 2, 3], [1.0, 2.0, 3.0]), trace([1, 2], [3.0, 4.0])])
    assert group.values.tolist() == [2.0, 3.0, 3.0]


def test_values_that_are_not_finite_are_left_out_and_marked() -> None:
    group = GroupTrace("two", [trace([1, 2, 3], [1, np.nan, 1]), trace([1, 2, 3], [3, 3, 3])])
    assert group.values.tolist() == [2.0, 3.0, 2.0]
    assert group.draw("step", (1, 3), 3, 0.0).holes.tolist() == [False, True, False]


def test_new_values_are_seen() -> None:
    members = [trace([1.0], [1.0]), trace([1.0], [3.0])]
    group = GroupTrace("two", members)
    assert group.values.tolist() == [2.0]
    assert group.has_values
    for member in members:
        member.column.extend([5.0])  # type: ignore[attr-defined]
        for axis in member.axes.values():
            axis.extend([7.0])  # type: ignore[attr-defined]
    assert group.values.tolist() == [2.0, 5.0]
    assert group.along("step").tolist() == [1, 7]


@pytest.mark.parametrize("log", [False, True])
def test_the_band_reaches_from_the_lowest_to_the_highest_run(log: bool) -> None:
    group = GroupTrace("two", [trace([0, 10], [1, 10]), trace([0, 10], [100, 1000])])
    drawing = group.draw("step", (0, 10), 2, 0.0, log)
    assert drawing.raw is not None
    shown = 10**drawing.raw.low if log else drawing.raw.low, drawing.raw.high
    assert shown[0].tolist() == pytest.approx([1, 10])
    assert (10 ** shown[1] if log else shown[1]).tolist() == pytest.approx([100, 1000])
    assert group.extent(0) == (1, 100)


def test_nothing_yet() -> None:
    group = GroupTrace("two", [trace([], []), trace([], [])])
    assert len(group) == 0 and not group.has_values
    assert not np.isfinite(group.draw("step", (0, 1), 4, 0.5).line.high).any()
