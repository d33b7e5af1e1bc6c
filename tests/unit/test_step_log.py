"""The figures of updates, as a run's events have them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.training.step_log import StepLog, significant


@given(st.floats(width=32))
def test_a_float32_keeps_its_7_digits_in_little_text(value: float) -> None:
    short = significant(value)
    assert repr(short) == repr(significant(short))
    assert len(repr(short)) <= len("-1.234567e-10") or abs(value) >= 1e7
    if math.isfinite(value):
        assert short == pytest.approx(value, rel=5e-7, abs=1e-45)
    else:
        assert repr(short) == repr(value)


def noted(log: StepLog, step: int, loss: float, by_step: list[float]) -> None:
    losses = {name: torch.tensor(loss) for name in ("total_loss", "word_loss")}
    row: dict[str, float] = {"step": step, "samples": 4, "tokens": 100}
    log.add(row, losses, [torch.tensor(each) for each in by_step], torch.tensor(0.1))


def test_what_is_taken_has_a_row_for_each_update() -> None:
    log = StepLog(elapsed=100.0)
    assert log.take() is None
    noted(log, 1, 1 / 3, [0.1, 0.2])
    noted(log, 2, math.nan, [0.7])
    taken = log.take()
    assert taken is not None
    columns = taken.columns
    assert {len(column) for column in columns.values()} == {2}
    assert repr(columns["step"]) == "[1, 2]"
    assert repr(columns["word_loss"]) == "[0.3333333, nan]"
    assert columns["grad_norm"] == [0.1, 0.1]
    assert taken.by_step == [[0.1, 0.2], [0.7]]
    assert all(time >= 100 for time in columns["time"])
    assert log.take() is None


def test_memory_is_the_process_s_in_bytes() -> None:
    log = StepLog()
    noted(log, 1, 1.0, [1.0])
    noted(log, 2, 1.0, [1.0])
    taken = log.take()
    assert taken is not None
    first, second = taken.columns["memory"]
    assert first == second
    assert isinstance(first, int)
    assert 50e6 < first < 50e9
