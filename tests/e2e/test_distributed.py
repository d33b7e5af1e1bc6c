"""Two processes train the model that one process trains with the doubled batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.e2e.runs import (
    finish,
    last_checkpoint,
    learning_columns,
    shipped_run,
    tiny_run,
)
from tests.events import Record
from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder

Run = tuple[RunFolder, Config]
SHORT = ("training.max_steps=6", "training.warmup_steps=2")


@pytest.mark.parametrize(
    "supervision", ["averaged", pytest.param("per_step", marks=pytest.mark.slow)]
)
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path: Path, supervision: str) -> None:
    settings = {
        "supervision": supervision,
        "dtype": "float32",
        "max_steps": 4,
        "eval_interval": 100,
        "gradient_accumulation_steps": 2,
    }
    single = tiny_run(tmp_path / "one", batch_size=6, **settings)
    double = tiny_run(tmp_path / "two", batch_size=3, nproc_per_node=2, **settings)
    assert_equal_runs(single, double)


@pytest.mark.parametrize(
    "name", ["default.yaml", pytest.param("paper.yaml", marks=pytest.mark.slow)]
)
def test_it_holds_for_the_configurations_as_they_are_shipped(tmp_path: Path, name: str) -> None:
    """With everything that is drawn: hidden words, exchanged values, capitals, depth."""
    single = shipped_run(tmp_path / "one", name, *SHORT, "training.batch_size=64")
    double = shipped_run(
        tmp_path / "two", name, *SHORT, "training.batch_size=32", "training.nproc_per_node=2"
    )
    assert single[1].training.word_dropout and single[1].training.value_exchange
    assert_equal_runs(single, double)


def assert_equal_runs(single: Run, double: Run) -> None:
    alone, together = finish(*single), finish(*double)
    assert started(together)["world_size"] == 2
    expected = last_checkpoint(single[0])["model_state_dict"]
    for name, weight in last_checkpoint(double[0])["model_state_dict"].items():
        # Adam turns gradients of about 1e-8, its epsilon, into steps that depend on rounding.
        tolerance = 2e-4 if name.startswith("heads.choices.") else 2e-5
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=tolerance, msg=name)
    one, two = learning_columns(alone), learning_columns(together)
    for name in ("step", "epoch", "samples", "tokens"):
        assert two[name] == one[name], name
    assert flat(two["by_step"]) == pytest.approx(flat(one["by_step"]), rel=1e-4, abs=1e-4)
    for name in one.keys() - {"step", "epoch", "samples", "tokens", "by_step"}:
        assert two[name] == pytest.approx(one[name], rel=1e-4, abs=1e-4), name


def flat(rows: list[list[float]]) -> list[float]:
    return [value for row in rows for value in row]


def started(events: list[Record]) -> Record:
    return next(event for event in events if event["type"] == "run_started")
