"""Workers killed at any moment: resumed, the run is the one that nobody disturbed."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from tests.e2e.runs import last_checkpoint
from tests.events import read_events, step_columns
from tests.faults.workers import wait_for_later
from tests.forks import Fork, Forks
from tests.support import wait_until
from tests.torture import chance
from tests.torture.runs import (
    KILLS,
    VARIANTS,
    Undisturbed,
    assert_sound,
    assert_undisturbed,
    begin,
    damage,
    finish,
)
from trm_engine.runs.commands import send_command

Count = Callable[[str, int], None]
MOST_KILLS = 5
OBEYED_SECONDS = 60.0
"""A command is obeyed in far less; the machine may be slow."""


@pytest.mark.parametrize("case", chance.cases(0.16))
def test_a_killed_run(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path, record_property: Count
) -> None:
    rng = chance.rng_of("kills", case)
    variant = rng.choice(list(VARIANTS))
    reference = undisturbed[variant]
    run = undisturbed.new(tmp_path, variant, own_cache=rng.random() < 0.2)
    kills, hurt = 0, set[Path]()
    for _ in range(rng.randint(2, MOST_KILLS)):
        if run.state() == "finished":
            break
        kills += rng.choice(KILLS)(forks, run, rng, reference.seconds)
        assert_sound(run, but=hurt)
        if run.state() != "finished":
            hurt |= {*damage(run, rng)}
    record_property("kills", kills)
    if run.state() != "finished":
        finish(forks, run)
    assert_undisturbed(run, reference)


@pytest.mark.parametrize("case", chance.cases(0.06))
def test_a_run_in_a_storm_of_signals(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path, record_property: Count
) -> None:
    """SIGTERM, SIGINT and SIGHUP save and stop, however many come."""
    rng = chance.rng_of("storm", case)
    variant = rng.choice(list(VARIANTS))
    reference = undisturbed[variant]
    run = undisturbed.new(tmp_path, variant)
    for _ in range(rng.randint(1, 3)):
        last = read_events(run.events)[-1]["seq"] if run.events.exists() else -1
        worker = begin(forks, run)
        wait_for_later(run, rng.choice(("state", "run_started", "steps")), last)
        time.sleep(rng.uniform(0, reference.seconds / 2))
        storm(worker, rng)
        assert worker.wait() == 0, run.log.read_text()
        assert run.state() in ("stopped", "finished")
        steps = step_columns(read_events(run.events)).get("step", [])
        if steps:
            assert last_checkpoint(run)["global_step"] == steps[-1], "updates were lost"
        if run.state() == "finished":
            break
    record_property("storms", 1)
    if run.state() != "finished":
        finish(forks, run)
    assert_undisturbed(run, reference)


def storm(worker: Fork, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 6)):
        worker.send(rng.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
        time.sleep(rng.choice((0, 0, 0.01, 0.1)))


@pytest.mark.parametrize("case", chance.cases(0.03, least=0))
def test_a_run_that_is_told_many_things(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Pauses, saves and evaluations change nothing of what is learnt."""
    rng = chance.rng_of("commands", case)
    variant = rng.choice(list(VARIANTS))
    reference = undisturbed[variant]
    run = undisturbed.new(tmp_path, variant)
    worker = begin(forks, run)
    wait_for_later(run, "state", -1)
    for _ in range(rng.randint(1, 25)):
        send_command(run.commands, rng.choice(("pause", "resume", "save", "evaluate", "pause")))
        time.sleep(rng.choice((0, 0, 0.02, 0.1)))
    send_command(run.commands, "resume")
    assert worker.wait() == 0, run.log.read_text()
    assert_undisturbed(run, reference, story=False)
    assert (
        step_columns(read_events(run.events))["total_loss"]
        == (step_columns(reference.events)["total_loss"])
    )


@pytest.mark.parametrize("case", chance.cases(0.03))
def test_a_run_whose_clock_jumps(
    case: int,
    forks: Forks,
    undisturbed: Undisturbed,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """By hours, in the worker and in the viewer that tells it to stop."""
    rng = chance.rng_of("clock", case)
    reference = undisturbed["averaged"]
    run = undisturbed.new(tmp_path, "averaged")
    clock = {"seed": case, "every": rng.randint(1, 200), "hours": rng.choice((1, 24, 24 * 400))}
    worker = begin(forks, run, clock=clock)
    real, offset = time.time, rng.uniform(-1, 1) * clock["hours"] * 3600

    def tell(command: Literal["pause", "stop"]) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: real() + offset)
            send_command(run.commands, command)

    wait_for_later(run, "state", -1)
    time.sleep(rng.uniform(0, reference.seconds / 4))
    tell("pause")
    wait_until(lambda: worker.poll() is not None or run.state() == "paused", OBEYED_SECONDS)
    tell("stop")
    assert worker.wait(OBEYED_SECONDS) == 0, run.log.read_text()
    assert run.state() in ("stopped", "finished")
    if run.state() != "finished":
        finish(forks, run)
    assert_undisturbed(run, reference)
