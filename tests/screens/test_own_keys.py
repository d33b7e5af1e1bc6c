"""The user's own keys on a screen, and the command palette."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.screens.fake_run import FakeRun
from tests.screens.whole_screen import shown, until
from trm_tui.app import TrmApp
from trm_tui.keymap import keymap_path
from trm_tui.screens.help import HelpScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Settings


def opened(folder: Path, settings: Settings | None = None) -> TrmApp:
    run = FakeRun(folder / "some-run", total=300)
    run.begin()
    run.train(100)
    run.evaluate()
    return TrmApp(partial(TrainScreen, run.attach()), settings)


async def test_own_keys_work_and_stand_in_footer_and_help(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keymap_path().parent.mkdir()
    keymap_path().write_text("Training:\n  pause: f5\nEverywhere:\n  help: f6\n")
    app = opened(tmp_path)
    async with app.run_test(size=(120, 60)) as pilot:
        await until(pilot, lambda: "f5 Pause" in shown(app))
        await pilot.press("question_mark")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("f6")
        assert isinstance(app.screen, HelpScreen)
        text = shown(app)
        assert text.index("Charts") < text.index("Training") < text.index("Everywhere")
        assert "f5" in text and "f6" in text


async def test_a_wrong_keymap_is_said_and_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    keymap_path().parent.mkdir()
    keymap_path().write_text("Training:\n  pause: f5\n  poise: f6\n")
    app = opened(tmp_path)
    async with app.run_test(size=(200, 40), notifications=True) as pilot:
        await until(pilot, lambda: "'poise'" in shown(app))
        assert "Your keymap is not used" in shown(app)
        await until(pilot, lambda: "p Pause" in shown(app))


async def test_the_palette_says_nothing_twice(tmp_path: Path) -> None:
    app = opened(tmp_path, Settings())
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Pause" in shown(app))
        commands = list(app.get_system_commands(app.screen))
        titles = [each.title.lower() for each in commands]
        assert len(titles) == len(set(titles))
        assert all(each.title and each.title != each.help for each in commands)
        helps = [each.help for each in commands if each.help]
        assert len(helps) == len(set(helps))
        assert sum("quit" in each or "leave" in each for each in titles) == 1
        assert sum("maximi" in each for each in titles) == 1
        await next(each for each in commands if each.title == "Open tab 3 Evaluation").callback()
        await until(pilot, lambda: app.screen.query_one("TrainTabs").active == "evaluation")
