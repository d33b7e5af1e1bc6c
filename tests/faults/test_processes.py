"""Processes that die, are told to, or come twice: what is trained is saved and can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.runs import SECONDS, kill_group, last_checkpoint, tiny_run, wait_for
from tests.events import read_events
from tests.faults.command import half_written, start
from tests.faults.workers import ENDLESS, Begin, wait_for_later
from tests.forking import CODE
from tests.support import ROOT, wait_until
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.runs.commands import send_command
from trm_engine.runs.events import last_state
from trm_engine.runs.folder import RunFolder

# A viewer that starts a tied worker, tells its process number and waits.
VIEWER = """
import sys, time
from pathlib import Path
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker
print(start_worker(RunFolder(Path(sys.argv[1]))).pid, flush=True)
time.sleep(600)
"""


@dataclass(frozen=True)
class Watched:
    """A run that trains, and the processes of its viewer and its worker."""

    run: RunFolder
    viewer: subprocess.Popen[str]
    worker: int

    def kill_viewer(self) -> None:
        self.viewer.kill()
        self.viewer.wait()

    def wait_for_the_end(self) -> str | None:
        """The state that the worker leaves."""
        wait_until(lambda: not self.run.is_live(), SECONDS)
        return self.run.state()


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    viewer = subprocess.Popen(
        [*CODE, VIEWER, str(run.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert viewer.stdout
    worker = int(viewer.stdout.readline())
    try:
        wait_for_later(run, "steps", after=-1)
        yield Watched(run, viewer, worker)
    finally:
        viewer.kill()
        viewer.communicate()
        with suppress(ProcessLookupError):
            os.killpg(worker, signal.SIGKILL)


def test_a_viewer_that_is_killed_stops_its_worker_which_saves(watched: Watched) -> None:
    watched.kill_viewer()
    assert watched.wait_for_the_end() == "stopped"
    assert last_checkpoint(watched.run)["global_step"] == last_step(watched.run)
    assert half_written(watched.run.path) == []


def test_a_detached_worker_goes_on_when_its_viewer_is_killed(watched: Watched) -> None:
    send_command(watched.run.commands, "detach")
    watched.kill_viewer()
    step = last_step(watched.run)
    wait_until(lambda: last_step(watched.run) > step + 50, SECONDS)
    assert watched.run.state() == "running"
    os.kill(watched.worker, signal.SIGTERM)
    assert watched.wait_for_the_end() == "stopped"


def test_a_worker_told_to_end_saves_first(tmp_path: Path, begin: Begin) -> None:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    worker = begin(run, tied=False)
    wait_for(run, "steps", worker)
    worker.terminate()
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert run.state() == "stopped"
    assert last_checkpoint(run)["global_step"] == last_step(run) > 0


def test_a_worker_told_to_end_before_it_trains(tmp_path: Path, begin: Begin) -> None:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    worker = begin(run, tied=False)
    wait_for(run, "state", worker, state="starting")
    worker.terminate()
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert run.state() == "stopped"


def test_a_worker_that_is_killed_is_lost_and_the_viewer_says_how_to_go_on(tmp_path: Path) -> None:
    _, config = tiny_run(tmp_path / "first", **ENDLESS)
    (tmp_path / "tiny.yaml").write_text(config.dump())
    viewer = start("train", "tiny.yaml", "--output-dir", "run", cwd=tmp_path)
    run = RunFolder(tmp_path / "run")
    pid = wait_for_later(run, "run_started", after=-1)["pid"]
    wait_for_later(run, "checkpoint", after=-1)
    os.killpg(pid, signal.SIGKILL)
    out, err = viewer.communicate(timeout=SECONDS)
    assert run.state() == "lost"
    assert viewer.returncode == 1
    assert "Traceback" not in out + err
    assert "The worker exited without reporting (killed by SIGKILL)." in err
    assert "Resume from the last checkpoint: trm-tui train --resume run" in out
    assert "run/worker.log is empty." in err
    for path in (run.path / "checkpoints").glob("*.pt"):
        load_checkpoint(path)

    resumed = start("train", "--resume", "run", cwd=tmp_path)
    started = wait_for_later(run, "run_started", read_events(run.events)[-1]["seq"])
    assert started["resumed_from"] > 0
    send_command(run.commands, "abort")
    assert resumed.wait(timeout=SECONDS) == 0


def test_a_second_worker_is_refused_and_the_first_is_unharmed(tmp_path: Path, begin: Begin) -> None:
    run, _ = tiny_run(tmp_path / "run", **ENDLESS)
    first = begin(run)
    wait_for(run, "steps", first)
    (run.path / "worker.lock").unlink()
    second = subprocess.run(
        [sys.executable, "-m", "trm_engine.worker", "train", str(run.path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert second.returncode == 2
    assert "Traceback" not in second.stdout + second.stderr
    assert f"{run.path}: a run is live in this folder" in second.stdout
    told = read_events(run.events)[-1]["seq"]
    wait_for_later(run, "steps", after=told)
    events = read_events(run.events)
    assert [event["seq"] for event in events] == list(range(len(events)))
    assert last_state(run.events) == "running"
    kill_group(first)
    assert run.state() == "lost"


def last_step(run: RunFolder) -> int:
    """The last update that the events tell of."""
    steps = [event for event in read_events(run.events) if event["type"] == "steps"]
    return int(steps[-1]["columns"]["step"][-1])
