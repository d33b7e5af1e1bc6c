"""events.columns: a screen that uses it knows what it would know without."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.screens.fake_run import FakeRun
from trm_engine.runs import stored_columns
from trm_engine.runs.events import EventReader
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import StoredSteps
from trm_engine.runs.stored_columns import path_of, write_stored
from trm_engine.worker import start
from trm_tui.store.run import RunStore


def train(run: FakeRun) -> None:
    run.train(3)


def resume(run: FakeRun) -> None:
    """From the middle: the updates after it are void."""
    run.step //= 2
    run.event("state", state="starting")
    run.event("progress", what="data", share=0.5)
    run.begin()
    content = run.folder.events.read_bytes().removesuffix(b"null}\n")
    run.folder.events.write_bytes(content + b"%d}\n" % run.step)


def evaluate(run: FakeRun) -> None:
    run.event("eval_progress", done=1, total=9)
    run.evaluate()


def die_in_evaluation(run: FakeRun) -> None:
    run.event("eval_progress", done=1, total=9)
    run.event("state", state="starting")


def new_column(run: FakeRun) -> None:
    step = run.step + 1
    columns = {"step": [step], "steps_per_sample": ["NaN"], "total_loss": [None]}
    run.event("steps", columns=columns, by_step=[[None]])
    run.step = step


def strange(run: FakeRun) -> None:
    run.event("steps", columns={"step": [5, 4]}, by_step=[])
    run.event("of a later version")
    run.event("log", level="error", message="a\nb", step=run.step)


KINDS = (train, resume, evaluate, die_in_evaluation, new_column, strange)


def told(path: Path, stored: bool) -> dict[str, Any]:
    """What a screen knows after it has read the events."""
    store, reader = RunStore(), EventReader(path, stored=stored)
    events = reader.read(0)
    while reader.behind:
        events += reader.read(0)
    assert any(isinstance(event, StoredSteps) for event in events) == stored
    store.take(events)
    store.catch_up()
    columns = {name: store.columns[name].values for name in sorted(store.columns)}
    known = ("state", "state_since", "failure", "preparing", "evaluating", "evaluations", "log")
    more = ("checkpoints", "alarms", "step", "epoch", "last_event", "started")
    return {
        **{name: getattr(store, name) for name in (*known, *more)},
        "columns": {name: values.tobytes() for name, values in columns.items()},
        "metrics": {name: points.values.tobytes() for name, points in store.metrics.items()},
        "losses": store.losses_by_step(),
    }


@settings(max_examples=40, deadline=None)
@given(kinds=st.lists(st.sampled_from(KINDS), max_size=12))
def test_the_store_is_the_same_with_and_without(
    kinds: list[Callable[[FakeRun], None]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    run = FakeRun(tmp_path_factory.mktemp("stored"))
    run.begin()
    run.train(4)
    for kind in kinds:
        kind(run)
    for _ in range(20):
        run.train(5)
    evaluate(run)
    path = run.folder.events
    write_stored(path, least_bytes=0)
    run.event("log", level="info", message="written later")
    assert told(path, stored=True) == told(path, stored=False)
    run.end("finished")


@pytest.fixture
def events(tmp_path: Path) -> Path:
    """Events that are stored."""
    run = FakeRun(tmp_path / "run")
    run.begin()
    for _ in range(50):
        run.train(5)
    run.end("finished")
    write_stored(run.folder.events, least_bytes=0)
    return run.folder.events


def uses_it(events: Path) -> bool:
    read = EventReader(events, stored=True).read()
    return any(isinstance(event, StoredSteps) for event in read)


def change_events(events: Path) -> None:
    content = events.read_bytes()
    events.write_bytes(content.replace(b'"loss"', b'"lass"').replace(b"10.0", b"20.0"))


def cut_events(events: Path) -> None:
    events.write_bytes(events.read_bytes()[:2000])


def cut(events: Path) -> None:
    path_of(events).write_bytes(path_of(events).read_bytes()[:-8])


def empty(events: Path) -> None:
    path_of(events).write_bytes(b"")


def of_a_later_version(events: Path) -> None:
    content = path_of(events).read_bytes()
    path_of(events).write_bytes(content.replace(b'"version":1', b'"version":2'))


def without_numbers(events: Path) -> None:
    content = path_of(events).read_bytes()
    nan = np.full(150 * 13, np.nan).tobytes()
    path_of(events).write_bytes(content[: -len(nan)] + nan)


def gone(events: Path) -> None:
    path_of(events).unlink()


DAMAGES = (change_events, cut_events, cut, empty, of_a_later_version, without_numbers, gone)


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_does_not_fit_the_events_is_not_used(
    damage: Callable[[Path], None], events: Path
) -> None:
    assert uses_it(events)
    damage(events)
    assert not uses_it(events)
    whole = EventReader(events, stored=True).read()
    assert whole == EventReader(events).read()


def test_another_file_in_its_place_is_read_from_its_beginning(events: Path) -> None:
    reader = EventReader(events, stored=True)
    reader.read(0)
    beside = events.with_suffix(".new")
    beside.write_bytes(events.read_bytes().replace(b'"finished"', b'"stopped"'))
    beside.replace(events)
    read = reader.read()
    assert reader.restarted
    assert read == EventReader(events).read()


def test_a_short_run_has_none(events: Path) -> None:
    path_of(events).unlink()
    write_stored(events)
    assert not path_of(events).exists()


def test_the_newest_updates_are_left_to_the_events(
    events: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_columns, "LEFT_UPDATES", 12)
    write_stored(events, least_bytes=0)
    read = EventReader(events, stored=True).read()
    stored = [len(event.steps) for event in read if isinstance(event, StoredSteps)]
    assert sum(stored) == 250 - 15


def test_a_worker_writes_it_at_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, written = RunFolder(tmp_path / "run"), list[Path]()
    folder.create()
    monkeypatch.setattr(stored_columns, "write_stored", written.append)
    monkeypatch.setattr(start, "_reporting", lambda report, train: 0)
    told = {"rank": None, "torchrun": False, "lock": None, "tied": False, "commands_from": None}
    assert start.train_run(Namespace(run=str(folder.path), resume=False, **told)) == 0
    assert written == [folder.events]
