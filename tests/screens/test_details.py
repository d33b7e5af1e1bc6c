"""Where there is room, lists show the details of what is selected."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.screens.fake_run import FakeRun
from tests.screens.whole_screen import shown, until
from trm_tui.app import TrmApp
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Settings
from trm_tui.widgets.matrix.tool import ToolMatrix

SAYS = "What do I owe this month?"


@pytest.mark.parametrize(("size", "has_room"), [((80, 24), False), ((160, 48), True)])
async def test_lists_show_what_is_selected(
    size: tuple[int, int], has_room: bool, tmp_path: Path
) -> None:
    run = FakeRun(tmp_path / "some-run", total=300)
    run.begin()
    run.train(100)
    run.evaluate()
    run.evaluate()
    app = TrmApp(partial(TrainScreen, run.attach()), Settings())
    async with app.run_test(size=size) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: "Decisions" in shown(app))
        await until(pilot, lambda: ("Slot accuracy" in shown(app)) == has_room)
        await pilot.press("4", "c", "c")
        await until(pilot, lambda: "check_bill → predicted change_plan" in shown(app))
        if has_room:
            await until(pilot, lambda: SAYS in shown(app))
            await pilot.press("right", "right")
            await until(pilot, lambda: "No sample is in this cell" in shown(app))
        assert has_room or SAYS not in shown(app)
        await pilot.press("5")
        await until(pilot, lambda: ("Slot values" in shown(app)) == has_room)
        await pilot.press("6")
        await until(pilot, lambda: ("Line " in shown(app)) == has_room)
        if has_room:
            await pilot.press("down")
            await until(pilot, lambda: "The file has no sample on line" in shown(app))


async def test_another_theme_has_its_colours_at_once_and_tabs_their_height(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "some-run", total=300)
    run.begin()
    run.train(100)
    run.evaluate()
    app = TrmApp(partial(TrainScreen, run.attach()), Settings())
    async with app.run_test(size=(160, 48)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: "check_bill" in shown(app))
        matrix = app.screen.query_one(ToolMatrix)
        app.theme = "trm-light"
        await pilot.pause()
        await until(pilot, lambda: matrix._picture and matrix._picture.styles == matrix._styles())
        await pilot.press("9")
        pane = app.screen.query_one("#confidence")
        await until(pilot, lambda: pane.size.height > 40)
