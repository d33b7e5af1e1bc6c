"""Sweeps: plans, trials that are started, pruned, ended and resumed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.screens.fake_sweep import PLAN, FakeSweep
from trm_engine.config import Config
from trm_engine.errors import ConfigError, RunError
from trm_engine.sweeps.plan import read_plan


def states(session: Any) -> list[str]:
    return [trial.state for trial in session.trials]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "expected settings, and how often to vary them"),
        ("settings: {}", "there are no settings to vary"),
        ("settings: {training.lr: {choices: [1]}}", "unknown setting 'training.lr'"),
        ("settings: {training.seed: {low: 3, high: 1}}", "low 3 is above high 1"),
        ("settings: {training.seed: {low: 0, high: 1, log: true}}", "low must be above 0"),
        ("settings: {training.seed: {low: 0}}", "give low and high, or choices"),
        ("settings: {training.seed: {choices: [1], low: 0}}", "choices have no low"),
        ("settings: {training.seed: {choices: [1]}}\nmetric: luck", "metric"),
        ("settings: [", "line 2"),
    ],
)
def test_wrong_plans_are_told(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as told:
        read_plan(path)
    assert message.casefold() in str(told.value).casefold()
    assert str(path) in str(told.value)


def test_a_missing_plan_is_guessed(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text("settings: {training.seed: {choices: [1]}}")
    assert read_plan(tmp_path / "sweep.yaml").trials == 20
    with pytest.raises(ConfigError, match=r"did you mean 'sweep\.yaml'"):
        read_plan(tmp_path / "swep.yaml")


def test_trials_run_at_once_and_the_best_is_found(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    assert session.tick() == []
    assert states(session) == ["running", "running"]
    told = sweep.settings[0]
    assert any(each.startswith("training.learning_rate=") for each in told)
    assert "training.best_metric=exact_match" in told
    sweep.finish(0, quality=1)
    sweep.finish(1, quality=3)
    assert [trial.number for trial in session.tick()] == [0, 1]
    assert states(session) == ["finished", "finished", "running", "running"]
    assert session.best is session.trials[1]
    assert session.best is not None and session.best.value == pytest.approx(0.775)
    session.end()
    session.close(0.1)


def test_a_trial_below_the_median_is_pruned_unless_it_is_kept(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    session.tick()
    for number in (0, 1):
        sweep.train(number, quality=5)
        sweep.finish(number, quality=9)
    session.tick()
    session.promote(session.trials[3])
    for number in (2, 3):
        sweep.train(number, quality=0)
    session.tick()
    assert states(session)[2:] == ["pruning", "running"]
    assert sweep.runs[2].commands() == ["stop"] and sweep.runs[3].commands() == []
    sweep.runs[2].end("stopped")
    session.tick()
    assert states(session)[2:] == ["pruned", "running", "running"]
    session.close(0.1)
    assert states(sweep.session())[2] == "pruned"


def test_a_stopped_trial_counts_and_failures_are_told(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    sweep.refused = {2}
    session = sweep.session()
    session.tick()
    sweep.train(0, quality=1)
    session.tick()
    session.stop(session.trials[0])
    sweep.runs[0].end("stopped")
    sweep.runs[1].event("failed", message="out of memory", traceback="")
    sweep.runs[1].end("failed")
    session.tick()
    session.tick()
    assert states(session)[:3] == ["finished", "failed", "failed"]
    assert session.trials[0].value == pytest.approx(0.65)
    assert session.trials[1].note == "out of memory"
    assert session.trials[2].note == "these do not go together"
    session.close(0.1)


def test_a_killed_sweep_goes_on(tmp_path: Path) -> None:
    """Eight trials: the first process dies with two running, a second one ends all."""
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    session.tick()
    sweep.finish(0, quality=1)
    session.tick()
    params = [trial.params for trial in session.trials]
    assert states(session) == ["finished", "running", "running"]
    with pytest.raises(RunError, match="this sweep is running already"):
        sweep.session()
    session._lock.release()  # as a process that dies
    sweep.runs[1].end(None)
    sweep.finish(2, quality=2)  # it ended while nobody watched

    again = sweep.session()
    assert states(again) == ["finished", "waiting", "waiting"]
    assert [trial.progress for trial in again.trials] == [1.0, None, None]
    assert [trial.params for trial in again.trials] == params
    again.tick()
    again.tick()
    assert states(again)[:3] == ["finished", "running", "finished"]
    for _ in range(20):
        for trial in again.trials:
            if trial.state == "running":
                sweep.finish(trial.number, quality=3)
        again.tick()
    assert again.is_over and again.is_complete
    assert len(again.trials) == 8
    rates = [trial.params["training.learning_rate"] for trial in again.trials]
    assert len(set(rates)) == 8  # the sampler does not begin again
    assert set(again.importance) == set(PLAN.settings)
    assert sum(again.importance.values()) == pytest.approx(1.0)
    again.close(0.1)


def test_few_trials_say_nothing_about_settings(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep", PLAN.model_copy(update={"startup_trials": 3}))
    session = sweep.session()
    session.tick()
    sweep.finish(0, quality=1)
    sweep.finish(1, quality=2)
    session.tick()
    assert states(session)[:2] == ["finished", "finished"]
    assert session.importance == {}
    sweep.finish(2, quality=3)
    session.tick()
    assert session.importance
    session.close(0.1)


def test_leaving_keeps_the_running_trials_for_later(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    session.tick()
    session.end()
    assert sweep.runs[0].commands() == ["stop"]
    for run in sweep.runs.values():
        run.end("stopped")
    session.close(0.1)
    assert session.is_over and not session.is_complete
    assert states(sweep.session()) == ["waiting", "waiting"]


def test_a_promoted_configuration_can_be_trained(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    session.tick()
    out = session.promote(session.trials[0])
    config = Config.from_yaml(out)
    assert out.name == "promoted-0000.yaml"
    assert "output_dir" not in config.training.model_fields_set
    session.close(0.1)


def test_whole_numbers_stay_whole(tmp_path: Path) -> None:
    path = tmp_path / "sweep.yaml"
    path.write_text("settings: {training.batch_size: {low: 8, high: 64, step: 8}}")
    sweep = FakeSweep(tmp_path / "sweep", replace_trials(path))
    session = sweep.session()
    session.tick()
    value = session.trials[0].params["training.batch_size"]
    assert isinstance(value, int) and value % 8 == 0
    session.close(0.1)


def replace_trials(path: Path) -> Any:
    plan = read_plan(path)
    plan.trials = 1
    return plan
