"""``train``: it prepares a run, tells what it is, and goes on with what another one saved."""

from __future__ import annotations

import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.e2e.runs import LEARNT, assert_same, last_checkpoint
from tests.events import Record
from tests.support import dialogues, write_jsonl
from tests.trainers import NoCommands, Told, tiny_config
from trm_engine.config import Config
from trm_engine.errors import Abort, CheckpointError, LostProcess, RunError, UserError
from trm_engine.runs.folder import RunFolder
from trm_engine.worker import train as module
from trm_engine.worker.place import Place
from trm_engine.worker.train import train

SETTINGS: dict[str, Any] = {"max_steps": 6, "eval_interval": 3, "save_interval": 2, "batch_size": 8}


class Saying(NoCommands):
    """Gives one command, once, when it is asked for the n-th time."""

    def __init__(self, command: str, after: int) -> None:
        self._command, self._left = command, after

    def __call__(self) -> list[str]:
        self._left -= 1
        return [self._command] if self._left == 0 else []


class Impatient(NoCommands):
    """Wants to stop while the data are read."""

    def wants(self, *wanted: str) -> bool:
        return True


def new_run(place: Path, **training: Any) -> RunFolder:
    """A run that nobody has begun."""
    run = RunFolder(place / "run")
    run.create()
    config = tiny_config(place, **{**SETTINGS, "output_dir": str(run.path), **training})
    config.training.checkpoint_dir = str(run.path / "checkpoints")
    config.to_yaml(run.config)
    return run


def trained(
    run: RunFolder, resume: bool = False, control: Any = None, place: Place | None = None
) -> tuple[str, list[Record]]:
    """The state that the run ends in, and its events."""
    events: list[Record] = []
    state = train(run, resume, Told(events), control or NoCommands(), place or Place())
    return state, events


def of_kind(events: list[Record], kind: str) -> list[Record]:
    return [event for event in events if event["type"] == kind]


def test_a_run_says_what_it_is_before_it_trains(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    state, events = trained(run)
    assert state == "finished"
    kinds = [event["type"] for event in events if event["type"] not in ("progress", "log")]
    assert kinds[0] == "run_started"
    [started] = of_kind(events, "run_started")
    assert started["config"] == Config.from_yaml(run.config).to_dict()
    assert (started["total_steps"], started["resumed_from"], started["world_size"]) == (6, None, 1)
    assert started["data"]["train"]["samples"] + started["data"]["val"]["samples"] == 18
    assert started["data"]["val"]["path"] == str(run.validation.absolute())
    assert started["parameters"]["total"] > 0
    assert started["versions"]["torch"] == torch.__version__
    assert last_checkpoint(run)["tokenizer"] == run.tokenizer.read_bytes()


def test_its_configuration_is_completed_and_written_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    config = Config.from_yaml(run.config)
    run.config.write_text(config.dump().replace(f"  seed: {config.training.seed}\n", ""))
    trained(run)
    assert run.config.read_text() == Config.from_yaml(run.config).dump()
    written = run.config.stat().st_mtime_ns
    trained(run, resume=True)
    assert run.config.stat().st_mtime_ns == written


def test_a_resumed_run_ends_as_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole, halves = new_run(tmp_path / "whole"), new_run(tmp_path / "halves")
    trained(whole)
    state, _ = trained(halves, control=Saying("stop", after=4))
    assert state == "stopped"
    stopped_at = last_checkpoint(halves)["global_step"]
    assert 0 < stopped_at < 6
    state, events = trained(halves, resume=True)
    assert state == "finished"
    assert of_kind(events, "run_started")[0]["resumed_from"] == stopped_at
    for key in LEARNT:
        assert_same(last_checkpoint(halves)[key], last_checkpoint(whole)[key], key)


def test_a_run_without_a_checkpoint_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
        trained(new_run(tmp_path), resume=True)


def test_checkpoints_of_another_run_are_refused_before_data_are_read(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    trained(run)
    events: list[Record] = []
    with pytest.raises(RunError, match="contains the checkpoints of another run"):
        train(run, False, Told(events), NoCommands(), Place())
    assert events == []


def test_another_setting_is_refused_by_name(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    trained(run)
    config = Config.from_yaml(run.config)
    config.training.seed = 5
    config.to_yaml(run.config)
    with pytest.raises(UserError, match=r"training\.seed is 5, but the run began with 0"):
        trained(run, resume=True)


def test_a_stop_is_obeyed_while_data_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PROGRESS_SECONDS", 0.0)
    run = new_run(tmp_path)
    with pytest.raises(Abort):
        trained(run, control=Impatient())
    assert not run.tokenizer.exists()


def test_what_the_engine_notes_comes_into_the_log(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    config = Config.from_yaml(run.config)
    write_jsonl(Path(config.data.train_data), [*dialogues(6), b"{}"])
    config.data.on_error = "skip"
    config.to_yaml(run.config)
    _, events = trained(run)
    warnings = [event["message"] for event in of_kind(events, "log") if event["level"] == "warning"]
    assert any("line 19" in message for message in warnings), warnings


def test_the_main_process_hands_its_configuration_to_the_others(tmp_path: Path) -> None:
    """They read no file: it may change between two readings."""
    run = new_run(tmp_path)
    ours, theirs = socket.socketpair()
    heard: list[Config] = []

    def follow() -> None:
        heard.append(module._configuration(RunFolder(tmp_path / "none"), Place(1, 2, 1, (theirs,))))

    follower = threading.Thread(target=follow)
    follower.start()
    told = module._configuration(run, Place(0, 2, 0, (ours,)))
    follower.join(timeout=60)
    assert heard == [told]
    ours.close()
    with pytest.raises(LostProcess):
        module._configuration(run, Place(1, 2, 1, (theirs,)))
    theirs.close()


@pytest.mark.parametrize(
    ("configured", "environment", "processes", "threads"),
    [(3, None, 2, 3), (3, "2", 1, 3), (None, "2", 4, 8), (None, None, 4, 2), (None, None, 99, 1)],
)
def test_processes_share_the_threads_that_there_are(
    configured: int | None,
    environment: str | None,
    processes: int,
    threads: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if environment:
        monkeypatch.setenv("OMP_NUM_THREADS", environment)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    config = Config.model_validate(
        {"training": {"num_threads": configured, "nproc_per_node": processes}}
    )
    assert module._threads(config, Place()) == threads


def test_a_stage_tells_its_time_left_by_its_speed_so_far() -> None:
    stage = module._Stage("tokenising", 0.2, 100.0)
    assert stage.seconds_left(0.2, 100.5) is None  # its first moments
    assert stage.seconds_left(0.2, 200.0) is None  # nothing done
    assert stage.seconds_left(0.4, 110.0) == 30.0
    assert stage.seconds_left(1.0, 110.0) == 0.0
