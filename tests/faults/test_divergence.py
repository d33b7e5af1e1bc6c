"""A training that diverges says so, keeps sound weights, and ends with a message."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from tests.e2e.runs import SECONDS, tiny_run
from tests.events import read_events, step_columns
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.runs.launch import start_worker

USER_ERROR = 2


@pytest.mark.parametrize(
    "supervision", ["averaged", pytest.param("per_step", marks=pytest.mark.slow)]
)
def test_a_learning_rate_that_is_far_too_high_ends_the_run_with_sound_weights(
    tmp_path: Path, supervision: str
) -> None:
    run, config = tiny_run(
        tmp_path / "run",
        learning_rate=1e12,
        warmup_steps=0,
        max_steps=400,
        save_interval=1,
        supervision=supervision,
    )
    assert start_worker(run).wait(timeout=SECONDS) == USER_ERROR
    events = read_events(run.events)
    alerts = [event["message"] for event in events if event["type"] == "log"]
    assert any("the gradient is not finite" in alert for alert in alerts)
    assert any("training went back to the weights of update" in alert for alert in alerts)
    [failure] = [event for event in events if event["type"] == "failed"]
    assert "training diverges" in failure["message"] and failure["user_error"]
    assert not all(map(math.isfinite, map(float, step_columns(events)["total_loss"])))
    saved = [load_checkpoint(path) for path in run.checkpoints(config).glob("*.pt")]
    assert saved
    for state in saved:
        for weights in (state["model_state_dict"], state["ema_state_dict"]["shadow"]):
            assert all(weight.isfinite().all() for weight in weights.values())
