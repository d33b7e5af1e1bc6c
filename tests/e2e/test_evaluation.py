"""One evaluation, one set of figures: in training, by `trm-tui eval` and by `trm-tui inspect`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from tests.e2e.runs import finish, tiny_run
from tests.faults.command import trm
from trm_engine.inspection.evaluation import evaluate as inspect
from trm_engine.inspection.files import ModelFiles


class NoJob:
    """A question that nobody cancels and whose progress nobody sees."""

    def check(self) -> None:
        """Go on."""

    def progress(self, what: str, share: float, **more: Any) -> None:
        """Show nothing."""

    def part(self, **content: Any) -> None:
        """Show nothing."""


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_runs_last_evaluation_equals_that_of_its_checkpoint(
    tmp_path: Path, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To the last digit, whatever batches and number type the run trains with."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run, config = tiny_run(
        tmp_path / "run", dtype=dtype, batch_size=3, max_steps=12, word_dropout=0.1
    )
    told = [event for event in finish(run, config) if event["type"] == "eval"][-1]["metrics"]
    checkpoint = run.checkpoints(config) / "last.pt"

    printed = trm("eval", checkpoint, run.validation, "--json", cwd=tmp_path)
    assert printed.status == 0, printed.err
    assert json.loads(printed.out) == told

    seen = inspect(ModelFiles("cpu"), NoJob(), str(checkpoint))
    assert json.loads(json.dumps(to_builtins(seen.metrics))) == told
