"""A run's folder: events, commands and the lock, through crashes and full disks."""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
import stat
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events import read_events, run_started, step_columns
from tests.support import kill, start_python, wait_until
from trm_engine.config import Config, TrainingConfig
from trm_engine.errors import RunError
from trm_engine.files.jsonl import append, number, to_line
from trm_engine.runs import events as events_module
from trm_engine.runs.commands import (
    COMMANDS,
    CommandReader,
    commands_size,
    prioritised,
    send_command,
)
from trm_engine.runs.events import EventReader, EventWriter, last_state
from trm_engine.runs.folder import (
    LOST,
    RunFolder,
    claim,
    claim_checkpoints,
    default_output_dir,
    hand_over,
    list_runs,
)
from trm_engine.runs.schema.events import LogMessage, StateChanged, StepColumns, Steps

HOLD = """
import sys, time
from pathlib import Path
from trm_engine.runs.folder import RunFolder, claim

lock = claim(RunFolder(Path(sys.argv[1])))
print("held", flush=True)
time.sleep(60)
"""

WRITE = """
import sys, time
from pathlib import Path
from trm_engine.runs.events import EventWriter
from trm_engine.runs.schema.events import LogMessage

writer = EventWriter(Path(sys.argv[1]))
for each in range(10**9):
    writer.write(LogMessage(level="info", message="x" * 1000))
    if each == 300:
        print("writing", flush=True)
    time.sleep(0.0002)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def note(message: str) -> LogMessage:
    return LogMessage(level="info", message=message)


def write(path: Path, *messages: str) -> None:
    writer = EventWriter(path)
    for message in messages:
        writer.write(note(message))
    writer.close()


def messages(path: Path) -> list[Any]:
    return [event["message"] for event in read_events(path)]


def numbers(path: Path) -> list[int]:
    return [event["seq"] for event in read_events(path)]


# --- Lines

floats = st.floats()
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | floats | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=15,
)


def restored(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: restored(each) for key, each in value.items()}
    return [restored(each) for each in value] if isinstance(value, list) else number(value)


@given(st.dictionaries(st.text(), values, max_size=4))
def test_any_record_is_one_line_of_strict_json(record: dict[str, Any]) -> None:
    line = to_line(record)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1

    def refuse(name: str) -> None:
        raise AssertionError(name)

    again = json.loads(line, parse_constant=refuse)
    assert repr(restored(again)) == repr(restored(record))


def test_half_a_character_does_not_stop_a_record() -> None:
    assert json.loads(to_line({"message": "a\ud800b"})) == {"message": "a?b"}


def test_numbers_that_json_lacks_are_strings(path: Path) -> None:
    losses = [math.nan, math.inf, -math.inf, 1.5, None]
    columns = {"step": [1, 2, 3, 4, 5], "loss": losses}
    writer = EventWriter(path)
    writer.write(StepColumns(columns=columns, by_step=[[loss] for loss in losses]))
    writer.close()
    [event] = read_events(path)
    assert event["columns"]["loss"] == ["NaN", "Infinity", "-Infinity", 1.5, None]
    [steps] = EventReader(path).read()
    assert isinstance(steps, Steps)
    back = steps.column("loss")
    assert back[0] is not None and math.isnan(back[0])
    assert back[1:] == losses[1:]


# --- Events


def test_events_are_read_as_they_were_written(path: Path) -> None:
    before = time.time()
    write(path, "xin chào", "line\nbreak\u2028\r")
    events = read_events(path)
    assert [event["message"] for event in events] == ["xin chào", "line\nbreak\u2028\r"]
    assert [event["seq"] for event in events] == [0, 1]
    assert {event["v"] for event in events} == {1}
    assert {event["type"] for event in events} == {"log"}
    assert all(before - 1 <= event["t"] <= time.time() + 1 for event in events)


def test_no_file_has_no_events(path: Path) -> None:
    assert read_events(path) == []
    assert step_columns([]) == {}
    assert last_state(path) is None


def test_the_numbers_go_on_after_reopening(path: Path) -> None:
    write(path, "a", "b")
    write(path)
    write(path, "c")
    assert numbers(path) == [0, 1, 2]
    assert messages(path) == ["a", "b", "c"]


def test_an_event_is_on_disk_soon_without_a_flush(path: Path) -> None:
    writer = EventWriter(path)
    writer.write(note("a"))
    wait_until(lambda: bool(read_events(path)))
    writer.close()


@pytest.mark.parametrize("cut", range(1, 60, 4))
def test_a_torn_last_line_is_passed_over_and_mended(path: Path, cut: int) -> None:
    write(path, "a", "b", "torn")
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    assert messages(path) == ["a", "b"]
    reader = EventReader(path)
    assert len(reader.read()) == 2
    write(path, "c")
    whole = ["a", "b", "torn", "c"] if cut == 1 else ["a", "b", "c"]
    assert messages(path) == whole
    assert numbers(path) == list(range(len(whole)))
    assert [getattr(event, "message", None) for event in reader.read()] == whole[2:]


@settings(max_examples=30)
@given(size=st.integers(0, 400))
def test_a_file_cut_anywhere_can_be_written_on(
    size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("cut") / "events.jsonl"
    for message in ("một", "hai", "ba", "bốn"):
        event = {"seq": len(read_events(path)), "type": "log", "t": 1.0, "level": "info"}
        append(path, to_line({**event, "message": message}))
    path.write_bytes(path.read_bytes()[:size])
    whole = read_events(path)
    write(path, "new")
    after = read_events(path)
    assert after[: len(whole)] == whole
    assert after[-1]["message"] == "new"
    assert [event["seq"] for event in after] == list(range(len(after)))


def test_a_worker_killed_while_writing_leaves_a_file_to_go_on_with(path: Path) -> None:
    process = start_python(WRITE, path)
    assert process.stdout
    assert process.stdout.readline() == "writing\n"
    wait_until(lambda: len(read_events(path)) > 0)
    kill(process)
    written = len(read_events(path))
    assert written > 0
    write(path, "after")
    assert messages(path)[-1] == "after"
    seen = numbers(path)
    assert seen == list(range(len(seen)))


def test_many_events_from_two_threads(path: Path) -> None:
    writer = EventWriter(path)

    def tell(name: str) -> None:
        for each in range(3000):
            writer.write(note(f"{name} {each}"))

    threads = [threading.Thread(target=tell, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert numbers(path) == list(range(6000))
    told = messages(path)
    for name in "ab":
        assert [each for each in told if each[0] == name] == [f"{name} {i}" for i in range(3000)]


def test_writing_does_not_wait_for_the_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = append

    def counted(path: Path, lines: bytes) -> None:
        calls.append(len(lines))
        real(path, lines)

    writer = EventWriter(path)
    monkeypatch.setattr(events_module, "append", counted)
    begin = time.monotonic()
    for each in range(200):
        writer.write(note(str(each)))
        time.sleep(0.001)
    elapsed = time.monotonic() - begin
    writer.close()
    assert len(messages(path)) == 200
    assert len(calls) <= elapsed / events_module.FLUSH_SECONDS + 2  # one write every 50 ms


def test_a_full_disk_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    full = True
    real = append
    told: list[str] = []

    def limited(path: Path, lines: bytes) -> None:
        if full:
            raise OSError(28, "No space left on device")
        real(path, lines)

    def warn(error: OSError) -> None:
        told.append(str(error.strerror))
        writer.write(note("disk full"))

    writer = EventWriter(path, on_error=warn)
    monkeypatch.setattr(events_module, "append", limited)
    for each in range(3):
        writer.write(note(str(each)))
        assert not writer.flush()
    assert told == ["No space left on device"]  # once for each spell of failures
    assert messages(path) == []
    full = False
    writer.write(note("space again"))
    assert writer.flush()
    assert messages(path) == ["0", "disk full", "1", "2", "space again"]
    full = True
    writer.write(note("again"))
    assert not writer.flush()
    assert len(told) == 2
    full = False
    writer.close()
    assert messages(path)[-2:] == ["again", "disk full"]
    assert numbers(path) == list(range(7))


def test_what_a_full_disk_held_up_is_written_by_itself(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, failures = append, []

    def limited(path: Path, lines: bytes) -> None:
        if len(failures) < 2:
            failures.append(lines)
            raise OSError(28, "No space left on device")
        real(path, lines)

    writer = EventWriter(path)
    monkeypatch.setattr(events_module, "append", limited)
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.01)
    writer.write(note("a"))
    wait_until(lambda: messages(path) == ["a"])
    writer.close()


def test_half_a_write_counts_for_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(path, to_line({"seq": 0, "type": "note", "t": 1.0, "message": "a"}))
    before = path.read_bytes()
    real = os.write
    monkeypatch.setattr("os.write", lambda file, lines: real(file, lines[: len(lines) // 2]))
    with pytest.raises(OSError, match="No space left"):
        append(path, to_line({"seq": 1, "type": "note", "t": 1.0, "message": "b" * 100}))
    assert path.read_bytes() == before


def steps(first: int, last: int, note: str) -> dict[str, Any]:
    wanted = list(range(first, last + 1))
    columns = {"step": wanted, "loss": [f"{note}{each}" for each in wanted]}
    return {"type": "steps", "columns": columns, "by_step": [[each] for each in wanted]}


def test_steps_that_a_resumed_start_did_again_count_once() -> None:
    story = [
        run_started(),
        steps(1, 3, "a"),
        steps(4, 7, "a"),
        run_started(5),
        steps(6, 8, "b"),
        run_started(8),
        steps(9, 9, "c"),
    ]
    columns = step_columns(story)
    assert columns["step"] == list(range(1, 10))
    assert columns["loss"] == ["a1", "a2", "a3", "a4", "a5", "b6", "b7", "b8", "c9"]
    assert columns["by_step"] == [[each] for each in range(1, 10)]


def test_a_column_that_comes_late_or_goes_keeps_its_place() -> None:
    def with_norm(event: dict[str, Any]) -> dict[str, Any]:
        norms = [-each for each in event["columns"]["step"]]
        return {**event, "columns": {**event["columns"], "norm": norms}}

    story = [
        run_started(),
        steps(1, 2, "a"),
        with_norm(steps(3, 5, "a")),
        run_started(4),
        steps(5, 6, "b"),
        with_norm(steps(7, 7, "b")),
    ]
    columns = step_columns(story)
    assert list(columns) == ["step", "loss", "by_step", "norm"]
    assert columns["step"] == [1, 2, 3, 4, 5, 6, 7]
    assert columns["norm"] == [None, None, -3, -4, None, None, -7]
    assert {len(column) for column in columns.values()} == {7}


def test_a_start_from_the_beginning_forgets_all() -> None:
    story = [steps(1, 4, "a"), run_started(), steps(1, 2, "b")]
    assert step_columns(story)["loss"] == ["b1", "b2"]


# --- Commands


def test_commands_are_read_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    send_command(path, "stop")
    reader = CommandReader(path, commands_size(path))
    assert reader.read() == []  # given to an earlier worker
    for command in COMMANDS:
        send_command(path, command)
    assert reader.read() == list(COMMANDS)
    assert reader.read() == []


def test_a_clock_that_is_set_back_hides_no_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "commands.jsonl"
    reader = CommandReader(path, commands_size(path))
    for back in (3600, 10, 0):
        now = time.time() - back
        with monkeypatch.context() as clock:
            clock.setattr(time, "time", lambda now=now: now)
            send_command(path, "stop")
        assert reader.read() == ["stop"]


@pytest.mark.parametrize("replaced", [False, True])
def test_a_file_that_is_cut_off_or_replaced_hides_no_command(
    tmp_path: Path, replaced: bool
) -> None:
    path = tmp_path / "commands.jsonl"
    send_command(path, "save")
    reader = CommandReader(path, commands_size(path))
    send_command(path, "pause")
    assert reader.read() == ["pause"]
    kept = path.read_bytes() if replaced else b""
    if replaced:
        path.unlink()
    path.write_bytes(kept)
    for command in COMMANDS:  # as long as what was there, and longer
        send_command(path, command)
    assert reader.read() == list(COMMANDS)


def test_what_is_no_command_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    path.mkdir()
    reader = CommandReader(path)
    assert reader.read() == []
    path.rmdir()
    append(path, b'{"command": "fly"}\n{"command": ["stop"]}\n{}\n[]\nstop\n{"command": "pa')
    assert reader.read() == []
    append(path, b"[" * 100_000 + b"\n" + b"[" * 199 + b"\n")
    assert reader.read() == []
    send_command(path, "save")
    assert reader.read() == ["save"]


def test_a_torn_command_does_not_hide_the_next(tmp_path: Path) -> None:
    path = tmp_path / "commands.jsonl"
    path.write_bytes(b'{"command": "sto')
    reader = CommandReader(path)
    send_command(path, "save")
    assert reader.read() == ["save"]


def test_a_stop_overtakes_and_equal_commands_count_once() -> None:
    assert prioritised(["evaluate"] * 1000) == ["evaluate"]
    assert prioritised(["evaluate"] * 1000 + ["stop", "save"]) == ["stop"]
    assert prioritised(["stop", "abort", "pause"]) == ["abort"]
    assert prioritised(["pause", "save", "resume", "pause"]) == ["save", "resume", "pause"]
    assert prioritised([]) == []


# --- The folder and its lock


def test_a_second_worker_is_refused(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    process = start_python(HOLD, tmp_path)
    assert process.stdout
    assert process.stdout.readline() == "held\n"
    assert folder.is_live()
    with pytest.raises(RunError) as caught:
        claim(folder)
    assert str(caught.value).startswith(f"{tmp_path}: a run is live in this folder")
    kill(process)
    assert not folder.is_live()
    lock = claim(folder)
    assert folder.is_live()
    lock.close()
    assert not folder.is_live()


@pytest.mark.parametrize("name", ["", "worker.lock"])
def test_a_viewer_that_looks_does_not_keep_a_worker_out(tmp_path: Path, name: str) -> None:
    folder = RunFolder(tmp_path)
    claim(folder).close()
    looking = os.open(tmp_path / name, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)  # as is_live does, but for longer
    viewer = threading.Timer(0.1, os.close, [looking])
    viewer.start()
    claim(folder).close()
    viewer.join()


@pytest.mark.parametrize("file", ["worker.lock", "*"])
def test_a_second_worker_is_refused_whatever_is_deleted(tmp_path: Path, file: str) -> None:
    folder = RunFolder(tmp_path)
    Config().to_yaml(folder.config)
    with claim(folder):
        for path in tmp_path.glob(file):
            path.unlink()
        assert folder.is_live()
        for take in (claim, hand_over):
            with pytest.raises(RunError, match="a run is live in this folder"):
                take(folder)
    assert not folder.is_live()


def test_a_lock_that_only_other_machines_see_is_respected(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    with folder.lock():
        assert folder.is_live()
        with pytest.raises(RunError, match="a run is live in this folder"):
            claim(folder)
    claim(folder).close()


def test_without_locks_of_folders_there_is_the_lock_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock = fcntl.flock

    def flock_of_files(descriptor: int, kind: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EBADF, "Bad file descriptor")
        flock(descriptor, kind)

    monkeypatch.setattr("fcntl.flock", flock_of_files)
    folder = RunFolder(tmp_path)
    with claim(folder):
        assert folder.is_live()
        with pytest.raises(RunError, match="a run is live in this folder"):
            claim(folder)
    assert not folder.is_live()


def test_a_second_run_is_refused_in_a_folder_of_checkpoints_whose_lock_is_deleted(
    tmp_path: Path,
) -> None:
    shared = Config(training=TrainingConfig(checkpoint_dir=str(tmp_path / "shared")))
    with claim_checkpoints(RunFolder(tmp_path / "one"), shared):
        (tmp_path / "shared" / "worker.lock").unlink()
        with pytest.raises(RunError, match="another run is saving here"):
            claim_checkpoints(RunFolder(tmp_path / "two"), shared)


def test_a_run_can_save_directly_into_its_own_folder(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    config = Config(training=TrainingConfig(checkpoint_dir=str(tmp_path)))
    with claim(folder), claim_checkpoints(folder, config):
        assert folder.is_live()


def test_a_folder_nobody_works_on_is_not_live(tmp_path: Path) -> None:
    assert not RunFolder(tmp_path).is_live()
    assert not RunFolder(tmp_path / "none").is_live()
    assert not (tmp_path / "worker.lock").exists()  # looking leaves nothing behind


def test_the_state_of_a_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.state() is None
    writer = EventWriter(folder.events)
    lock = claim(folder)
    writer.write(StateChanged(state="running"))
    writer.flush()
    assert folder.state() == "running"
    lock.close()
    assert folder.state() == LOST
    writer.write(StateChanged(state="finished"))
    writer.close()
    assert folder.state() == "finished"


def test_a_run_that_stops_is_offered_no_command_that_it_would_not_read() -> None:
    def offered(state: str) -> set[str]:
        return {name for name, each in COMMANDS.items() if state in each.states}

    assert offered("running") == COMMANDS.keys() - {"resume"}
    assert offered("stopping") == {"detach"}
    assert offered("finished") == set()


def test_a_run_that_tells_of_steps_is_running(path: Path) -> None:
    trained = {"type": "steps", "columns": {"step": [1]}, "by_step": [[2.0]]}
    told = [{"state": "paused"}, {"state": "starting"}, trained, {"state": "stopping"}]
    for seq, event in enumerate(told):
        append(path, to_line({"type": "state", "t": 1.0, **event, "seq": seq}))
        assert last_state(path) == event.get("state", "running")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(RunError, match="the output folder cannot be written"):
            RunFolder(path).create()
    folder = RunFolder(tmp_path / "a" / "b")
    folder.create()
    assert list(folder.path.iterdir()) == []
    assert not folder.exists()


def test_checkpoints_are_in_the_run_unless_moved(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    assert folder.checkpoints(Config()) == tmp_path / "checkpoints"
    moved = Config(training=TrainingConfig(checkpoint_dir="elsewhere"))
    assert folder.checkpoints(moved) == Path("elsewhere")


def test_runs_get_names_of_their_own_and_are_listed_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime(2030, 1, 2, 3, 4, 5)
    names = []
    for age in (30, 20, 10):
        run = RunFolder(default_output_dir("configs/default.yaml", now))
        run.create()
        run.config.touch()
        stamp = time.time() - age
        os.utime(run.config, (stamp, stamp))
        names.append(run.path.name)
    assert names == [f"default-20300102-030405{end}" for end in ("", "-2", "-3")]
    assert [run.path.name for run in list_runs()] == names[::-1]
    assert list_runs("nowhere") == []
