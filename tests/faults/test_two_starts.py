"""Two starts in one folder, and a resumed run whose number of processes changed."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.e2e.runs import SECONDS, finish, tiny_run, wait_for
from tests.e2e.viewers import tiny_config
from tests.events import read_events
from tests.faults.command import start
from tests.faults.workers import ENDLESS, Begin
from trm_engine.errors import RunError
from trm_engine.runs.folder import claim, hand_over
from trm_engine.runs.launch import start_worker


def test_of_two_starts_in_one_folder_one_trains_with_its_own_configuration(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, max_steps=2, eval_interval=100)
    starts = [
        start("train", config, "--output-dir", "run", "--seed", seed, "--plain", cwd=tmp_path)
        for seed in (1, 2, 3)
    ]
    ended = [each.communicate(timeout=SECONDS) for each in starts]
    statuses = [each.returncode for each in starts]
    assert sorted(statuses) == [0, 2, 2], ended
    winner = statuses.index(0) + 1
    written = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())
    assert written["training"]["seed"] == winner
    started = [e for e in read_events(tmp_path / "run" / "events.jsonl") if "seed" in e]
    assert [event["seed"] for event in started] == [winner]
    assert all("Traceback" not in out + err for out, err in ended)


def test_a_claim_that_is_handed_over_holds_until_the_worker_ends(
    tmp_path: Path, begin: Begin
) -> None:
    run, _ = tiny_run(tmp_path / "run", max_steps=2, eval_interval=100)
    lock = hand_over(run)
    assert run.is_live()
    with pytest.raises(RunError, match="a run is live in this folder"):
        hand_over(run)
    worker = begin(run, lock=lock)
    os.kill(worker.pid, signal.SIGSTOP)  # it would end while its claim is waited for
    assert run.is_live()
    with pytest.raises(RunError, match="a run is live in this folder"):
        claim(run)
    os.kill(worker.pid, signal.SIGCONT)
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert not run.is_live()
    os.close(hand_over(run))


def test_another_number_of_processes_on_resume_is_refused(tmp_path: Path) -> None:
    run, config = tiny_run(tmp_path / "run", max_steps=2, eval_interval=100)
    finish(run, config)
    config = config.model_copy(deep=True)
    config.training.nproc_per_node = 2
    config.to_yaml(run.config)
    worker: subprocess.Popen[bytes] = start_worker(run, resume=True)
    assert worker.wait(timeout=SECONDS) == 2, run.log.read_text()
    failed = [event for event in read_events(run.events) if event["type"] == "failed"]
    assert "resume with training.nproc_per_node=1" in failed[0]["message"]


def test_two_runs_do_not_share_a_folder_of_checkpoints(tmp_path: Path, begin: Begin) -> None:
    shared = {"checkpoint_dir": str(tmp_path / "shared")}
    first = tiny_run(tmp_path / "first", **{**ENDLESS, **shared})
    worker = begin(first[0])
    wait_for(first[0], "state", worker, state="running")  # the lock's file exists before it is held
    inside = {"checkpoint_dir": str(tmp_path / "first" / "checkpoints")}
    for name, settings, problem in (
        ("second", shared, "another run is saving here"),
        ("third", inside, "belongs to another run"),
    ):
        run, _ = tiny_run(tmp_path / name, max_steps=2, **settings)
        assert begin(run).wait(timeout=SECONDS) == 2
        failed = [event for event in read_events(run.events) if event["type"] == "failed"]
        assert f"{problem}; choose another --checkpoint-dir" in failed[0]["message"]
