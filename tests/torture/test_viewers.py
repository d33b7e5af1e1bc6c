"""Viewers that are killed: the worker saves and ends, and the run can go on as if nothing was."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.e2e.terminal import Terminal
from tests.e2e.viewers import open_screen
from tests.faults.workers import wait_for_later
from tests.forks import SECONDS, Fork, Forks
from tests.support import wait_until
from tests.torture import chance
from tests.torture.judge import assert_tidy, assert_well_ended
from tests.torture.runs import Undisturbed, assert_sound, assert_undisturbed
from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder

Count = Callable[[str, int], None]
ENDS = (0, 1, 2, 128 + signal.SIGINT, 128 + signal.SIGTERM, -signal.SIGHUP)
"""How a viewer may end that was told to: done, a lost worker, nothing saved, a signal."""


@pytest.mark.parametrize("case", chance.cases(0.04))
def test_a_plain_viewer(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path, record_property: Count
) -> None:
    rng = chance.rng_of("viewer", case)
    reference = undisturbed["averaged"]
    run, arguments = begun(undisturbed, tmp_path)
    viewer = forks.command(*arguments, "--plain", cwd=tmp_path)
    kinds: tuple[str, ...] = ("state", "progress", "run_started", "steps", "checkpoint", "eval")
    with suppress(AssertionError):
        wait_for_later(run, rng.choice(kinds), -1)
    time.sleep(rng.uniform(0, reference.seconds / 2))
    is_killed = end(viewer, rng)
    status = viewer.wait()
    if not is_killed:
        assert_well_ended(status, viewer.out, viewer.err, ENDS)
    wait_until(lambda: not run.is_live(), SECONDS)
    record_property("kills", 1)
    assert_sound(run)
    go_on(forks, run, tmp_path, arguments)
    assert_undisturbed(run, reference)


@pytest.mark.parametrize("case", chance.cases(0.015, least=0))
def test_a_screen(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path, record_property: Count
) -> None:
    rng = chance.rng_of("screen", case)
    reference = undisturbed["averaged"]
    run, arguments = begun(undisturbed, tmp_path)
    with open_screen(*arguments, cwd=tmp_path) as screen:
        wait_for_later(run, rng.choice(("state", "run_started", "steps", "eval")), -1)
        time.sleep(rng.uniform(0, reference.seconds / 2))
        end_screen(screen, rng)
    wait_until(lambda: not run.is_live(), SECONDS)
    record_property("kills", 1)
    assert_sound(run)
    go_on(forks, run, tmp_path, arguments)
    assert_undisturbed(run, reference)


def begun(undisturbed: Undisturbed, place: Path) -> tuple[RunFolder, list[object]]:
    """A run that is not begun yet, and the command that begins it."""
    (place / "template").mkdir()
    template = undisturbed.new(place / "template", "averaged")
    (place / "tiny.yaml").write_text(Config.from_yaml(template.config).dump())
    return RunFolder(place / "run"), ["train", "tiny.yaml", "--output-dir", "run"]


def end(viewer: Fork, rng: Random) -> bool:
    """End a viewer in one of the ways there are. Returns whether by kill -9."""
    kind = rng.choice(("kill", "kill", "once", "storm"))
    if kind == "kill":
        viewer.send(signal.SIGKILL)
    for _ in range({"kill": 0, "once": 1, "storm": rng.randint(2, 5)}[kind]):
        viewer.send(rng.choice((signal.SIGTERM, signal.SIGINT, signal.SIGHUP)))
        time.sleep(rng.choice((0, 0.05, 0.5)))
    return kind == "kill"


def end_screen(screen: Terminal, rng: Random) -> None:
    """Kill it, tell it, take its terminal away, or leave it by its keys."""
    kind = rng.choice(("kill", "term", "hup", "away", "keys"))
    if kind == "kill":
        screen.process.kill()
        screen.process.wait()
    elif kind == "away":
        screen.hang_up()
        screen.process.wait(timeout=SECONDS)
    else:
        if kind == "keys":
            screen.press("ctrl+c")
            screen.wait_for("Leave the training?", SECONDS)
            screen.press("s")
        else:
            screen.process.send_signal(signal.SIGTERM if kind == "term" else signal.SIGHUP)
        screen.wait_exit(SECONDS)
        assert b"Traceback" not in screen.raw
        assert kind == "hup" or screen.left_behind() == []


def go_on(forks: Forks, run: RunFolder, place: Path, arguments: list[object]) -> None:
    """Let the run come to its end, as its user would."""
    if run.state() == "finished":
        return
    if any((run.path / "checkpoints").glob("*.pt")):
        arguments = ["train", "--resume", "run"]
    (place / "again").mkdir()
    viewer = forks.command(
        *arguments,
        "--plain",
        cwd=place,
        out=str(place / "again" / "out"),
        err=str(place / "again" / "err"),
    )
    status = viewer.wait()
    out, err = ((place / "again" / name).read_bytes() for name in ("out", "err"))
    assert_well_ended(status, out, err, (0,))
    assert_tidy(run.path)
