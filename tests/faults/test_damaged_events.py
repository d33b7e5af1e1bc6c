"""Whatever stands in the events and commands of a run: readers pass over it, training goes on."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.e2e.runs import SECONDS, last_checkpoint, tiny_run, wait_for
from tests.events import read_events, step_columns
from tests.faults.workers import ENDLESS, Begin
from tests.screens.fake_run import FakeRun
from tests.support import wait_until
from trm_engine.files import jsonl
from trm_engine.runs.events import EventReader, EventWriter, events_newest_first, last_state
from trm_engine.runs.schema.events import StateChanged
from trm_engine.runs.summary import summarise
from trm_tui.cli import app
from trm_tui.sessions.run import AttachedRun
from trm_tui.sessions.run_state import status_of, warnings_of

DEEP = b"[" * 100_000
ODD: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**400, 2**60, "", "x", "NaN", [], [[1]], {}, {"a": 1}, [None],
)  # fmt: skip
OTHER_LINES = (
    b"", b"nonsense", b"1", b"null", b"[]", b"{}", b'"x"', DEEP, b'{"a":' * 50_000, b"\0" * 4096,
    b"\xff\xfe", b'{"seq":1e999}', b'{"seq":' + b"9" * 5000 + b"}", b'{"type":[],"seq":0,"t":0}',
    b'{"type":"steps"}', b'{"type":"future","v":9,"seq":99,"t":1,"columns":{}}', b'{"t":NaN}',
    b'{"type":"steps","seq":1,"t":1,"columns":{"step":[1,2],"epoch":[1]},"by_step":[[1]]}',
    b'{"type":"steps","seq":1,"t":1,"columns":{"step":["a"]},"by_step":[[1]]}',
    b'{"type":"steps","seq":1,"t":1,"columns":{"step":[3,2]},"by_step":[[1],[1]]}',
    b'{"type":"steps","seq":1,"t":1,"columns":{},"by_step":[]}',
    b'{"type":"steps","seq":1,"t":1,"columns":{"step":[99999999999999999999]},"by_step":[[1]]}',
)  # fmt: skip


def story(path: Path) -> FakeRun:
    """A run with events of every type."""
    run = FakeRun(path, total=400)
    run.begin()
    run.event("progress", what="reading", share=0.5)
    run.train(5)
    run.event("log", level="warning", message="careful")
    run.event("eval_progress", step=5, done=5, total=100)
    run.evaluate()
    run.event("checkpoint", step=5, epoch=0.1, path="best.pt", kind="best", bytes=5)
    run.train(5)
    run.event("failed", message="m", traceback="", user_error=False)
    return run


def read_in_every_way(run: FakeRun) -> None:
    """All that reads events; nothing may raise."""
    events = read_events(run.folder.events)
    step_columns(events)
    list(events_newest_first(run.folder.events))
    last_state(run.folder.events)
    summarise(run.folder)
    run.folder.state()
    attached = AttachedRun(run.folder)
    attached.drain(10.0)
    attached.store.losses_by_step()
    attached.store.seconds_left()
    status_of(attached)
    warnings_of(attached)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a JSON value something else could stand."""
    found = [path] if path else []
    if isinstance(value, dict):
        found += [place for key in value for place in places(value[key], (*path, key))]
    if isinstance(value, list):
        found += [
            place for key in range(len(value[:2])) for place in places(value[key], (*path, key))
        ]
    return found


def mutated(line: bytes, dice: random.Random) -> bytes:
    """An event in which one thing is another, missing, or a byte is."""
    if dice.random() < 0.2:
        place = dice.randrange(len(line))
        return line[:place] + bytes([dice.randrange(256)]) + line[place + 1 :]
    event = json.loads(line)
    *outer, key = dice.choice(places(event))
    inner = event
    for each in outer:
        inner = inner[each]
    if isinstance(inner, dict) and dice.random() < 0.3:
        del inner[key]
    else:
        inner[key] = dice.choice(ODD)
    return json.dumps(event).encode()


def test_mutated_events_are_passed_over(tmp_path: Path) -> None:
    run = story(tmp_path / "run")
    lines = run.folder.events.read_bytes().splitlines()
    dice = random.Random(0)
    for _ in range(int(os.environ.get("N", "150"))):
        at = dice.randrange(len(lines))
        changed = [*lines[:at], mutated(lines[at], dice), *lines[at + 1 :]]
        run.folder.events.write_bytes(b"\n".join(changed) + b"\n")
        read_in_every_way(run)


@pytest.mark.parametrize("where", ["first", "between", "last", "torn"])
def test_other_lines_are_passed_over(where: str, tmp_path: Path) -> None:
    run = story(tmp_path / "run")
    expected = read_events(run.folder.events)
    lines = run.folder.events.read_bytes().splitlines()
    at = {"first": 0, "between": 4}.get(where, len(lines))
    for other in OTHER_LINES:
        changed = b"\n".join([*lines[:at], other, *lines[at:]])
        run.folder.events.write_bytes(changed + (b"" if where == "torn" else b"\n"))
        read_in_every_way(run)
        known = [event for event in read_events(run.folder.events) if event["type"] != "future"]
        assert known == expected
        writer = EventWriter(run.folder.events)
        writer.write(StateChanged(state="stopped"))
        writer.close()
        assert last_state(run.folder.events) == "stopped"
        assert read_events(run.folder.events)[-1]["seq"] >= len(expected)


def test_what_cannot_be_read_has_no_events(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.folder.events.unlink(missing_ok=True)
    run.folder.events.mkdir()
    run.folder.commands.mkdir()
    read_in_every_way(run)
    writer = EventWriter(run.folder.events)
    writer.write(StateChanged(state="running"))
    writer.sync()
    writer.close()


def test_events_replaced_by_a_folder_while_watched(tmp_path: Path) -> None:
    run = story(tmp_path / "run")
    reader = EventReader(run.folder.events)
    assert reader.read()
    run.folder.events.rename(tmp_path / "kept")
    run.folder.events.mkdir()
    assert reader.read() == []
    run.folder.events.rmdir()
    (tmp_path / "kept").rename(run.folder.events)
    run.event("state", state="stopped")
    assert reader.read()[-1].state == "stopped"  # type: ignore[union-attr]


def test_watch_and_runs_end_without_a_traceback(tmp_path: Path) -> None:
    run = story(tmp_path / "run")
    run.end(None)
    lines = run.folder.events.read_bytes().splitlines()
    spoilt = [line for pair in zip(lines, OTHER_LINES, strict=False) for line in pair]
    run.folder.events.write_bytes(b"\n".join([*spoilt, *lines]) + b"\n")
    watched = CliRunner().invoke(app, ["watch", str(run.folder.path), "--plain"])
    assert watched.exception is None or isinstance(watched.exception, SystemExit)
    assert "The best so far." in watched.output
    listed = CliRunner().invoke(app, ["runs", str(tmp_path), "--plain"])
    assert listed.exit_code == 0


def test_a_long_torn_line_is_read_in_time_that_grows_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte is copied a bounded number of times, however many blocks the line has."""
    run = story(tmp_path / "run")
    monkeypatch.setattr(jsonl, "BLOCK", 256)
    with open(run.folder.events, "ab") as file:
        file.write(b"x" * (1 << 22))  # 16,384 blocks
    lines = jsonl.lines_newest_first(run.folder.events)
    assert len(next(lines)) == 1 << 22
    assert last_state(run.folder.events) == "running"
    reader = EventReader(run.folder.events)
    told = len(reader.read())
    assert told == len(read_events(run.folder.events))
    assert reader.read() == []


@pytest.mark.parametrize("damage", ["folder", "brackets"])
def test_commands_that_cannot_be_read_do_not_end_a_run(
    damage: str, tmp_path: Path, begin: Begin
) -> None:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    worker = begin(run, tied=False)
    wait_for(run, "steps", worker)
    if damage == "folder":
        run.commands.unlink(missing_ok=True)
        run.commands.mkdir()
    else:
        with open(run.commands, "ab") as file:
            file.write(DEEP + b"\n\0\0\n")
    told = len(read_events(run.events))
    wait_until(lambda: len(read_events(run.events)) > told + 3, SECONDS)
    worker.terminate()
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert run.state() == "stopped"
    assert last_checkpoint(run)["global_step"] > 0
