"""Ctrl+Z gives the terminal back to the shell; fg shows the screen again."""

from __future__ import annotations

import re
from pathlib import Path

import psutil

from tests.e2e.terminal import ALTERNATE, MAIN
from tests.e2e.viewers import open_screen
from tests.screens.fake_run import FakeRun


def test_a_screen_is_suspended_and_goes_on(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.begin()
    run.train(20)
    run.end("finished")
    with open_screen("watch", "run", cwd=tmp_path) as screen:
        screen.wait_for("✓ finished")
        process = psutil.Process(screen.process.pid)
        begin = len(screen.chunks)
        screen.press("ctrl+z")
        assert screen.wait_for_bytes(re.compile(re.escape(MAIN)), begin)
        assert screen.wait_until(lambda: process.status() == psutil.STATUS_STOPPED)
        begin = len(screen.chunks)
        process.resume()
        assert screen.wait_for_bytes(re.compile(re.escape(ALTERNATE)), begin)
        screen.wait_for("✓ finished")
        screen.press("q")
        assert screen.wait_exit() == 0
        assert not screen.left_behind()
