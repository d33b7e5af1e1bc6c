"""The train screen over a run that the test writes."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.events import Key
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane

from tests.screens.fake_run import FakeRun
from tests.screens.panes import text_of
from tests.screens.whole_screen import shown, until
from trm_tui.app import TrmApp
from trm_tui.screens.closing import ClosingDialog
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.crash import CrashDialog
from trm_tui.screens.help import HelpScreen
from trm_tui.screens.samples import SamplesDialog
from trm_tui.screens.train import TrainScreen
from trm_tui.settings import Remembered, Settings
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.chart.chart import Chart
from trm_tui.widgets.log.view import LogView
from trm_tui.widgets.matrix.tool import ToolMatrix
from trm_tui.widgets.run.evaluation_history import EvaluationHistory
from trm_tui.widgets.run.header import RunHeader
from trm_tui.widgets.run.tabs import TrainTabs
from trm_tui.widgets.table.search_bar import SearchBar

SIZE = (160, 48)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeRun:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return FakeRun(tmp_path / "first")


def app_of(run: FakeRun, settings: Settings | None = None) -> TrmApp:
    return TrmApp(lambda remembered: TrainScreen(run.attach(), remembered), settings)


def _has_focus(pilot: Pilot[None], tab: Widget) -> bool:
    return pilot.app.focused is not None and tab in pilot.app.focused.ancestors


def header(pilot: Pilot[None]) -> str:
    return str(pilot.app.screen_stack[1].query_one(RunHeader).render())


async def test_what_the_worker_writes_is_shown(run: FakeRun) -> None:
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "starting" in header(pilot))
        run.begin()
        run.train(50)
        await until(pilot, lambda: "step 50/1,000" in header(pilot))
        assert "● running" in header(pilot)
        assert "64 samples/s" in header(pilot)
        run.train(50)
        run.evaluate()
        await until(pilot, lambda: "step 100/1,000" in header(pilot))
        loss = pilot.app.screen.query_one("#loss", Chart)
        assert [len(trace) for trace in loss.traces] == [100, 1]
        await pilot.press("3")
        await until(pilot, lambda: len(pilot.app.screen.query(EvaluationHistory)) == 1)
        assert pilot.app.screen.query_one(EvaluationHistory).row_count() == 1


async def test_every_tab_by_its_number_and_its_first_pane_has_the_keys(run: FakeRun) -> None:
    run.begin()
    run.train(20)
    run.evaluate()
    async with app_of(run).run_test(size=(80, 24)) as pilot:
        for number in range(1, 9):
            await pilot.press(str(number))
            tab = pilot.app.screen.query_one(f"#{TrainTabs.TABS[number - 1].lower()}")
            await until(pilot, lambda tab=tab: _has_focus(pilot, tab))


async def test_what_is_typed_at_once_after_a_number_goes_to_the_new_tab(run: FakeRun) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        for key in ("7", "slash", *"evalpse"):
            pilot.app.post_message(Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: len(pilot.app.screen.query(LogView)) == 1)
        log = pilot.app.screen.query_one(LogView)
        await until(pilot, lambda: log.query_one(SearchBar).words == "evalpse")
        assert run.commands() == []


async def test_no_size_is_too_small(run: FakeRun) -> None:
    run.begin()
    run.train(20)
    run.evaluate()
    async with app_of(run).run_test(size=(10, 3)) as pilot:
        for size in ((10, 3), (40, 10), (80, 24), (160, 48)):
            await pilot.resize_terminal(*size)
            for number in range(1, 9):
                await pilot.press(str(number))
                await pilot.pause()


async def test_pause_and_resume_share_a_key(run: FakeRun) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        await pilot.press("p")
        assert run.commands() == ["pause"]
        assert "pausing…" in header(pilot)
        run.event("state", state="paused", reason="asked to")
        await until(pilot, lambda: "‖ paused" in header(pilot))
        assert "pausing…" not in header(pilot)
        await pilot.press("p")
        assert run.commands() == ["pause", "resume"]


async def test_evaluate_and_save_wait_for_their_answer(run: FakeRun) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        await pilot.press("e", "s")
        assert run.commands() == ["evaluate", "save"]
        assert "evaluation requested… saving…" in header(pilot)
        run.evaluate()
        run.event("checkpoint", step=0, epoch=0.0, path="step_0.pt", kind="step", bytes=1)
        await until(pilot, lambda: "…" not in header(pilot))


@pytest.mark.parametrize(("key", "command"), [("S", "stop"), ("A", "abort")])
async def test_what_costs_something_is_confirmed(run: FakeRun, key: str, command: str) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        await pilot.press(key)
        assert isinstance(pilot.app.screen, ConfirmDialog)
        await pilot.press("escape")
        assert run.commands() == []
        await pilot.press(key, "enter")
        if not run.commands():  # the safe choice comes first
            await pilot.press(key)
            await pilot.press("tab", "enter")
        assert run.commands() == [command]


async def test_a_run_of_someone_else_is_left_at_once(run: FakeRun) -> None:
    run.begin()
    app = app_of(run)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        await pilot.press("q")
        await pilot.pause()
        assert not app.is_running
    assert run.commands() == []


async def test_a_lost_worker_is_loud_and_charts_stay(run: FakeRun) -> None:
    run.begin()
    run.train(50)
    run.folder.log.write_text("Traceback: [red]boom[/red]", encoding="utf-8")
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        run.end(None)
        await until(pilot, lambda: isinstance(pilot.app.screen, CrashDialog))
        assert "✗ lost" in header(pilot)
        await until(pilot, lambda: "start again: trm-tui train" in shown(pilot.app))
        await pilot.press("escape")
        banner = str(pilot.app.screen.query_one(Banner).render())
        assert "exited without reporting" in banner and "start again: trm-tui train" in banner
        await pilot.press("7")
        await until(pilot, lambda: "ERROR  The worker exited without" in shown(pilot.app))
        await pilot.press("1")
        assert len(pilot.app.screen.query_one("#loss", Chart).traces[0]) == 50


async def test_panes_say_how_far_the_first_evaluation_is(run: FakeRun) -> None:
    run.begin()
    run.train(50)
    async with app_of(run).run_test(size=SIZE) as pilot:
        for tab in "34569":
            await pilot.press(tab)
            await until(pilot, lambda: "the first is at step" in shown(pilot.app))
        run.event("eval_progress", done=40, total=100)
        for tab in "34569":
            await pilot.press(tab)
            await until(pilot, lambda: "evaluating, 40%" in shown(pilot.app))
        run.evaluate()
        await until(pilot, lambda: "evaluating, 40%" not in shown(pilot.app))


async def test_a_failure_shows_its_traceback(run: FakeRun) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        run.event("failed", message="boom [x]", traceback="Traceback\n  boom", user_error=False)
        run.end("failed", reason="boom [x]")
        await until(pilot, lambda: isinstance(pilot.app.screen, CrashDialog))
        await pilot.press("enter")
        assert "failed: boom [x]" in str(pilot.app.screen.query_one(Banner).render())


async def test_a_training_that_needs_weeks_is_loud(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "long", total=10_000_000)
    run.begin()
    run.train(50)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "more hours on the CPU" in shown(pilot.app))
        assert "trm-tui init" in shown(pilot.app)


async def test_a_nan_loss_is_loud(run: FakeRun) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        run.event("log", level="error", message="the loss is not a number from update 7 on")
        banner = pilot.app.screen.query_one(Banner)
        await until(pilot, lambda: "not a number from update 7" in str(banner.render()))


async def test_a_finished_run_offers_no_control(run: FakeRun) -> None:
    run.begin()
    run.train(20)
    run.end("finished")
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "✓ finished" in header(pilot))
        await pilot.press("p", "e", "s", "S", "A")
        assert run.commands() == []
        assert isinstance(pilot.app.screen, TrainScreen)
        actions = {each.binding.action for each in pilot.app.screen.active_bindings.values()}
        assert not [action for action in actions if action.startswith("command")]


def _training_loss(pilot: Pilot[None]) -> str:
    """At the first supervision step, beside an evaluation's loss."""
    steps = pilot.app.screen.query_one("#judged SupervisionSteps")
    return text_of(steps).splitlines()[1].split()[1]


async def test_an_earlier_evaluation_is_shown_everywhere(run: FakeRun) -> None:
    run.begin()
    for _ in range(3):
        run.train(20)
        run.evaluate()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "step 60" in header(pilot))
        await pilot.press("3")
        await until(pilot, lambda: isinstance(pilot.app.focused, EvaluationHistory))
        assert _training_loss(pilot) != "–"
        await pilot.press("up")
        await pilot.pause()
        panes = pilot.app.screen.query("#judged > *")
        assert {pane.border_subtitle for pane in panes} == {"step 40, not the newest"}
        assert _training_loss(pilot) == "–"
        for tab in "4569":
            await pilot.press(tab)
            await until(pilot, lambda: "step 40, not the newest" in shown(pilot.app))
        await pilot.resize_terminal(80, 24)
        await pilot.press("1")
        await until(pilot, lambda: "step 40, not the newest" in shown(pilot.app))
        await pilot.press("3", "end")
        await until(pilot, lambda: _training_loss(pilot) != "–")
        assert {pane.border_subtitle for pane in panes} == {"step 60"}


async def test_a_cell_opens_its_samples(run: FakeRun) -> None:
    run.begin()
    run.train(20)
    run.evaluate()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "step 20/" in header(pilot))
        await pilot.press("4")
        await until(pilot, lambda: isinstance(pilot.app.focused, ToolMatrix))
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, SamplesDialog))
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, TrainScreen)


async def test_crosshair_and_axis_are_shared_by_all_charts(run: FakeRun) -> None:
    run.begin()
    run.train(200)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "step 200" in header(pilot))
        await pilot.press("x", "left", "left")
        await pilot.pause()
        charts = pilot.app.screen.query(Chart)
        assert {chart.view.axis for chart in charts} == {"time"}
        assert len({chart.cursor for chart in charts}) == 1
        assert charts.first().cursor is not None


async def test_keys_before_the_panes_are_there_wait_for_them(
    run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill, asked = TrainTabs._fill_and_focus, list[tuple[TrainTabs, TabPane]]()

    def fill_later(tabs: TrainTabs, pane: TabPane) -> None:
        asked.append((tabs, pane))

    monkeypatch.setattr(TrainTabs, "_fill_and_focus", fill_later)
    async with app_of(run).run_test(size=SIZE) as pilot:
        for key in ("f", "question_mark"):
            pilot.app.post_message(Key(key, None))
        await until(pilot, lambda: bool(asked))
        await pilot.pause()
        assert isinstance(pilot.app.screen, TrainScreen)
        pilot.app.screen.call_later(fill, *asked[0])
        await until(pilot, lambda: isinstance(pilot.app.screen, HelpScreen))
        below = pilot.app.screen_stack[-2]
        assert below.maximized is below.query_one("#loss")


async def test_updates_between_two_keys_do_not_undo_the_first(run: FakeRun) -> None:
    run.begin()
    run.train(200)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "step 200" in header(pilot))
        tabs, charts = pilot.app.screen.query_one(TrainTabs), pilot.app.screen.query(Chart)
        for axis in ("time", "epoch"):
            charts.first().action_axis()
            tabs.show({"steps"})  # before the other charts hear of it
            assert charts.first().view.axis == axis
        await until(pilot, lambda: {chart.view.axis for chart in charts} == {"epoch"})


async def test_a_pane_is_maximised_and_back(run: FakeRun) -> None:
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: pilot.app.focused is not None)
        await pilot.press("f")
        await pilot.pause()
        assert pilot.app.screen.maximized is pilot.app.screen.query_one("#loss")
        await pilot.press("f")
        await pilot.pause()
        assert pilot.app.screen.maximized is None


async def test_a_tab_is_not_opened_behind_a_maximised_pane(run: FakeRun) -> None:
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: pilot.app.focused is not None)
        await pilot.press("f")
        await pilot.pause()
        await pilot.press("7")
        await until(pilot, lambda: bool(pilot.app.screen.query(LogView)))
        assert pilot.app.screen.maximized is None
        log = pilot.app.screen.query_one(LogView)
        await until(pilot, lambda: log.has_focus_within or log.has_focus)
        await pilot.pause()
        assert "7 Log" in shown(pilot.app) and log.region


def _warn(run: FakeRun, message: str) -> None:
    run.event("log", level="warning", message=message)


async def test_only_new_warnings_are_toasts(run: FakeRun) -> None:
    run.begin()
    _warn(run, "an old one")
    _warn(run, "an old one too")
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        toasts = pilot.app._notifications
        await pilot.pause(0.7)
        assert not len(toasts)
        _warn(run, "a [new] one")
        await until(pilot, lambda: len(toasts) == 1)
        assert [each.message for each in toasts] == ["a [new] one"]


async def test_what_came_while_the_screen_stood_still_is_read(run: FakeRun) -> None:
    run.begin()
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        for _ in range(100):
            run.train(500)
        await until(pilot, lambda: "step 50,000" in header(pilot))


async def test_many_warnings_at_once_are_one_toast(run: FakeRun) -> None:
    run.begin()
    screen = TrainScreen(run.attach(), Remembered())
    async with TrmApp(lambda _: screen).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        await until(pilot, lambda: screen.watched.was_live)
        for number in range(3):
            _warn(run, f"number {number}")
        await until(pilot, lambda: len(pilot.app._notifications) > 0)
        told = [each.message for each in pilot.app._notifications]
        assert told == ["3 warnings, see Log"]


async def test_a_screenshot_is_written_here(
    run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))
    monkeypatch.chdir(tmp_path)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await pilot.press("ctrl+p", *"screenshot")
        await until(pilot, lambda: "Save an SVG" in shown(pilot.app))
        await pilot.press("enter", "enter")
        await until(pilot, lambda: bool(list(tmp_path.glob("trm-tui-first-*.svg"))))
        written = next(tmp_path.glob("*.svg"))
        told = [each.message for each in pilot.app._notifications]
        assert told == [f"Screenshot written to {written}"]


async def test_help_begins_with_the_focused_pane(run: FakeRun) -> None:
    async with app_of(run).run_test(size=SIZE) as pilot:
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, HelpScreen)
        await pilot.press("question_mark")
        assert isinstance(pilot.app.screen, TrainScreen)


async def test_how_it_looked_is_remembered(run: FakeRun) -> None:
    run.begin()
    run.train(50)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: pilot.app.focused is not None)
        await pilot.press("x", "y", "right_square_bracket", "2")
        await pilot.pause()
        pilot.app.theme = "trm-light"
        await pilot.press("q")
    app = app_of(run)
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: app.focused is not None)
        assert app.screen.query_one(TabbedContent).active == "charts"
        assert app.theme == "trm-light"
        await pilot.press("1")
        await until(pilot, lambda: len(pilot.app.screen.query("#loss")) == 1)
        loss = app.screen.query_one("#loss", Chart)
        assert (loss.view.axis, loss.view.smoothing, loss.log_scale) == ("time", 0.97, True)


async def test_the_run_is_read_anew_when_its_file_is_another(run: FakeRun) -> None:
    run.begin()
    run.train(50)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "step 50/" in header(pilot))
        run.folder.events.unlink()
        run.step = 0
        run.begin()
        run.train(7)
        await until(pilot, lambda: "step 7/" in header(pilot))
        assert len(pilot.app.screen.query_one("#loss", Chart).traces[0]) == 7


async def test_data_of_a_chart_are_written(run: FakeRun) -> None:
    run.begin()
    run.train(30)
    async with app_of(run).run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "step 30/" in header(pilot))
        await pilot.press("w")
        await pilot.pause()
        await pilot.press("enter")
        written = run.folder.path / "loss.csv"
        await until(pilot, written.exists)
        assert len(written.read_text(encoding="utf-8").splitlines()) == 31


async def test_closing_asks_only_where_the_training_depends_on_it(run: FakeRun) -> None:
    class Worker:
        pid = 1

        def poll(self) -> None:
            return None

    run.begin()
    attached = run.attach()
    attached.worker = Worker()  # type: ignore[assignment]
    app = TrmApp(lambda remembered: TrainScreen(attached, remembered), Settings())
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, lambda: "● running" in header(pilot))
        await pilot.press("q")
        assert isinstance(app.screen, ClosingDialog)
        await pilot.press("escape")
        assert isinstance(app.screen, TrainScreen)
        await pilot.press("q", "k")
        await pilot.pause()
    assert run.commands() == ["detach"]
    assert not attached.is_ours
