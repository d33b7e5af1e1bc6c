"""A full disk: training pauses and says so, what was saved stays whole, room lets it go on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import SECONDS, tiny_run, wait_for
from tests.events import read_events, step_columns
from tests.faults.command import half_written, refused
from tests.faults.workers import ENDLESS, Begin, wait_for_later, wait_for_state
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.runs.commands import send_command
from trm_engine.runs.folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit or tmpfs")

ROOM_FOR_EVENTS_ONLY = 200_000


@pytest.fixture
def limited() -> Iterator[Any]:
    """A function that limits how long a file of a running process can get, as a full disk would."""
    import resource

    def limit(worker: subprocess.Popen[bytes], size: int = resource.RLIM_INFINITY) -> None:
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    yield limit


def test_training_pauses_until_there_is_room(tmp_path: Path, begin: Begin, limited: Any) -> None:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    worker = begin(run)
    wait_for(run, "checkpoint", worker)

    limited(worker, run.events.stat().st_size)
    told = len(read_events(run.events))
    time.sleep(1.0)
    assert worker.poll() is None, run.log.read_text()
    assert len(read_events(run.events)) == told

    limited(worker, ROOM_FOR_EVENTS_ONLY)
    paused = wait_for_state(run, "paused", after=told)
    assert str(run.path / "checkpoints") in paused["reason"]
    assert ".pt cannot be written: File too large" in paused["reason"]
    steps = step_columns(read_events(run.events))["step"]
    assert steps == list(range(1, len(steps) + 1))
    assert all_whole(run)

    limited(worker)
    send_command(run.commands, "resume")
    running = wait_for_state(run, "running", after=paused["seq"])
    wait_for_later(run, "checkpoint", after=running["seq"])

    limited(worker, ROOM_FOR_EVENTS_ONLY)
    wait_for_state(run, "paused", after=running["seq"])
    send_command(run.commands, "abort")
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert run.state() == "stopped"
    assert "Traceback" not in run.log.read_text()
    assert all_whole(run)
    events = read_events(run.events)
    assert [event["seq"] for event in events] == list(range(len(events)))


def test_stopping_on_a_full_disk_fails_and_keeps_what_was_saved(
    tmp_path: Path, begin: Begin, limited: Any
) -> None:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    worker = begin(run)
    wait_for(run, "checkpoint", worker)
    limited(worker, ROOM_FOR_EVENTS_ONLY)
    wait_for_state(run, "paused")
    send_command(run.commands, "stop")
    assert worker.wait(timeout=SECONDS) == 2
    assert run.state() == "failed"
    failed = wait_for_state(run, "failed")
    assert ".pt" in failed["reason"] and "File too large" in failed["reason"]
    assert all_whole(run)


def test_a_command_that_finds_no_room_leaves_nothing_half_written(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "a.yaml").write_text("training: {num_epochs: 1}\n")
    make = ["data", "make", "a.jsonl", "--conversations", 9]
    said = refused(*make, cwd=tmp_path, longest_file=20_000)
    assert said == "error: a.jsonl: cannot be written: File too large\n"
    train = ["train", "a.yaml", "--output-dir", "run"]
    said = refused(*train, cwd=tmp_path, longest_file=10)
    assert said == "error: run/config.yaml: cannot be written: File too large\n"


def test_a_worker_whose_log_cannot_be_written_ends_with_the_status_of_its_error(
    tmp_path: Path,
) -> None:
    run, config = tiny_run(tmp_path / "run")
    Path(config.data.train_data).unlink()
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "trm_engine.worker", "train", str(run.path)]
        assert subprocess.run(command, stdout=full, stderr=full, timeout=SECONDS).returncode == 2
    assert run.state() == "failed"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for less than two checkpoints."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", "size=400k", "tmpfs", str(place)]
    mounted = subprocess.run(["mount", *options], capture_output=True) if is_root() else None
    if not mounted or mounted.returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_training_on_a_disk_that_fills_up(small_disk: Path, begin: Begin) -> None:
    run, _ = tiny_run(small_disk.parent / "run", **ENDLESS, checkpoint_dir=str(small_disk))
    worker = begin(run)
    paused = wait_for_state(run, "paused")
    assert f"{small_disk}/" in paused["reason"]
    assert "cannot be written: No space left on device" in paused["reason"]
    saved = sorted(path for path in small_disk.iterdir() if path.name != "worker.lock")
    assert saved
    for path in saved:
        assert path.suffix == ".pt" and path.name[0] != "."
        load_checkpoint(path)
    send_command(run.commands, "abort")
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert run.state() == "stopped"


def is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def all_whole(run: RunFolder) -> bool:
    """Whether every checkpoint can be read, at least one, and nothing unfinished is beside."""
    saved = list((run.path / "checkpoints").glob("*.pt"))
    for path in saved:
        load_checkpoint(path)
    return bool(saved) and half_written(run.path) == []
