"""A run that is killed while it saves, and resumed, tells the story of one that was not."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.runs import SECONDS, finish, learning_columns, tiny_run
from tests.events import Record, last_kept
from tests.faults.command import half_written
from tests.forking import CODE
from tests.support import ROOT
from trm_engine.runs.folder import RunFolder

# A worker that kills itself when it saves: before or after the file is put into its place.
KILLED = """
import os, signal, sys
from trm_engine.training import checkpoint_store
from trm_engine.worker.__main__ import main

folder, name, when = sys.argv[1:]
sys.argv[1:] = ["train", folder]
save = checkpoint_store.save_atomically

def saved(state, path):
    if path.name == name and when == "before":
        os.kill(os.getpid(), signal.SIGKILL)
    size = save(state, path)
    if path.name == name:
        os.kill(os.getpid(), signal.SIGKILL)
    return size

checkpoint_store.save_atomically = saved
main()
"""

SETTINGS: dict[str, Any] = {
    "max_steps": 26,  # two epochs
    "log_interval": 7,
    "eval_interval": 10,
    "save_interval": 5,
}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunFolder, list[Record]]:
    run, config = tiny_run(tmp_path_factory.mktemp("whole") / "run", **SETTINGS)
    return run, finish(run, config)


def story(events: list[Record]) -> dict[str, Any]:
    """All that must not depend on kills: updates, evaluations and checkpoints that count."""
    evaluations: list[Any] = []
    saved: list[Any] = []
    for event in events:
        if event["type"] == "run_started":
            last = last_kept(event)
            evaluations = [each for each in evaluations if each[0] <= last]
            saved = [each for each in saved if each[0] <= last]
        elif event["type"] == "eval":
            told = ("step", "epoch", "best", "metrics")
            evaluations.append(tuple(event[key] for key in told))
        elif event["type"] == "checkpoint":
            saved.append((event["step"], event["epoch"], event["kind"], Path(event["path"]).name))
    once = list(dict.fromkeys(saved))  # the last of all is saved again
    return {"steps": learning_columns(events), "evaluations": evaluations, "saved": once}


def checkpoints(run: RunFolder) -> set[str]:
    return {path.name for path in run.path.rglob("*.pt")}


@pytest.mark.parametrize(
    ("name", "when"),
    [
        ("best.pt", "after"),
        ("step_10.pt", "before"),
        pytest.param("epoch_0.pt", "after", marks=pytest.mark.slow),
        pytest.param("last.pt", "after", marks=pytest.mark.slow),
        pytest.param("best.pt", "before", marks=pytest.mark.slow),
        pytest.param("step_5.pt", "after", marks=pytest.mark.slow),
        pytest.param("epoch_0.pt", "before", marks=pytest.mark.slow),
        pytest.param("epoch_1.pt", "before", marks=pytest.mark.slow),
        pytest.param("last.pt", "before", marks=pytest.mark.slow),
        pytest.param("model.pt", "before", marks=pytest.mark.slow),
    ],
)
def test_a_kill_at_a_save_loses_no_event(
    name: str, when: str, undisturbed: tuple[RunFolder, list[Record]], tmp_path: Path
) -> None:
    run, config = tiny_run(tmp_path / "run", **SETTINGS)
    killed = subprocess.run([*CODE, KILLED, str(run.path), name, when], cwd=ROOT, timeout=SECONDS)
    assert killed.returncode == -9

    can_resume = any((run.path / "checkpoints").glob("*.pt"))
    events = finish(run, config, resume=can_resume)

    expected_run, expected = undisturbed
    assert story(events) == story(expected)
    assert checkpoints(run) == checkpoints(expected_run)
    assert half_written(run.path) == []
