"""A screen in a terminal with few colours or none starts, and the theme of the user is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal
from tests.faults.command import TRM
from tests.screens.fake_run import FakeRun
from tests.support import ROOT
from trm_tui.settings import Settings, load, save


@pytest.mark.parametrize(
    "colours",
    [
        {"NO_COLOR": "1"},
        {"TERM": "linux", "COLORTERM": ""},
        {"TERM": "linux", "COLORTERM": "", "NO_COLOR": "1"},
        {"TERM": "xterm-256color", "COLORTERM": ""},
    ],
    ids=" ".join,
)
def test_it_starts_and_the_theme_is_kept(
    colours: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"XDG_CONFIG_HOME": str(tmp_path / "settings")}
    monkeypatch.setenv(*next(iter(settings.items())))
    save(Settings(theme="trm-light"))
    run = FakeRun(tmp_path / "run")
    run.begin()
    run.train(20)
    run.end("finished")
    environment = {"PYTHONPATH": str(ROOT), **settings, **colours}
    with Terminal([*TRM, "watch", "run"], env=environment, cwd=tmp_path) as screen:
        screen.wait_for("✓ finished")
        screen.press("2")  # a tab, which is remembered in the same file
        screen.wait_for("Samples a second")
        screen.press("q")
        assert screen.wait_exit() == 0
        assert not screen.left_behind()
    assert (load().theme, load().tab) == ("trm-light", "charts")
