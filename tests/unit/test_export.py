"""The full data of a chart, to CSV and JSON and back."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest

from trm_tui.store.export import table_of, write_columns
from trm_tui.store.trace import Points, Trace


def curve(name: str, steps: list[int], values: list[float], delay: float = 0) -> Trace:
    axes = {"step": Points(steps), "time": Points([step / 2 + delay for step in steps])}
    return Trace(name, Points(values), axes)


def test_curves_share_the_rows_of_their_steps() -> None:
    training = curve("training", [1, 2, 3, 4], [9, 8, math.nan, 6])
    validation = curve("validation", [2, 4, 5], [7, 5, 4], delay=0.25)
    names, columns = table_of([training, validation])
    assert names == ["step", "time", "training", "validation"]
    assert [column.tolist() for column in columns[:2]] == [
        [1, 2, 3, 4, 5],
        [0.5, 1, 1.5, 2, 2.75],
    ]
    np.testing.assert_array_equal(columns[2].filled(-1), [9, 8, math.nan, 6, -1])
    assert columns[3].tolist() == [None, 7, None, 5, 4]


def test_a_step_that_comes_twice_has_two_rows() -> None:
    names, columns = table_of([curve("a", [1, 5, 5], [1, 2, 3]), curve("b", [5], [4])])
    assert dict(zip(names, [column.tolist() for column in columns], strict=True)) == {
        "step": [1, 5, 5],
        "time": [0.5, 2.5, 2.5],
        "a": [1, 2, 3],
        "b": [None, 4, None],
    }


def test_nothing_at_all() -> None:
    assert table_of([]) == ([], [])
    names, columns = table_of([curve("a", [], [])])
    assert (names, [len(column) for column in columns]) == (["step", "time", "a"], [0, 0, 0])


TABLE = (
    ["step", "loss, all", "accuracy"],
    [
        np.array([1, 2, 1_000_000]),
        np.array([0.1 + 0.2, math.nan, -math.inf]),
        np.ma.MaskedArray([0.5, 0, 1e300], mask=[False, True, False]),
    ],
)


def test_csv_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    write_columns(path, *TABLE)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == TABLE[0]
    assert rows[1] == ["1", repr(0.1 + 0.2), "0.5"]
    assert rows[2] == ["2", "NaN", ""]
    assert rows[3] == ["1000000", "-Infinity", "1e+300"]


def test_json_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "chart.JSON"
    write_columns(path, *TABLE)
    assert json.loads(path.read_text(encoding="utf-8")) == [
        {"step": 1, "loss, all": 0.1 + 0.2, "accuracy": 0.5},
        {"step": 2, "loss, all": "NaN", "accuracy": None},
        {"step": 1_000_000, "loss, all": "-Infinity", "accuracy": 1e300},
    ]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "chart.csv"
    path.write_text("before")
    with pytest.raises(ValueError):
        write_columns(path, ["a", "b"], [np.array([1]), np.array([1, 2])])
    assert [each.name for each in tmp_path.iterdir()] == ["chart.csv"]
    assert path.read_text() == "before"
    with pytest.raises(OSError):
        write_columns(tmp_path / "missing" / "chart.csv", *TABLE)
