"""Every screen starts, opens its tabs and its help, in every colour mode and at every size."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import cast

import pytest
from textual.screen import Screen

from tests.problems import faulty
from tests.screens.fake_run import FakeRun
from tests.screens.fake_sweep import FakeSweep
from tests.screens.test_data_view import OwnProcess
from tests.screens.test_inspect_screen import FakeSession
from tests.screens.test_playground_screen import PHONE, MadeUp
from tests.screens.test_server_screen import MadeUp as MadeUpServer
from tests.screens.whole_screen import shown, until
from tests.support import write_jsonl
from trm_engine.data.problems.view import ViewOptions
from trm_tui.app import TrmApp
from trm_tui.screens.data_view import ViewScreen
from trm_tui.screens.help import HelpScreen
from trm_tui.screens.inspect import InspectScreen
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.runs import RunsScreen
from trm_tui.screens.server import ServerScreen
from trm_tui.screens.sweep import SweepScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions.models import ModelSession
from trm_tui.settings import Settings
from trm_tui.store.draft import Draft

Opener = Callable[[Path], tuple[Callable[..., Screen[None]], str]]
"""Given an empty folder, returns the screen's factory and a text that is shown when it is ready."""

SIZES = [(80, 24), (120, 36), (160, 48)]
MODES = {
    "16 colours": ("ansi-dark", False),
    "no colour": ("trm-dark", True),
    "no colour of 16": ("ansi-dark", True),
}
"""The theme, and whether NO_COLOR is set."""
OTHER_THEMES = ("trm-light", "trm-colour-blind", "ansi-light")


def _run(folder: Path) -> FakeRun:
    run = FakeRun(folder / "some-run", total=300)
    run.begin()
    run.train(100)
    run.evaluate()
    run.end("finished")
    return run


def _train(folder: Path) -> tuple[Callable[..., Screen[None]], str]:
    return partial(TrainScreen, _run(folder).attach()), "✓ finished"


def _runs(folder: Path) -> tuple[Callable[..., Screen[None]], str]:
    _run(folder)
    return partial(RunsScreen, folder), "some-run"


def _inspect(_: Path) -> tuple[Callable[..., Screen[None]], str]:
    session = FakeSession(Path("model.pt"))
    session.may_open.set()
    session.may_judge.set()
    return lambda _: InspectScreen(session), "1 Summary"


def _playground(_: Path) -> tuple[Callable[..., Screen[None]], str]:
    draft = Draft.of({"history": [{"role": "user", "content": f"I am {PHONE}"}]})
    session = cast(ModelSession, MadeUp())
    return lambda _: PlaygroundScreen(session, draft), "answered in"


def _data(folder: Path) -> tuple[Callable[..., Screen[None]], str]:
    path = write_jsonl(folder / "talks.jsonl", faulty())
    session = OwnProcess(path, ViewOptions(cache=folder / "cache", max_length=1024))
    return lambda _: ViewScreen(session), "1 Overview"


def _server(_: Path) -> tuple[Callable[..., Screen[None]], str]:
    return lambda _: ServerScreen(MadeUpServer()), "● live"


def _sweep(folder: Path) -> tuple[Callable[..., Screen[None]], str]:
    sweep = FakeSweep(folder / "first-sweep")
    session = sweep.session()
    session.tick()
    sweep.finish(0, 2)
    return partial(SweepScreen, session), "1 finished"


SCREENS: dict[str, Opener] = {
    "train": _train,
    "runs": _runs,
    "inspect": _inspect,
    "playground": _playground,
    "data": _data,
    "server": _server,
    "sweep": _sweep,
}

CASES = [
    (name, mode, SIZES[(row + column) % len(SIZES)])
    for row, name in enumerate(SCREENS)
    for column, mode in enumerate(("16 colours", OTHER_THEMES[row % 3]))
] + [("train", "no colour", SIZES[0]), ("inspect", "no colour of 16", SIZES[1])]
"""Every screen in 16 colours and in one other theme (the tests of each screen have the dark one),
and two of them without colour, which the app takes from the finished picture of any screen."""


@pytest.mark.parametrize(("name", "mode", "size"), CASES)
async def test_it_starts(
    name: str,
    mode: str,
    size: tuple[int, int],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    theme, has_no_color = MODES.get(mode, (mode, False))
    if has_no_color:
        monkeypatch.setenv("NO_COLOR", "1")
    first, ready = SCREENS[name](tmp_path)
    app = TrmApp(first, Settings(theme=theme))
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: ready in shown(app))
        await pilot.press("escape")
        for number in range(1, 10):
            await pilot.press(str(number))
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))


@pytest.mark.parametrize("name", SCREENS)
async def test_it_can_end_while_it_opens(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its first frame is painted before its panes are made; SIGTERM may come between the two."""
    monkeypatch.chdir(tmp_path)
    for turns in (0, 12, 36):
        folder = tmp_path / str(turns)
        folder.mkdir()
        app = TrmApp(SCREENS[name](folder)[0], Settings())
        running = asyncio.create_task(app.run_async(headless=True))
        while not (app._running and len(app.screen_stack) > 1):
            await asyncio.sleep(0)
        for _ in range(turns):
            await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)
        await running
        assert app._exception is None, (turns, app._exception)
