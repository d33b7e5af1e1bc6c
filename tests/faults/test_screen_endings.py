"""However screen or worker end: the terminal is given back, and nothing trained is lost."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
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
from tests.faults.command import half_written
from tests.faults.workers import ENDLESS, wait_for_later
from tests.support import wait_until
from trm_engine.runs.events import read_events, step_columns
from trm_engine.runs.folder import RunFolder

# A worker whose evaluation has a bug; Python imports this file by itself.
BROKEN = """
import sys
if "trm_engine.worker" in sys.orig_argv:
    import trm_engine.training.evaluate as module
    def evaluate(*arguments, **options):
        raise RuntimeError("the scale is broken")
    module.evaluate = evaluate
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


@pytest.fixture
def training(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Training]:
    """``training``; a parameter is Python code for the worker to begin with."""
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "sitecustomize.py").write_text(getattr(request, "param", ""))
    config = tiny_config(tmp_path, **ENDLESS)
    run = RunFolder(tmp_path / "run")
    with open_screen(
        "train", config, "--output-dir", "run", cwd=tmp_path, python_path=tmp_path / "first"
    ) as screen:
        try:
            wait_for_more_steps(screen)
            yield Training(run, screen)
        finally:
            kill_worker(run)


@pytest.mark.parametrize("key", ["q", "ctrl+q", "ctrl+c"])
def test_every_way_to_leave_asks_and_gives_the_terminal_back(training: Training, key: str) -> None:
    screen = training.screen
    screen.press(key)
    screen.wait_for("Leave the training?")
    screen.press("escape")
    screen.wait_until_gone("Leave the training?")
    screen.press(key)
    screen.wait_for("Leave the training?")
    screen.press("s")
    assert screen.wait_exit() == 0
    assert screen.left_behind() == []
    assert "trm-tui train --resume run" in screen.printed()
    assert training.run.state() == "stopped"
    training.assert_saved()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_viewer_told_to_end(training: Training, number: signal.Signals) -> None:
    screen = training.screen
    screen.process.send_signal(number)
    assert screen.wait_exit() not in (0, 1)
    assert screen.left_behind() == []
    assert "trm-tui train --resume run" in screen.printed()
    assert "Traceback" not in screen.printed()
    assert training.wait_for_the_end() == "stopped"
    training.assert_saved()


def test_a_viewer_that_is_killed(training: Training) -> None:
    training.screen.process.kill()
    assert training.wait_for_the_end() == "stopped"
    training.assert_saved()


def test_a_worker_that_is_killed(training: Training) -> None:
    run, screen = training.run, training.screen
    wait_for_later(run, "checkpoint", -1)
    os.killpg(worker_of(run), signal.SIGKILL)
    screen.wait_for("The worker is gone without a word")
    screen.press("enter")
    screen.wait_until_gone("The training failed")
    text = screen.wait_for("✗ lost")
    assert "╭─ Loss " in text and "┤" in text, screen.picture()
    screen.press("q")
    assert screen.wait_exit() == 1
    assert screen.left_behind() == []
    printed = screen.printed()
    assert "The worker is gone without a word (killed by SIGKILL)." in printed
    assert "Resume from the last checkpoint: trm-tui train --resume run" in printed
    assert str(run.log.relative_to(run.path.parent)) in printed


@pytest.mark.parametrize("training", [BROKEN], indirect=True)
def test_a_worker_that_fails(training: Training) -> None:
    screen = training.screen
    screen.press("e")
    text = screen.wait_for("The training failed")
    assert "RuntimeError: the scale is broken" in text, screen.picture()
    assert "run/worker.log" in text, screen.picture()
    screen.press("escape")
    screen.wait_until_gone("The training failed")
    text = screen.wait_for("✗ failed")
    assert "╭─ Loss " in text and "┤" in text, screen.picture()
    screen.press("q")
    assert screen.wait_exit() == 1
    assert screen.left_behind() == []
    assert "The run failed: RuntimeError: the scale is broken" in screen.printed()
    assert "run/worker.log" in screen.printed()


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
