"""Safeguard: gradients that are not finite change nothing, and are counted and reported."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.events import Record
from tests.trainers import tiny_config, trainer_of
from trm_engine.config import TrainingConfig
from trm_engine.errors import RunError
from trm_engine.models import EMA
from trm_engine.training.optim import build_optimizer
from trm_engine.training.safeguard import RETURNS_BEFORE_END, SKIPS_BEFORE_RETURN, Safeguard

Parts = tuple[nn.Linear, Any, EMA, Safeguard]


@pytest.fixture
def parts() -> Parts:
    torch.manual_seed(0)
    model = nn.Linear(3, 2)
    optimizer = build_optimizer(model, TrainingConfig(learning_rate=0.1))
    ema = EMA(model)
    return model, optimizer, ema, Safeguard(model, optimizer, ema)


def update(parts: Parts, gradient: float) -> None:
    """One update, as the trainer makes it."""
    model, optimizer, ema, safeguard = parts
    for weight in model.parameters():
        weight.grad = torch.full_like(weight, gradient)
    safeguard.admit(nn.utils.clip_grad_norm_(model.parameters(), 1.0))
    optimizer.step()
    ema.update()


def state(parts: Parts) -> list[torch.Tensor]:
    model, optimizer, _, _ = parts
    moments = [each for group in optimizer.state.values() for each in group.values()]
    return copy.deepcopy([*model.state_dict().values(), *moments])


@pytest.mark.parametrize("gradient", [float("nan"), float("inf"), float("-inf")])
def test_a_gradient_that_is_not_finite_changes_neither_weights_nor_moments(
    parts: Parts, gradient: float
) -> None:
    update(parts, 1.0)
    before = state(parts)
    update(parts, gradient)
    for one, other in zip(before, state(parts), strict=True):
        assert torch.equal(one, other)
    assert all(average.isfinite().all() for average in parts[2].shadow.values())
    assert parts[3].skipped == 1
    update(parts, 1.0)
    assert not torch.equal(before[0], parts[0].weight)
    assert parts[3].skipped == 1


def test_skipped_updates_are_reported_and_do_not_flood_the_log(parts: Parts) -> None:
    safeguard = parts[3]
    safeguard.remember(0)
    assert safeguard.review(1) == []
    reports = []
    for step in range(2, 202):
        update(parts, float("nan") if step % 2 else 1.0)
        reports += safeguard.review(step)
    assert "skipped up to update 3: 1;" in reports[0]
    assert safeguard.skipped == 100
    assert 5 < len(reports) < 10


def test_after_several_skips_in_a_row_training_goes_back_to_the_last_good_state(
    parts: Parts,
) -> None:
    model, optimizer, _, safeguard = parts
    update(parts, 1.0)
    safeguard.remember(1)
    good = state(parts)
    update(parts, 1.0)
    safeguard.remember(2)  # no finite gradient follows: not good
    for _ in range(SKIPS_BEFORE_RETURN):
        update(parts, float("nan"))
    safeguard.remember(12)
    optimizer.param_groups[0]["lr"] = 0.05
    *_, report = safeguard.review(12)
    assert report.endswith("training went back to the weights of update 1")
    for one, other in zip(good, state(parts), strict=True):
        assert torch.equal(one, other)
    assert optimizer.param_groups[0]["lr"] == 0.05
    update(parts, 1.0)
    assert not torch.equal(good[0], model.weight)


def test_a_run_that_always_diverges_ends_with_a_message(parts: Parts) -> None:
    safeguard = parts[3]
    safeguard.remember(0)
    returns = 0
    with pytest.raises(RunError, match=r"training diverges: .* lower training\.learning_rate"):
        for step in range(1, 1000):
            update(parts, 1.0)
            safeguard.remember(step)
            for _ in range(SKIPS_BEFORE_RETURN):
                update(parts, float("nan"))
            returns += any("went back" in report for report in safeguard.review(step))
            safeguard.remember(step)
    assert returns == RETURNS_BEFORE_END


def test_progress_between_returns_lets_a_run_go_on(parts: Parts) -> None:
    safeguard = parts[3]
    safeguard.remember(0)
    for step in range(4 * RETURNS_BEFORE_END):
        for _ in range(SKIPS_BEFORE_RETURN):
            update(parts, 1.0)
        for _ in range(SKIPS_BEFORE_RETURN):
            update(parts, float("nan"))
        assert "went back" in safeguard.review(step)[-1]
        safeguard.remember(step)


def test_counts_are_part_of_a_checkpoint(parts: Parts) -> None:
    update(parts, float("nan"))
    saved = parts[3].state_dict()
    other = Safeguard(*parts[:3])
    other.load_state_dict(saved)
    assert other.state_dict() == saved == {"skipped": 1, "in_a_row": 1}
    assert other.review(6) == []  # it was reported before


def test_skipped_updates_are_reported_at_the_end_of_a_run_too(tmp_path: Path) -> None:
    events: list[Record] = []
    trainer = trainer_of(tiny_config(tmp_path, max_steps=3, log_interval=1000), events)
    with torch.no_grad():
        next(trainer.model.parameters()).fill_(float("nan"))
    trainer.run()
    [alert] = [event["message"] for event in events if event.get("level") == "error"]
    assert "skipped up to update 3: 3;" in alert
    assert not any(event["best"] for event in events if event["type"] == "eval")
    assert not trainer.checkpoints.path("best").exists()
