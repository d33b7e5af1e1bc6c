"""However screen or worker end: the terminal is given back, and nothing trained is lost."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.runs import SECONDS, last_checkpoint
from tests.e2e.terminal import Terminal
from tests.e2e.viewers import (
    kill_worker,
    open_screen,
    tiny_config,
    wait_for_more_steps,
    worker_of,
)
from tests.events import read_events, step_columns
from tests.faults.command import half_written
from tests.faults.workers import ENDLESS, wait_for_later
from tests.support import ROOT, wait_until
from trm_engine.runs.folder import RunFolder

CHART = re.compile("╭─ Loss .*┤.*[\u2801-\u28ff]", re.DOTALL)

# A worker whose evaluation has a bug; Python imports this file by itself.
BROKEN = """
import sys
if "trm_engine.worker" in sys.orig_argv:
    import trm_engine.training.evaluate as module
    def evaluate(*arguments, **options):
        raise RuntimeError("the scale is broken")
    module.evaluate_and_calibrate = evaluate
"""

UNTIDY = """
import sys, termios
print("\\x1b[?1049h\\x1b[?1000h\\x1b[?25l\\x1b[>1u", end="", flush=True)
settings = termios.tcgetattr(0)
settings[3] &= ~termios.ECHO
termios.tcsetattr(0, termios.TCSANOW, settings)
"""


@dataclass(frozen=True)
class Training:
    """A run that trains without end under its screen."""

    run: RunFolder
    screen: Terminal

    def wait_for_the_end(self) -> str | None:
        """The state that the worker leaves."""
        wait_until(lambda: not self.run.is_live(), SECONDS)
        return self.run.state()

    def assert_saved(self) -> None:
        """Nothing that was learnt is lost."""
        steps = step_columns(read_events(self.run.events))["step"]
        assert last_checkpoint(self.run)["global_step"] == steps[-1]
        assert half_written(self.run.path) == []


@contextmanager
def train(place: Path, worker_code: str = "") -> Iterator[Training]:
    """A training under its screen; its worker begins with ``worker_code``."""
    python_path = place / "first" if worker_code else ROOT
    if worker_code:
        python_path.mkdir()
        (python_path / "sitecustomize.py").write_text(worker_code)
    config = tiny_config(place, **ENDLESS)
    run = RunFolder(place / "run")
    arguments = ["train", config, "--output-dir", "run"]
    with open_screen(*arguments, cwd=place, python_path=python_path) as screen:
        try:
            yield Training(run, screen)
        finally:
            kill_worker(run)


@pytest.fixture
def training(tmp_path: Path) -> Iterator[Training]:
    with train(tmp_path) as training:
        wait_for_more_steps(training.screen)
        yield training


def test_every_way_to_leave_asks_and_gives_the_terminal_back(training: Training) -> None:
    screen = training.screen
    for key in ("q", "ctrl+q", "ctrl+c"):
        screen.press(key)
        screen.wait_for("Leave the training?")
        screen.press("escape")
        screen.wait_until_gone("Leave the training?")
    wait_for_more_steps(screen)
    screen.press("ctrl+c")
    screen.wait_for("Leave the training?")
    screen.press("s")
    assert screen.wait_exit() == 0
    assert screen.left_behind() == []
    assert "trm-tui train --resume run" in screen.printed()
    assert training.run.state() == "stopped"
    training.assert_saved()


def test_a_screen_that_is_told_to_end(training: Training) -> None:
    screen = training.screen
    screen.process.terminate()
    assert screen.wait_exit() == 130
    assert screen.left_behind() == []
    assert "trm-tui train --resume run" in screen.printed()
    assert "Traceback" not in screen.printed()
    assert training.wait_for_the_end() == "stopped"
    training.assert_saved()


def test_a_screen_whose_terminal_goes_away(training: Training) -> None:
    training.screen.hang_up()
    training.screen.process.wait(timeout=30)
    assert training.wait_for_the_end() == "stopped"
    training.assert_saved()


def test_a_screen_that_is_killed(training: Training) -> None:
    training.screen.process.kill()
    assert training.wait_for_the_end() == "stopped"
    training.assert_saved()


def test_a_worker_that_is_killed(training: Training) -> None:
    run, screen = training.run, training.screen
    wait_for_later(run, "checkpoint", -1)
    os.killpg(worker_of(run), signal.SIGKILL)
    screen.wait_for("The worker exited without reporting")
    assert_failed(screen, "✗ lost")
    printed = screen.printed()
    assert "The worker exited without reporting (killed by SIGKILL)." in printed
    assert "Resume from the last checkpoint: trm-tui train --resume run" in printed
    assert "run/worker.log" in printed


def test_a_worker_that_fails(tmp_path: Path) -> None:
    with train(tmp_path, BROKEN) as training:
        screen = training.screen
        for told in ("RuntimeError: the scale is broken", "sitecustomize.py", "run/worker.log"):
            screen.wait_for(told)
        assert_failed(screen, "✗ failed")
        assert "The run failed: RuntimeError: the scale is broken" in screen.printed()
        assert "run/worker.log" in screen.printed()


def assert_failed(screen: Terminal, state: str) -> None:
    """The failure was shown; beneath it are the charts, and leaving tells of it."""
    screen.wait_for("The training failed")
    screen.press("enter")
    screen.wait_until_gone("The training failed")
    screen.wait_for(state)
    screen.wait_for(CHART)
    screen.press("q")
    assert screen.wait_exit() == 1
    assert screen.left_behind() == []


def test_what_is_left_behind_is_noticed() -> None:
    with Terminal([sys.executable, "-c", UNTIDY]) as terminal:
        assert terminal.wait_exit() == 0
        left = terminal.left_behind()
    assert [line.split(" is ")[0] for line in left[:3]] == [
        "private mode 1000",
        "private mode 1049",
        "private mode 25",
    ]
    assert len(left) == 5
