"""The list of runs, opening one, laying several over each other."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.screens.fake_run import FakeRun
from tests.screens.panes import text_of
from tests.screens.whole_screen import shown, until
from trm_engine.config import Config, TrainingConfig
from trm_engine.runs.folder import list_runs
from trm_engine.runs.summary import summarise
from trm_tui.app import TrmApp
from trm_tui.screens.config_diff import ConfigDiffScreen
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.overlay import OverlayScreen
from trm_tui.screens.runs import RunsScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Settings
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.run.comparison import RunComparison
from trm_tui.widgets.run.config import ConfigView
from trm_tui.widgets.run.run_detail import RunDetail, RunFigures
from trm_tui.widgets.run.runs_table import RunsTable


@pytest.fixture
def runs(tmp_path: Path) -> list[FakeRun]:
    """A finished run, a live one and a lost one."""
    made = [
        FakeRun(tmp_path / name, config=config_of(batch_size=size))
        for size, name in enumerate(("finished", "live", "lost"), 1)
    ]
    for place, run in enumerate(made, 1):
        run.begin()
        run.train(10 * place)
        run.evaluate()
    made[0].end("finished")
    made[2].end(None)
    return made


def config_of(**training: Any) -> Config:
    return Config(training=TrainingConfig(**training))


def app_of(folder: Path) -> TrmApp:
    return TrmApp(partial(RunsScreen, folder), Settings())


async def test_runs_are_listed_with_how_they_stand(runs: list[FakeRun], tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test(size=(120, 20)) as pilot:
        table = pilot.app.screen_stack[1].query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 3)
        lines = {line.split()[0]: line for line in text_of(table).splitlines()[1:] if line}
        assert "✓ finished" in lines["finished"]
        assert "● running" in lines["live"]
        assert "✗ lost" in lines["lost"]
        assert " 30 " in lines["lost"]
        assert "exact_match_values" in text_of(table).splitlines()[0]
        assert " 0.3000 " in lines["lost"]


async def test_a_new_run_appears_and_the_cursor_stays(runs: list[FakeRun], tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test(size=(120, 20)) as pilot:
        table = pilot.app.screen_stack[1].query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 3)
        await pilot.press("down")
        chosen = text_of(table).splitlines()[1 + table.cursor()].split()[0]
        FakeRun(tmp_path / "newest").begin()
        await until(pilot, lambda: table.row_count() == 4)
        assert text_of(table).splitlines()[1 + table.cursor()].split()[0] == chosen


async def test_a_list_at_rest_is_not_drawn_again(runs: list[FakeRun], tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = app.screen_stack[1]
        table = screen.query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 3)
        drawn: list[object] = []
        table.set_runs = drawn.append  # type: ignore[assignment, method-assign]
        read = [summarise(run) for run in list_runs(tmp_path)]
        screen._show(read)  # type: ignore[attr-defined]
        assert not drawn
        runs[1].train(5)
        screen._show([summarise(run) for run in list_runs(tmp_path)])  # type: ignore[attr-defined]
        assert drawn


async def test_a_run_is_opened_and_left_again(runs: list[FakeRun], tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        table = app.screen_stack[1].query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 3)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TrainScreen))
        await until(pilot, lambda: app.screen.query_one("#loss", Chart).has_focus)
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_marked_runs_are_laid_over_each_other(runs: list[FakeRun], tmp_path: Path) -> None:
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 40)) as pilot:
        table = app.screen_stack[1].query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 3)
        await pilot.press("space", "space", "o")
        await until(pilot, lambda: isinstance(app.screen, OverlayScreen))
        loss = app.screen.query(Chart).first()
        await until(pilot, lambda: all(len(trace) > 0 for trace in loss.traces))
        names = {trace.name for trace in loss.traces}
        assert len(names) == 2
        compared = text_of(app.screen.query_one(RunComparison))
        assert all(name in compared for name in names)
        await pilot.press("escape", "q")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


def seeds(folder: Path) -> list[FakeRun]:
    """Two seeds of one configuration, and a run of another one."""
    made = []
    for number, (size, seed) in enumerate(((8, 1), (8, 2), (16, 1)), 1):
        run = FakeRun(folder / f"default-{number}", config=config_of(batch_size=size, seed=seed))
        run.begin()
        run.train(10 * number)
        run.evaluations = (0, 1, 3)[number - 1]  # exact_match_values: 0.3, 0.55, 0.675
        run.evaluate(best_metric="exact_match_values")
        run.end("finished")
        made.append(run)
    return made


async def test_seeds_are_one_curve_and_one_row(tmp_path: Path) -> None:
    runs = [run.attach() for run in seeds(tmp_path)]
    app = TrmApp(lambda _: OverlayScreen(runs), Settings())
    async with app.run_test(size=(160, 48)) as pilot:
        charts = list(app.screen.query(Chart))
        table = app.screen.query_one(RunComparison)
        await until(pilot, lambda: all(len(trace) for trace in charts[1].traces))
        await until(pilot, lambda: "0.675" in text_of(table))
        assert [trace.name for trace in charts[0].traces] == ["default ×2", "default-3"]
        assert charts[0].traces[0].extent(0) is not None
        assert "0.425 ±.177" in text_of(table)
        assert "− default ×2" in text_of(table)
        assert "+0.250 ±2.751" in text_of(table)  # 12.706 * 0.1768 * sqrt(1 + 1/2)
        await pilot.press("b")
        assert "− default-3" in text_of(table)
        assert "-0.250 ±2.751" in text_of(table)
        await pilot.press("g")
        assert [len(chart.traces) for chart in charts] == [3, 3, 3, 3]
        assert "default-1" in text_of(table)
        await pilot.press("g")
        assert [trace.name for trace in charts[0].traces] == ["default ×2", "default-3"]


async def test_a_folder_without_runs_says_so(tmp_path: Path) -> None:
    async with app_of(tmp_path).run_test(size=(80, 10)) as pilot:
        table = pilot.app.screen.query_one(RunsTable)
        await until(pilot, lambda: "No run yet" in text_of(table))
        await pilot.press("enter", "space", "o")
        assert isinstance(pilot.app.screen, RunsScreen)


async def test_seeds_are_a_row_that_unfolds(tmp_path: Path) -> None:
    seeds(tmp_path)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 20)) as pilot:
        table = app.screen.query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 2)
        assert "▸ default ×2" in text_of(table)
        assert "0.425 ±.177" in text_of(table)
        await pilot.press("end", "right")
        lines = text_of(table).splitlines()
        assert [line.split()[0] for line in lines[3:5]] == ["default-2", "default-1"]
        await pilot.press("left")
        await until(pilot, lambda: table.row_count() == 2)
        await pilot.press("g")
        assert table.row_count() == 3 and "±" not in text_of(table)


async def test_the_filter_narrows_while_it_is_typed(tmp_path: Path) -> None:
    seeds(tmp_path)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 20)) as pilot:
        table = app.screen.query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 2)
        await pilot.press("slash", *"batch_size>8")
        await until(pilot, lambda: table.row_count() == 1)
        assert "2 hidden" in str(table.border_subtitle)
        await pilot.press(*" and")
        table.set_runs([run for row in table.list.rows for run in row.runs])  # as every 2 s
        assert "is no filter" in str(table.border_subtitle)
        assert table.row_count() == 1
        await pilot.press("escape")
        await until(pilot, lambda: table.row_count() == 2)
        assert table.has_focus


async def test_runs_are_named_tagged_pinned_and_archived(tmp_path: Path) -> None:
    seeds(tmp_path)
    app = app_of(tmp_path)
    async with app.run_test(size=(160, 24)) as pilot:
        table = app.screen.query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 2)
        await pilot.press("r", *"Best so far", "enter")
        await until(pilot, lambda: "Best so far" in text_of(table))
        await pilot.press("t", *"paper", "enter")
        await until(pilot, lambda: "#paper" in text_of(table))
        await pilot.press("n", *"because of ..", "enter")
        await until(pilot, lambda: "because of .." in str(table.border_subtitle))
        await pilot.press("b")
        await until(pilot, lambda: "⚑ Best so far" in text_of(table))
        assert "-0.250 ±2.751" in text_of(table)
        await pilot.press("a")
        await until(pilot, lambda: table.row_count() == 1)
        await pilot.press("A")
        await until(pilot, lambda: "archived" in text_of(table))


async def test_a_run_is_deleted_after_a_question(tmp_path: Path) -> None:
    runs = seeds(tmp_path)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 24)) as pilot:
        table = app.screen.query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 2)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmDialog))
        await pilot.press("enter")  # cancel has the focus
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))
        assert runs[2].folder.exists()
        await pilot.press("D", "d")
        await until(pilot, lambda: table.row_count() == 1)
        assert not runs[2].folder.path.exists()


async def test_two_configurations_are_compared(tmp_path: Path) -> None:
    seeds(tmp_path)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 24)) as pilot:
        table = app.screen.query_one(RunsTable)
        await until(pilot, lambda: table.row_count() == 2)
        await pilot.press("g", "space", "space", "d")
        await until(pilot, lambda: isinstance(app.screen, ConfigDiffScreen))
        await until(pilot, lambda: "batch_size" in shown(app))
        assert "default-2: 8" in shown(app) and "hidden_size" not in shown(app)
        await pilot.press("a")
        await until(pilot, lambda: "hidden_size" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RunsScreen))


async def test_a_high_terminal_tells_the_selected_run(tmp_path: Path) -> None:
    seeds(tmp_path)
    app = app_of(tmp_path)
    async with app.run_test(size=(120, 36)) as pilot:
        screen = app.screen_stack[1]
        table, figures = screen.query_one(RunsTable), screen.query_one(RunFigures)
        await until(pilot, lambda: table.row_count() == 2 and figures.row_count())
        settings = screen.query_one(ConfigView)
        assert str(figures.border_title) == "default-3"
        await until(pilot, lambda: "batch_size" in shown(app) and "default 32" in shown(app))
        assert "num_layers" not in shown(app)  # it is the default
        assert "2 not the default" in str(settings.border_subtitle)
        await pilot.press("b")
        await until(pilot, lambda: "− baseline" in table_head(table))
        assert "− baseline" not in text_of(figures)  # it is the baseline itself
        await pilot.press("down")
        await until(pilot, lambda: str(figures.border_title) == "default ×2")
        assert "0.425 ±.177" in text_of(figures)
        assert "-0.250 ±" in text_of(figures)
        await pilot.resize_terminal(120, 24)
        await until(pilot, lambda: not screen.query_one(RunDetail).display)


def table_head(table: RunsTable) -> str:
    return text_of(table).splitlines()[0]
