"""Pictures of the whole train screen, to be looked at when they change (--snapshot-update)."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.screens.fake_run import FakeRun
from tests.screens.whole_screen import shown, until
from trm_tui.app import TrmApp
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Settings


@pytest.fixture
def run(tmp_path: Path) -> FakeRun:
    run = FakeRun(tmp_path / "finished", total=300)
    run.begin()
    for _ in range(3):
        run.train(100)
        run.evaluate()
    run.end("finished")
    return run


async def _until_it_is_read(pilot: Pilot[None]) -> None:
    await until(pilot, lambda: len(pilot.app.screen_stack) > 1)
    screen = pilot.app.screen_stack[1]
    assert isinstance(screen, TrainScreen)
    await until(pilot, lambda: screen.watched.store.columns.rows >= 300)
    seen = ""
    while seen != shown(pilot.app):
        seen = shown(pilot.app)
        await pilot.pause(0.7)  # figures are shown twice a second


@pytest.mark.parametrize(
    ("size", "theme"),
    [
        ((80, 24), "trm-dark"),
        ((160, 48), "trm-dark"),
        ((160, 48), "trm-light"),
        ((120, 36), "ansi-dark"),
    ],
    ids=lambda value: str(value).replace(", ", "x").strip("()"),
)
def test_the_live_tab(snap_compare: Any, run: FakeRun, size: tuple[int, int], theme: str) -> None:
    app = TrmApp(partial(TrainScreen, run.attach()), Settings(theme=theme))
    assert snap_compare(app, terminal_size=size, run_before=_until_it_is_read)
