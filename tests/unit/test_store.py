"""The store: columns, a run from its events, what it says of pace."""

from __future__ import annotations

import json
from itertools import accumulate
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.runs.schema.evaluation import Evaluation
from trm_engine.runs.schema.events import (
    DataFigures,
    Evaluated,
    LogMessage,
    RunData,
    RunStarted,
    StateChanged,
    Steps,
)
from trm_tui.store.columns import Columns
from trm_tui.store.pace import epoch_ends, evaluations_left, next_evaluation, update_seconds
from trm_tui.store.run import RunStore
from trm_tui.store.trace import Trace

numbers = st.one_of(st.floats(-1e6, 1e6), st.just("NaN"), st.none())


def texts(columns: dict[str, list[Any]]) -> dict[str, msgspec.Raw]:
    return {name: msgspec.Raw(json.dumps(values).encode()) for name, values in columns.items()}


def steps_event(first: int, count: int, t: float = 1.0, **more: list[Any]) -> Steps:
    steps = list(range(first, first + count))
    columns = {
        "step": steps,
        "epoch": [step / 10 for step in steps],
        "time": [step * 2.0 for step in steps],
        "samples": [32] * count,
        "samples_per_s": [64.0] * count,
        "total_loss": [1.0 / step for step in steps],
        **more,
    }
    by_step = [[1.0, 0.5]] * count
    return Steps(t=t, seq=0, columns=texts(columns), by_step=texts({"by_step": by_step})["by_step"])


def started(
    total: int = 100, resumed_from: int | None = None, epoch_ends: list[int] | None = None
) -> RunStarted:
    facts = DataFigures(path="a", samples=1)
    return RunStarted(
        config={"training": {"eval_interval": 40}},
        data=RunData(facts, facts),
        parameters={"total": 1},
        device="cpu",
        dtype="float32",
        total_steps=total,
        steps_per_epoch=50,
        epoch_ends=epoch_ends,
        resumed_from=resumed_from,
    )


def evaluation(
    step: int,
    best: bool = False,
    exact: float | None = 0.5,
    epoch: float | None = None,
    best_metric: str | None = None,
) -> Evaluated:
    metrics = {
        "loss": 1.5,
        "decision": {"accuracy": 0.9, "f1": 0.8},
        "tool": {"accuracy": None},
        "slots": {"accuracy": 0.7, "value_accuracy": 0.6},
        "arguments": {"accuracy": 0.4},
        "exact_match": exact,
        "exact_match_values": exact,
    }
    return Evaluated(
        step=step,
        epoch=step / 50 if epoch is None else epoch,
        seconds=3.0,
        best=best,
        best_metric=best_metric,
        metrics=msgspec.convert(metrics, Evaluation),
    )


def as_numbers(values: list[Any]) -> list[float]:
    return [float("nan") if each in (None, "NaN") else each for each in values]


@given(st.lists(st.dictionaries(st.sampled_from("abc"), st.just(True)), max_size=8), st.data())
def test_columns_hold_what_events_told(told: list[dict[str, bool]], data: st.DataObject) -> None:
    """Whichever columns an event has, all stay aligned; what it lacks is NaN."""
    columns, expected = Columns(), {name: [] for name in ("step", "a", "b", "c")}
    looked = data.draw(st.integers(0, len(told)))
    for place, names in enumerate(told):
        rows = data.draw(st.integers(0, 3))
        new = {"step": [float(len(expected["step"]) + each) for each in range(rows)]}
        new |= {name: data.draw(st.lists(numbers, min_size=rows, max_size=rows)) for name in names}
        columns.append(texts(new))
        for name, values in expected.items():
            values += new.get(name, [None] * rows)
        if place == looked:
            columns["b"].values  # noqa: B018  decoding early must not matter
        assert len(columns["c"]) == len(expected["c"])
        rows = data.draw(st.integers(1, 4))
        np.testing.assert_array_equal(columns["c"].newest(rows), as_numbers(expected["c"][-rows:]))
    for name, values in expected.items():
        np.testing.assert_array_equal(columns[name].values, as_numbers(values))


def test_steps_that_were_done_again_count_once() -> None:
    store = RunStore()
    store.take([started(), steps_event(1, 10), evaluation(8), evaluation(10)])
    before = store.columns["total_loss"].generation
    store.take([started(resumed_from=8), steps_event(9, 3)])
    assert store.columns["step"].values.tolist() == list(range(1, 12))
    assert [each.step for each in store.evaluations] == [8]
    assert store.metrics["exact_match"].values.tolist() == [0.5]
    assert store.columns["total_loss"].generation > before


def test_a_column_told_late_is_empty_before() -> None:
    store = RunStore()
    store.take([steps_event(1, 2), steps_event(3, 1, memory=[7.0])])
    assert np.isnan(store.columns["memory"].values[:2]).all()
    assert store.columns["memory"].values[2] == 7.0


def test_a_broken_column_is_missing_and_harms_no_other() -> None:
    store = RunStore()
    broken = steps_event(1, 3)
    broken.columns["lr"] = msgspec.Raw(b'["what", {}, 3]')
    store.take([broken, steps_event(4, 1)])
    assert len(store.columns["lr"].values) == 4
    assert np.isnan(store.columns["lr"].values).all()
    assert store.columns["step"].values.tolist() == [1, 2, 3, 4]


def test_what_changed_is_told() -> None:
    store = RunStore()
    assert store.take([StateChanged(state="running")]) == {"state", "log"}
    assert store.take([steps_event(1, 1)]) == {"steps"}
    assert store.take([evaluation(1)]) == {"evaluations", "evaluating", "log"}


def test_the_best_is_the_last_that_was_better() -> None:
    store = RunStore()
    store.take([evaluation(1, best=True), evaluation(2, best=True), evaluation(3)])
    assert store.best and store.best.step == 2


def test_the_log_says_which_figure_is_the_best() -> None:
    store = RunStore()
    named, worse = (
        evaluation(1, best, exact=0.409, best_metric="exact_match") for best in (True, False)
    )
    store.take([named, worse, evaluation(2, best=True)])
    assert [line.message for line in store.log] == [
        "evaluated: exact_match 0.4090, the best so far",
        "evaluated: exact_match 0.4090",
        "evaluated, the best so far",
    ]


def test_evaluations_stand_at_the_time_of_their_step() -> None:
    store = RunStore()
    store.take([steps_event(1, 10), evaluation(5)])
    assert store.metrics["time"].values.tolist() == [10.0]
    assert np.isnan(store.metrics["tool.accuracy"].values).all()


def test_losses_by_step_are_means_over_updates_that_trained_the_step() -> None:
    store = RunStore()
    store.take([steps_event(1, 2)])
    shallow = steps_event(3, 2)
    shallow.by_step = msgspec.Raw(b'[[4.0],["NaN"]]')
    store.take([shallow])
    assert store.losses_by_step() == [pytest.approx((1 + 1 + 4) / 3), pytest.approx(0.5)]


def test_losses_by_step_are_those_of_recent_updates() -> None:
    """However few updates an event holds: beside the newest evaluation stands what is new."""
    store = RunStore()
    for first in range(1, 41):
        event = steps_event(10 * first, 10)
        loss = b"[9.0]" if first <= 30 else b"[2.0]"
        event.by_step = msgspec.Raw(b"[" + b",".join([loss] * 10) + b"]")
        store.take([event])
    assert store.losses_by_step() == [pytest.approx(2.0)]


def test_the_time_left_counts_evaluations_too() -> None:
    store = RunStore()
    store.take([started(total=100), steps_event(1, 60), evaluation(50)])
    store.catch_up()
    # 40 updates of half a second; evaluations at 80 and 100, three seconds each
    assert store.seconds_left() == pytest.approx(40 * 0.5 + 2 * 3.0)


def test_the_speed_is_that_of_recent_updates_and_in_the_end_of_all() -> None:
    store = RunStore()
    store.take([started(total=400)])
    assert store.samples_per_second() is None
    fast = steps_event(1, 200, samples_per_s=[320.0] * 200)
    slow = steps_event(201, 200, samples_per_s=[16.0] * 200)
    store.take([fast, slow])
    assert store.samples_per_second() == pytest.approx(16.0)
    store.take([StateChanged(t=1.0, seq=0, state="finished")])
    assert store.samples_per_second() == pytest.approx(400 * 32 / (200 * 0.1 + 200 * 2.0))


def test_no_pace_before_the_first_update() -> None:
    store = RunStore()
    assert update_seconds(store.columns) is None
    store.take([started()])
    assert store.seconds_left() is None


@given(st.integers(0, 50), st.lists(st.integers(1, 20), min_size=1, max_size=9), st.data())
def test_the_evaluations_due_are_those_the_trainer_does(
    step: int, epochs: list[int], data: st.DataObject
) -> None:
    """Epochs differ in length, and a run may end within one."""
    every, total = data.draw(st.integers(1, 20)), data.draw(st.integers(1, sum(epochs)))
    ends = [end for end in accumulate(epochs) if end <= total]
    later = range(step + 1, total + 1)
    due = [each for each in later if each % every == 0 or each in ends or each == total]
    assert evaluations_left(step, total, every, ends) == len(due)
    if due:
        assert next_evaluation(step, total, every, ends) == due[0]


def test_an_older_run_told_only_the_length_of_its_first_epoch() -> None:
    assert list(epoch_ends(started(total=170))) == [50, 100, 150]
    assert epoch_ends(started(total=170, epoch_ends=[48, 101, 150])) == [48, 101, 150]


def test_an_epoch_axis_that_ran_backwards_is_searched_all_the_same() -> None:
    """Older runs divided by the updates of their first epoch."""
    store = RunStore()
    store.take([steps_event(1, 3, epoch=[0.5, 1.0, 1.5])])
    store.take([steps_event(4, 3, epoch=[1.4, "NaN", 2.0])])
    epochs = store.columns["epoch"]
    assert epochs.values.tolist() == [0.5, 1.0, 1.5, 1.5, 1.5, 2.0]
    trace = Trace("loss", store.columns["total_loss"], {"epoch": epochs})
    assert [trace.nearest("epoch", place) for place in (0.4, 1.0, 1.9)] == [0, 1, 5]


def test_evaluations_whose_epoch_ran_backwards_stay_in_order() -> None:
    store = RunStore()
    store.take([evaluation(3, epoch=1.5), evaluation(4, epoch=1.4)])
    assert store.metrics["epoch"].values.tolist() == [1.5, 1.5]


def test_a_worker_that_was_killed_is_in_the_log_once_the_run_goes_on() -> None:
    store = RunStore()
    store.take([StateChanged(state="starting"), started(), StateChanged(state="running")])
    lost = [line.message for line in store.log if "without reporting" in line.message]
    assert not lost
    store.take([StateChanged(state="starting"), started(resumed_from=20)])
    assert store.note_loss("again") == {"log", "state"}
    assert store.note_loss("again") == set()
    store.take([StateChanged(state="finished"), StateChanged(state="starting")])
    lost = [line.message for line in store.log if line.level == "error"]
    assert lost == ["the worker exited without reporting", "again"]


def test_alarms_are_errors_until_they_are_mended() -> None:
    store = RunStore()
    disk = "last.pt cannot be written: No space left on device"
    store.take(
        [
            LogMessage(level="error", message="the loss is not a number"),
            LogMessage(level="error", message=f"{disk}; make room, then resume"),
            StateChanged(state="paused", reason=disk),
        ]
    )
    assert len(store.alarms) == 2
    store.take([StateChanged(state="running")])
    assert store.alarms == ["the loss is not a number"]
    store.take([started(resumed_from=1)])
    assert store.alarms == []
