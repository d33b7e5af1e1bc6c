"""The live screen of a sweep."""

from __future__ import annotations

from pathlib import Path

from tests.screens.fake_sweep import FakeSweep
from tests.screens.panes import text_of
from tests.screens.whole_screen import shown, until
from trm_tui.app import TrmApp
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.sweep import SweepScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Settings
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.sweep.trials import ImportanceTable, TrialsTable


async def test_trials_are_shown_pruned_promoted_and_opened(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    app = TrmApp(lambda remembered: SweepScreen(session, remembered), Settings())
    async with app.run_test(size=(120, 36), notifications=True) as pilot:
        screen = app.screen
        table = screen.query_one(TrialsTable)
        await until(pilot, lambda: text_of(table).count("● running") == 2)
        for number in (0, 1):
            sweep.finish(number, quality=number)
        await until(pilot, lambda: "best exact_match 0.6500 (trial 1)" in shown(app))
        assert len(screen.query_one(Chart).traces[0].values) == 2
        await until(pilot, lambda: text_of(table).count("● running") == 2)
        await pilot.press("home", "x")
        await until(pilot, lambda: "pruning" in text_of(table))
        await until(pilot, lambda: sweep.runs[2].commands() == ["stop"])
        sweep.runs[2].end("stopped")
        await until(pilot, lambda: "pruned" in text_of(table))
        await pilot.press("p")
        await until(pilot, lambda: "promoted-" in shown(app))
        await until(pilot, lambda: "lr" in text_of(screen.query_one(ImportanceTable)))
        sliced = screen.query_one("#slice", Chart)
        titles = set()
        for _ in range(2):
            await pilot.press("l")
            assert len(sliced.traces[0].values) == 2
            titles.add(sliced.title)
        assert titles == {"exact by log10 lr", "exact by batch_size"}
        await pilot.press("home", "enter")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("escape")
        assert isinstance(app.screen, SweepScreen)
        await pilot.press("q", "s")
        await until(pilot, lambda: not app.is_running)
    session.close(0.1)


async def test_a_small_terminal_has_room_for_all(tmp_path: Path) -> None:
    sweep = FakeSweep(tmp_path / "sweep")
    session = sweep.session()
    app = TrmApp(lambda remembered: SweepScreen(session, remembered), Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: shown(app).count("● running") == 2)
        assert "exact" in shown(app) and "Importance" in shown(app)
    session.close(0.1)
