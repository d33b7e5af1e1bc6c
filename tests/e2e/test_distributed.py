"""Two processes train the model that one process trains with the doubled batch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.e2e.runs import finish, last_checkpoint, learning_columns, tiny_run


@pytest.mark.parametrize(
    "supervision", ["averaged", pytest.param("per_step", marks=pytest.mark.slow)]
)
def test_two_processes_equal_one_with_the_doubled_batch(tmp_path: Path, supervision: str) -> None:
    settings = {
        "supervision": supervision,
        "dtype": "float32",
        "max_steps": 6,
        "eval_interval": 100,
        "gradient_accumulation_steps": 2,
    }
    single = tiny_run(tmp_path / "one", batch_size=6, **settings)
    double = tiny_run(tmp_path / "two", batch_size=3, nproc_per_node=2, **settings)
    alone, together = finish(*single), finish(*double)

    started = next(event for event in together if event["type"] == "run_started")
    assert started["world_size"] == 2
    expected = last_checkpoint(single[0])["model_state_dict"]
    for name, weight in last_checkpoint(double[0])["model_state_dict"].items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-5, msg=name)
    losses = learning_columns(together)["total_loss"]
    assert losses == pytest.approx(learning_columns(alone)["total_loss"], abs=1e-4)
