"""Event files of TensorBoard, read by TensorBoard's own reader."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from tests.screens.fake_run import FakeRun
from trm_tui.cli import app


def trm(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_losses_metrics_and_configuration_are_there(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "first")
    run.begin()
    run.train(30)
    run.evaluate()
    run.end("finished")
    out = tmp_path / "tensorboard"
    result = trm("tensorboard", run.folder.path, "-o", out)
    assert result.exit_code == 0, result.output
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(out / "first")).Reload()
    losses = read.Scalars("train/total_loss")
    assert [each.step for each in losses] == list(range(1, 31))
    assert losses[3].value == pytest.approx(5.0)
    assert losses[3].wall_time - losses[1].wall_time == pytest.approx(1.0, abs=1e-3)
    assert [each.value for each in read.Scalars("val/exact_match")] == [pytest.approx(0.4)]
    assert b"hidden_size: 512" in read.Tensors("config")[0].tensor_proto.string_val[0]
    assert "val/arguments.accuracy" not in read.Tags()["scalars"]  # not known
    again = trm("tensorboard", run.folder.path, "-o", out)
    assert again.exit_code == 2 and "exists already" in again.stderr
