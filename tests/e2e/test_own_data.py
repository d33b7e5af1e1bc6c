"""A run reads what it was started with, whatever becomes of its files; an error saves first."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.runs import (
    LEARNT,
    SECONDS,
    assert_same,
    finish,
    last_checkpoint,
    learning_columns,
    tiny_run,
    wait_for,
)
from tests.events import Record, read_events
from tests.forking import CODE
from tests.support import ROOT, dialogues, write_jsonl
from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker

SETTINGS: dict[str, Any] = {"max_steps": 10, "eval_interval": 4, "save_interval": 4}


def settings() -> dict[str, Any]:
    return {**SETTINGS, "value_exchange": 0.5}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run, config = tiny_run(tmp_path_factory.mktemp("whole") / "run", **settings())
    finish(run, config)
    return run


@pytest.fixture
def begun(tmp_path: Path) -> tuple[RunFolder, Config]:
    """A run that was killed after its first checkpoint."""
    run, config = tiny_run(tmp_path / "run", **settings())
    worker = start_worker(run)
    wait_for(run, "checkpoint", worker)
    worker.kill()
    worker.wait()
    return run, config


def edit(path: Path) -> None:
    path.write_text(path.read_text().replace("change_plan", "alter_plan"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:1000])


def grow(path: Path) -> None:
    write_jsonl(path, [*dialogues(16), *dialogues(40)[48:]])


def replace_by_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


CHANGES = [
    edit,
    Path.unlink,
    # The data that a run keeps are read in the same way whatever became of its file.
    *(pytest.param(each, marks=pytest.mark.slow) for each in (truncate, grow, replace_by_folder)),
]


def assert_is_the_whole(run: RunFolder, whole: RunFolder) -> None:
    for key in LEARNT:
        assert_same(last_checkpoint(run)[key], last_checkpoint(whole)[key], key)
    assert learning_columns(read_events(run.events)) == learning_columns(read_events(whole.events))
    assert run.validation.read_bytes() == whole.validation.read_bytes()


def failure(run: RunFolder) -> str:
    return str([e for e in read_events(run.events) if e["type"] == "failed"][-1]["message"])


def data_warnings(events: list[Record]) -> list[str]:
    told = [e["message"] for e in events if e["type"] == "log" and e["level"] == "warning"]
    return [message for message in told if "no longer holds" in message]


@pytest.mark.parametrize("change", [truncate, Path.unlink])
def test_data_that_changes_while_training_changes_nothing(
    change: Any, whole: RunFolder, tmp_path: Path
) -> None:
    run, config = tiny_run(tmp_path / "run", **settings())
    worker = start_worker(run)
    wait_for(run, "run_started", worker)
    change(Path(config.data.train_data))
    assert worker.wait(timeout=SECONDS) == 0, run.log.read_text()
    assert_is_the_whole(run, whole)


@pytest.mark.parametrize("change", CHANGES)
def test_a_resumed_run_goes_on_with_its_own_data_and_says_so(
    change: Any, begun: tuple[RunFolder, Config], whole: RunFolder
) -> None:
    run, config = begun
    change(Path(config.data.train_data))
    events = finish(run, config, resume=True)
    [warning] = data_warnings(events)
    assert warning.startswith(f"{config.data.train_data}: no longer holds the data that the run")
    assert_is_the_whole(run, whole)


def test_a_run_whose_data_are_nowhere_is_refused_and_goes_on_when_they_are_back(
    begun: tuple[RunFolder, Config], whole: RunFolder
) -> None:
    run, config = begun
    data = Path(config.data.train_data)
    kept, judged = data.read_bytes(), run.validation.read_bytes()
    grow(data)
    assert config.data.cache_dir
    shutil.rmtree(config.data.cache_dir)
    assert start_worker(run, resume=True).wait(timeout=SECONDS) == 2
    assert failure(run).startswith(f"{data}: no longer holds the data that the run began with, and")
    assert "put the file back as it was, or train a new run" in failure(run)
    assert run.validation.read_bytes() == judged
    moved = data.with_name("moved.jsonl")
    moved.write_bytes(kept)
    change_setting(run, "data", "train_data", str(moved))
    assert data_warnings(finish(run, config, resume=True)) == []
    assert_is_the_whole(run, whole)


def change_setting(run: RunFolder, section: str, key: str, value: Any) -> None:
    written = yaml.safe_load(run.config.read_text())
    written[section][key] = value
    run.config.write_text(yaml.safe_dump(written))


def test_a_setting_that_makes_another_run_is_refused_by_name(
    begun: tuple[RunFolder, Config], tmp_path: Path
) -> None:
    run, _ = begun
    kept = run.config.read_text()
    other = write_jsonl(tmp_path / "other.jsonl", dialogues(9))
    for section, key, value in (
        ("data", "val_split", 0.4),
        ("data", "max_length", 99),
        ("data", "on_error", "skip"),
        ("data", "lowercase", False),
        ("data", "train_data", str(other)),
        ("data", "train_data", "builtin:telecom"),
        ("data", "val_data", str(other)),
        ("data", "builtin_seed", 7),
        ("training", "seed", 5),
        ("training", "batch_size", 3),
        ("model", "slot_weight", 0.25),
    ):
        change_setting(run, section, key, value)
        assert start_worker(run, resume=True).wait(timeout=SECONDS) == 2
        assert f"{run.config}: {section}.{key} is {value!r}, but the run began with" in failure(run)
        run.config.write_text(kept)


# A worker in which the n-th call of a function of the training loop raises.
BROKEN = """
import sys
from trm_engine.training import loop, update
from trm_engine.worker.__main__ import main

folder, place, count, error = sys.argv[1:]
sys.argv[1:] = ["train", folder]
module = update if place == "mask_words" else loop
real, calls = getattr(module, place), []

def broken(*args, **options):
    calls.append(1)
    if len(calls) == int(count):
        raise {"OSError": OSError(5, "Input/output error"), "bug": KeyError("bug"),
               "KeyboardInterrupt": KeyboardInterrupt(), "memory": MemoryError()}[error]
    return real(*args, **options)

setattr(module, place, broken)
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("place", "count", "error", "step"),
    [
        ("mask_words", 7, "OSError", 6),
        pytest.param("mask_words", 7, "KeyboardInterrupt", 6, marks=pytest.mark.slow),
        pytest.param("mask_words", 2, "memory", 1, marks=pytest.mark.slow),
        ("evaluate_and_calibrate", 2, "bug", 8),
    ],
)
def test_an_error_in_training_saves_first(
    place: str, count: int, error: str, step: int, whole: RunFolder, tmp_path: Path
) -> None:
    run, config = tiny_run(tmp_path / "run", **settings())
    broken = subprocess.run([*CODE, BROKEN, str(run.path), place, str(count), error], cwd=ROOT)
    assert broken.returncode != 0
    assert run.state() == "failed"
    assert last_checkpoint(run)["global_step"] == step
    finish(run, config, resume=True)
    assert_is_the_whole(run, whole)
    evaluated = [
        json.dumps([[e["step"], e["metrics"]] for e in read_events(each.events) if "metrics" in e])
        for each in (run, whole)
    ]
    assert evaluated[0] == evaluated[1]
