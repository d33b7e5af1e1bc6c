"""The live screen as a person uses it: `trm-tui train` and `trm-tui watch` in a real terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal
from tests.e2e.viewers import (
    kill_worker,
    open_screen,
    step_shown,
    tiny_config,
    wait_for_more_steps,
)
from tests.events import read_events
from tests.faults.command import trm
from tests.faults.workers import ENDLESS, wait_for_later
from tests.support import wait_until
from trm_engine.runs.folder import RunFolder

READOUT = re.compile(r"[│┤⠀-⣿ ] step [\d,]+ +[│⠀-⣿ ]")
BRAILLE = re.compile("[\u2801-\u28ff]{2}")


@dataclass(frozen=True)
class Training:
    """A run that trains without end, and its screen."""

    run: RunFolder
    screen: Terminal

    def last_seq(self) -> int:
        """The newest event."""
        return int(read_events(self.run.events)[-1]["seq"])


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    place = tmp_path_factory.mktemp("training")
    config = tiny_config(place, **ENDLESS)
    run = RunFolder(place / "run")
    with open_screen("train", config, "--output-dir", "run", cwd=place) as screen:
        try:
            wait_for_more_steps(screen)
            yield Training(run, screen)
        finally:
            kill_worker(run)


@pytest.fixture
def training(shared: Training) -> Iterator[Training]:
    """The same training for every test, at 120 × 40 on its first tab."""
    screen = shared.screen
    screen.resize(120, 40)
    screen.press("1")
    screen.wait_for("╭─ Loss ")
    yield shared
    screen.resize(120, 40)
    if screen.shows("‖ paused"):
        screen.press("p")


def test_it_shows_charts_and_numbers_that_move(training: Training) -> None:
    screen = training.screen
    assert "● running" in screen.wait_for(BRAILLE)
    for pane in ("Loss", "Learning rate", "Gradient norm", "Supervision steps", "Decisions"):
        assert f"╭─ {pane} " in screen.text(), screen.picture()
    wait_for_more_steps(screen)


def test_the_footer_names_what_a_new_user_looks_for(training: Training) -> None:
    text = training.screen.wait_for("Zoom")
    for label in ("Pause", "Zoom", "Help", "Quit"):
        assert label in text.splitlines()[-1], training.screen.picture()


def test_pause_evaluate_save_and_resume(training: Training) -> None:
    screen, run = training.screen, training.run
    screen.press("p")
    screen.wait_for("‖ paused")
    step, last = step_shown(screen), training.last_seq()
    screen.press("e")
    evaluation = wait_for_later(run, "eval", last, step=step)
    screen.wait_for(re.compile(r"tool_call +\d+ TP"))
    screen.press("3")
    screen.wait_for(re.compile(rf"★ +{step:,} +\d"))
    screen.press("s")
    saved = f"run/checkpoints/step_{step}.pt"
    wait_for_later(run, "checkpoint", evaluation["seq"], path=saved)
    screen.press("7")
    screen.wait_for(f"saved {saved}")
    assert step_shown(screen) == step
    screen.press("p")
    screen.wait_for("● running")
    wait_for_more_steps(screen)


def test_maximise_and_back(training: Training) -> None:
    screen = training.screen
    screen.wait_for("╭─ Gradient norm ")
    screen.press("f")
    screen.wait_until_gone("╭─ Gradient norm ")
    screen.wait_for(BRAILLE)
    screen.press("f")
    screen.wait_for("╭─ Gradient norm ")


def test_zoom_and_crosshair(training: Training) -> None:
    screen = training.screen
    screen.press("+")
    screen.wait_for("zoomed")
    screen.press("0")
    screen.wait_until_gone("zoomed")
    screen.press("y")
    screen.wait_for("· log")
    screen.press("y")
    screen.press("left")
    screen.wait_for(READOUT)
    screen.press("escape")
    screen.wait_until_gone(READOUT)


def test_help_opens_and_closes(training: Training) -> None:
    screen = training.screen
    screen.press("?")
    screen.wait_for("╭─ Keys ")
    screen.wait_for("Zoom in")
    screen.press("escape")
    screen.wait_until_gone("╭─ Keys ")


def test_every_tab_is_usable_at_80_by_24(training: Training) -> None:
    screen = training.screen
    screen.resize(80, 24)
    panes = {
        "1": "Loss",
        "2": "Loss by part",
        "3": "Evaluations",
        "4": "Tools",
        "5": "Slot accuracy",
        "6": "Validation samples",
        "7": "Log",
        "8": "Configuration",
    }
    for key, pane in panes.items():
        screen.press(key)
        screen.wait_for(f"╭─ {pane} ")
        screen.wait_for(re.compile("Help.*$"))


def test_sizes_change_while_it_trains(training: Training) -> None:
    screen = training.screen
    for columns, rows in ((80, 24), (160, 48), (40, 10), (20, 5), (120, 40)):
        screen.resize(columns, rows)
        seen = len(screen.chunks)
        screen.press("2", "1")
        assert screen.wait_until(lambda seen=seen: len(screen.chunks) > seen)
        assert screen.process.poll() is None, screen.printed()
    wait_for_more_steps(screen)


def test_leave_it_running_come_back_stop_and_go_on(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, **ENDLESS)
    run = RunFolder(tmp_path / "run")
    try:
        with open_screen("train", config, "--output-dir", "run", cwd=tmp_path) as screen:
            wait_for_more_steps(screen)
            leave(screen, "q", "Leave the training?", "k")
            assert "trm-tui watch run" in screen.printed()
            assert screen.left_behind() == []
        assert run.is_live()

        with open_screen("watch", "run", cwd=tmp_path, columns=80, rows=24) as screen:
            wait_for_more_steps(screen)
            screen.press("S")
            screen.wait_for("Stop the training?")
            screen.press("enter")
            screen.wait_for("■ stopped")
            wait_until(lambda: not run.is_live())  # its process ends after it has said so
            screen.press("q")
            assert screen.wait_exit() == 0
            assert "trm-tui train --resume run" in screen.printed()
            assert screen.left_behind() == []

        resumed = open_screen("train", "--resume", "run", cwd=tmp_path, columns=80, rows=24)
        with resumed as screen:
            wait_for_later(run, "run_started", read_events(run.events)[-1]["seq"])
            wait_for_more_steps(screen)
            leave(screen, "q", "Leave the training?", "s")
        assert run.state() == "stopped"
    finally:
        kill_worker(run)


def leave(screen: Terminal, key: str, question: str, answer: str) -> None:
    """Leave by a key and the answer to what is asked."""
    screen.press(key)
    screen.wait_for(question)
    screen.press(answer)
    assert screen.wait_exit() == 0, screen.printed()


@pytest.mark.executed
def test_a_run_that_ends_under_its_screen_and_is_looked_at_later(tmp_path: Path) -> None:
    config = tiny_config(tmp_path, max_steps=40)
    with open_screen("train", config, "--output-dir", "run", cwd=tmp_path) as screen:
        screen.wait_for("✓ finished")
        assert step_shown(screen) == 40
        screen.press("q")
        assert screen.wait_exit() == 0
        assert "run folder       run" in screen.printed()
        assert screen.left_behind() == []

    with open_screen("watch", "run", cwd=tmp_path, columns=80, rows=24) as screen:
        screen.wait_for("✓ finished")
        assert step_shown(screen) == 40
        screen.wait_for(BRAILLE)
        screen.press("q")
        assert screen.wait_exit() == 0
        assert screen.left_behind() == []

    ended = trm("watch", "run", cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert "\x1b" not in ended.out
    assert "40/40" in ended.out
