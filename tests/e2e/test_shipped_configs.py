"""Every shipped configuration trains, and so does everything that they do, together and resumed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.e2e.runs import (
    LEARNT,
    assert_same,
    finish,
    kill_group,
    last_checkpoint,
    learning_columns,
    shipped_run,
    wait_for,
)
from tests.events import read_events
from tests.support import ROOT
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker

CONFIGURATIONS = sorted(path.name for path in (ROOT / "configs").glob("*.yaml"))
EVERYTHING = (
    "training.supervision=per_step",
    "training.halting=true",
    "training.deep_share=0.5",
    "training.schedule=linear",
    "training.gradient_accumulation_steps=2",
    "training.batch_size=16",
    "training.save_interval=2",
    "training.max_steps=6",
    "training.warmup_steps=2",
    "training.log_interval=2",
    "model.N_supervision=3",
    "model.next_call_weight=0.5",
)


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_it_trains_and_is_evaluated(tmp_path: Path, name: str) -> None:
    events = finish(*shipped_run(tmp_path / "run", name))
    columns = learning_columns(events)
    assert columns["step"] == list(range(1, 13))
    assert all(math.isfinite(loss) for loss in columns["total_loss"])
    [evaluation, *_] = [event["metrics"] for event in events if event["type"] == "eval"]
    assert math.isfinite(evaluation["loss"])


def test_two_processes_that_do_everything_resume_as_if_nothing_had_been(tmp_path: Path) -> None:
    both = (*EVERYTHING, "training.nproc_per_node=2")
    whole, config = shipped_run(tmp_path / "whole", "default.yaml", *both)
    told = finish(whole, config)

    run, config = shipped_run(tmp_path / "killed", "default.yaml", *both)
    worker = start_worker(run)
    wait_for(run, "checkpoint", worker, step=2, kind="step")
    kill_group(worker)
    events = finish(run, config, resume=True)

    resumed = [event["resumed_from"] for event in events if event["type"] == "run_started"]
    assert resumed in ([None, 2], [None, 4])
    assert learning_columns(events) == learning_columns(told)
    saved, expected = last_checkpoint(run), last_checkpoint(whole)
    for key in LEARNT:
        assert_same(saved[key], expected[key], key)
    assert evaluations(run) == evaluations(whole)


def evaluations(run: RunFolder) -> list[object]:
    """The last evaluation; those before a kill may be told twice."""
    told = [event for event in read_events(run.events) if event["type"] == "eval"]
    return [(event["step"], event["metrics"]) for event in told][-1:]
