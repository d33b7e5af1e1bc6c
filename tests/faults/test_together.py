"""Several processes that train one model: one dies, all end; stray variables change nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.runs import SECONDS, finish, last_checkpoint, tiny_run, wait_for
from tests.events import read_events
from tests.faults.test_processes import last_step
from tests.faults.workers import ENDLESS, Begin, Worker
from tests.support import wait_until
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import WORKER

TORCHRUN = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "TORCHELASTIC_RUN_ID": "none"}


def train_on_two(tmp_path: Path, begin: Begin, tied: bool = True) -> tuple[RunFolder, Worker]:
    """A training without end on two processes that has begun."""
    run, _ = tiny_run(tmp_path / "run", nproc_per_node=2, **ENDLESS)
    worker = begin(run, tied=tied)
    wait_for(run, "steps", worker)
    return run, worker


def test_when_one_process_is_killed_all_end_and_say_so(tmp_path: Path, begin: Begin) -> None:
    run, worker = train_on_two(tmp_path, begin)
    [other] = psutil.Process(worker.pid).children()
    other.kill()
    assert worker.wait(timeout=SECONDS) == 1, run.log.read_text()
    assert run.state() == "failed"
    told = [event["message"] for event in read_events(run.events) if event["type"] == "failed"]
    assert "another process of this training has ended" in told[0]


def test_when_the_main_process_is_killed_all_end(tmp_path: Path, begin: Begin) -> None:
    run, worker = train_on_two(tmp_path, begin)
    [other] = psutil.Process(worker.pid).children()
    os.kill(worker.pid, signal.SIGKILL)
    wait_until(lambda: not other.is_running() or other.status() == psutil.STATUS_ZOMBIE, SECONDS)
    assert run.state() == "lost"


def test_a_signal_to_all_saves_and_ends_all(tmp_path: Path, begin: Begin) -> None:
    run, worker = train_on_two(tmp_path, begin, tied=False)
    [other] = psutil.Process(worker.pid).children()
    os.killpg(worker.pid, signal.SIGTERM)
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert run.state() == "stopped"
    assert last_checkpoint(run)["global_step"] == last_step(run) > 0
    assert not other.is_running()


def test_variables_of_torchrun_that_are_there_by_chance_change_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in TORCHRUN.items():
        monkeypatch.setenv(name, value)
    run, config = tiny_run(tmp_path / "run", max_steps=2, eval_interval=100)
    events = finish(run, config)
    started = next(event for event in events if event["type"] == "run_started")
    assert started["world_size"] == 1
    assert run.state() == "finished"


def test_torchrun_is_asked_for_by_name(tmp_path: Path) -> None:
    for variables, flags, message in (
        (TORCHRUN, [], "add --torchrun after `train`"),
        ({}, ["--torchrun"], "--torchrun: torchrun did not start this process"),
    ):
        ended = subprocess.run(
            [*WORKER, "train", str(tmp_path), *flags],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert ended.returncode == 2
        assert message in ended.stdout
        assert "Traceback" not in ended.stdout + ended.stderr


@pytest.mark.slow
def test_processes_that_torchrun_starts_train_together(tmp_path: Path) -> None:
    run, _ = tiny_run(tmp_path / "run", max_steps=3, eval_interval=100)
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "--no-python"]
    subprocess.run(
        [sys.executable, *torchrun, *WORKER, "train", str(run.path), "--torchrun"],
        check=True,
        timeout=SECONDS,
    )
    started = next(event for event in read_events(run.events) if event["type"] == "run_started")
    assert started["world_size"] == 2
    assert run.state() == "finished"
