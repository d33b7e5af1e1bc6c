"""The screen of a data file: figures, problems, the samples behind them, and reading them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.hostile import TEXT, hidden_in, hostile_dialogues
from tests.problems import TALK, clean, conversation, faulty
from tests.screens.panes import assert_golden
from tests.screens.whole_screen import shown, until
from tests.support import write_jsonl
from trm_engine.data.problems.figures import figures_of
from trm_engine.data.problems.view import ViewOptions, open_view
from trm_engine.errors import DataError
from trm_tui.app import TrmApp
from trm_tui.screens.data_view import ViewScreen
from trm_tui.sessions.data_view import DataSession
from trm_tui.settings import Settings
from trm_tui.widgets.data.figures import FigureList
from trm_tui.widgets.data.problems import ProblemList
from trm_tui.widgets.data.samples import SampleList


class OwnProcess(DataSession):
    """Reads the file in this process, as soon as it may."""

    def __init__(self, path: Path, options: ViewOptions, waits: bool = False) -> None:
        super().__init__(path, options)
        self.may_read = asyncio.Event()
        self.was_closed = False
        if not waits:
            self.may_read.set()

    async def open(self) -> AsyncIterator[tuple[str, float]]:
        """Half of the file, then all of it."""
        yield f"reading {self.path.name}", 0.5
        await self.may_read.wait()
        self.view = open_view(self.path, self.options)
        self.figures = figures_of(self.view.file, self.options.max_length)

    async def close(self) -> None:
        """Note it."""
        self.was_closed = True


@pytest.fixture
def session(tmp_path: Path) -> OwnProcess:
    path = write_jsonl(tmp_path / "talks.jsonl", faulty())
    return OwnProcess(path, ViewOptions(cache=tmp_path / "cache", max_length=1024))


def app_of(session: DataSession, theme: str = "trm-dark") -> TrmApp:
    return TrmApp(lambda _: ViewScreen(session), Settings(theme=theme))


async def opened(pilot: Pilot[Any], *keys: str) -> str:
    """The screen once the file is read and the keys are pressed."""
    screen = pilot.app.screen_stack[1]
    assert isinstance(screen, ViewScreen)
    await until(pilot, lambda: screen.session.figures)
    await pilot.pause()
    for key in keys:
        await pilot.press(key)
        await pilot.pause(0.1)  # the sample is shown after its list
    await pilot.pause()
    return shown(pilot.app)


async def settled(pilot: Pilot[Any]) -> str:
    """The screen once it stays the same."""
    seen = ""
    while seen != shown(pilot.app):
        seen = shown(pilot.app)
        await pilot.pause(0.4)
    return seen


def panes(text: str) -> str:
    """The screen without its header and tabs, whose underline moves."""
    return text[text.index("╭") :]


def titled(pilot: Pilot[Any]) -> str:
    """Title and subtitle of the samples in the open tab."""
    samples = pilot.app.screen.query_one("ViewTabs").samples  # type: ignore[attr-defined]
    return f"{samples.border_title} | {samples.border_subtitle}"


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48)])
async def test_problems_as_text(session: OwnProcess, size: tuple[int, int]) -> None:
    async with app_of(session).run_test(size=size) as pilot:
        text = await opened(pilot, "2")
        await until(pilot, lambda: size == (80, 24) or "correct answer" in shown(pilot.app))
        text = await settled(pilot)
    assert_golden(f"data_problems_{size[0]}x{size[1]}", panes(text))


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_overview_as_text(session: OwnProcess, size: tuple[int, int]) -> None:
    async with app_of(session).run_test(size=size) as pilot:
        await opened(pilot, *["down"] * 4)
        await until(pilot, lambda: size == (80, 24) or "correct answer" in shown(pilot.app))
        text = await settled(pilot)
    assert_golden(f"data_overview_{size[0]}x{size[1]}", panes(text))


async def test_every_figure_lists_as_many_samples_as_it_says(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        for figure in session.figures:
            listed = len(figure.samples().rows)
            assert listed == figure.count or figure.section == "Tools called", figure.name
        before = titled(pilot)
        await pilot.press("down", "down")
        assert titled(pilot) != before


async def test_from_a_problem_to_its_samples_and_back(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "2", "down")
        assert titled(pilot).startswith("Samples · Arguments outside the schema | 2")
        await pilot.press("enter")
        assert pilot.app.focused and isinstance(pilot.app.focused.parent, SampleList)
        await pilot.press("t")
        assert "1 of 2 · find_order" in titled(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "✗ find_order" in shown(pilot.app))
        assert pilot.app.screen.maximized
        await pilot.press("escape")
        assert not pilot.app.screen.maximized
        assert isinstance(pilot.app.focused.parent, SampleList)
        await pilot.press("T", "escape")
        assert isinstance(pilot.app.focused.parent, ProblemList)


async def test_a_sample_and_the_one_it_is_compared_with(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "2", "enter", "enter")
        await until(pilot, lambda: "o shows line 25" in shown(pilot.app))
        text = shown(pilot.app)
        assert "decision: tool_call here, direct_answer there" in text
        assert "Sample · line 4" in text
        await pilot.press("o")
        await until(pilot, lambda: "Sample · line 25" in shown(pilot.app))
        assert "o shows line 4" in shown(pilot.app)
        await pilot.press("o")
        await until(pilot, lambda: "Sample · line 4 " in shown(pilot.app))
        await pilot.press("n")
        await until(pilot, lambda: "Sample · line 25" in shown(pilot.app))


async def test_values_are_marked_and_those_nowhere_are_named(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(160, 48)) as pilot:
        await opened(pilot, "2", *["down"] * 3, "enter", "down")
        await until(pilot, lambda: "slot owner stands nowhere: nobody we know" in shown(pilot.app))
        assert "underlined: values of the label" in shown(pilot.app)


async def test_search_in_samples_and_in_figures(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "enter", "slash", *"violin teacher")
        await until(pilot, lambda: "2 of 30" in titled(pilot))
        await pilot.press("enter", "escape")
        assert titled(pilot).endswith("| 30")
        await pilot.press("escape", "slash", *"cancel", "enter")
        figures = pilot.app.screen.query_one(FigureList)
        assert figures.selected and figures.selected.name == "cancel"


async def test_listed_samples_are_written(
    session: OwnProcess, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "2", "enter", "w", "enter")
        path = tmp_path / "talks-samples.jsonl"
        await until(pilot, path.exists)
    written = [json.loads(line) for line in path.read_text().splitlines()]
    assert written == [faulty()[3], faulty()[24]]


# Reading ----------------------------------------------------------------------------------------


async def test_reading_shows_how_far_it_is_and_can_be_cancelled(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "talks.jsonl", clean())
    session = OwnProcess(path, ViewOptions(cache=tmp_path / "cache"), waits=True)
    app = app_of(session)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "reading talks.jsonl… 50%" in shown(app))
        await pilot.press("2")
        assert "esc cancels" in shown(app) and "Cancel" in shown(app)
        screen = app.screen
        assert isinstance(screen, ViewScreen)
        await pilot.press("escape")
        await until(pilot, lambda: session.was_closed)
    assert screen.was_cancelled and screen.problem is None


async def test_an_error_closes_the_screen(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "bad.jsonl", [b"{"])
    session = OwnProcess(path, ViewOptions(cache=tmp_path / "cache"))
    screen = ViewScreen(session)
    async with TrmApp(lambda _: screen, Settings()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: session.was_closed)
    assert isinstance(screen.problem, DataError)


async def test_the_process_that_reads(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "talks.jsonl", faulty())
    session = DataSession(path, ViewOptions(cache=tmp_path / "cache"))
    told = [what async for what, _ in session.open()]
    assert "reading talks.jsonl" in told
    assert session.view and len(session.view.file) == 30
    again = DataSession(path, session.options)
    assert [what async for what, _ in again.open()] == []
    assert again.view and len(again.view.problems) == len(session.view.problems)
    missing = DataSession(tmp_path / "none.jsonl", session.options)
    with pytest.raises(DataError, match=r"none\.jsonl"):
        [what async for what, _ in missing.open()]


async def test_a_file_that_changed_is_said_not_to_be_readable(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot)
        session.path.unlink()
        session._loaded.cache_clear()
        await pilot.press("down", "down")
        await until(pilot, lambda: "cannot be read" in shown(pilot.app))


# Foreign text -----------------------------------------------------------------------------------


async def test_nothing_of_the_data_steers_the_terminal(tmp_path: Path) -> None:
    records = hostile_dialogues(6)
    call = {"name": TEXT, "arguments": {TEXT: TEXT}}
    records.append({**records[1], "tools": [], "tool": call})
    other = {**conversation(1)[0], "slots": records[0]["slots"]}
    path = write_jsonl(tmp_path / "talks.jsonl", [*records, other])
    session = OwnProcess(path, ViewOptions(cache=tmp_path / "cache", max_length=16))
    async with app_of(session).run_test(size=(160, 48)) as pilot:
        await opened(pilot)
        for key in ("2", *["down"] * 5, "enter", "down", "enter", "escape", "1", *["pagedown"] * 4):
            await pilot.press(key)
            await pilot.pause(0.06)
            assert hidden_in(shown(pilot.app).encode()) == []


@pytest.mark.parametrize("theme", ["trm-light", "ansi-light", "trm-colour-blind"])
async def test_themes_and_small_sizes(session: OwnProcess, theme: str) -> None:
    async with app_of(session, theme).run_test(size=(40, 12)) as pilot:
        await opened(pilot, "down", "enter", "enter", "escape", "2", "down", "enter")
        assert TALK[1][:8] in shown(pilot.app) or "find" in shown(pilot.app)


async def test_a_list_answers_after_another_tab_was_opened(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "2", "3")
        screen = pilot.app.screen
        assert session.figures and session.view
        screen.post_message(FigureList.Selected(FigureList(), session.figures[-1]))
        screen.post_message(ProblemList.Selected(ProblemList(), session.view.problems[0]))
        await pilot.pause(0.2)
        assert "Suspected labels" in shown(pilot.app)
        await pilot.press("2")
        await until(pilot, lambda: session.view.problems[0].kind.title in titled(pilot))
