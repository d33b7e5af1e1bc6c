"""The tab Labels of a data file: decisions on suspected labels, and the corrected file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tests.hostile import TEXT, hidden_in
from tests.problems import clean
from tests.screens.panes import assert_golden
from tests.screens.test_data_view import OwnProcess, app_of, opened, panes, settled
from tests.screens.whole_screen import shown, until
from tests.support import write_jsonl
from trm_engine.data.cache import content_hash
from trm_engine.data.problems.view import ViewOptions
from trm_engine.errors import DataError
from trm_engine.label_errors.review import DECISIONS
from trm_engine.label_errors.suspect import RESULT, SEARCH, Suspect, write_records
from trm_tui.app import TrmApp
from trm_tui.screens.data_view import ViewScreen
from trm_tui.screens.edit_label import EditLabelDialog
from trm_tui.settings import Settings
from trm_tui.widgets.data.suspects import SuspectList

CALL = {"name": "cancel", "arguments": {}}
SUSPECTS = [
    Suspect(1, "decision", "", "direct_answer", "tool_call", 0.97, CALL),
    Suspect(3, "slot", "owner", "arrived", "bicycle", 0.83),
    Suspect(4, "argument", "number", 101, 102, 0.71),
]


def searched(folder: Path, suspects: list[Suspect]) -> OwnProcess:
    """A file, and a search that found suspects in it."""
    path = write_jsonl(folder / "talks.jsonl", clean())
    search = write_search(folder / "search", path, suspects)
    options = ViewOptions(cache=folder / "cache", max_length=1024, errors=search)
    return OwnProcess(path, options)


def write_search(folder: Path, path: Path, suspects: list[Suspect]) -> Path:
    """The folder of a finished search in a file."""
    folder.mkdir(parents=True)
    (folder / SEARCH).write_text(json.dumps({"content": content_hash(path)}))
    write_records(folder / RESULT, suspects)
    return folder


@pytest.fixture
def session(tmp_path: Path) -> OwnProcess:
    return searched(tmp_path, SUSPECTS)


def kept(session: OwnProcess) -> list[str]:
    """The decisions in the folder of the search, as they were made."""
    assert session.options.errors
    path = session.options.errors / DECISIONS
    return [json.loads(line)["action"] for line in path.open()] if path.exists() else []


async def pressed(pilot: Pilot[Any], *keys: str) -> str:
    for key in keys:
        await pilot.press(key)
        await pilot.pause()
    return shown(pilot.app)


def told(pilot: Pilot[Any]) -> str:
    """The notifications."""
    return " ".join(each.message for each in pilot.app._notifications)


async def typed(pilot: Pilot[Any], text: str) -> None:
    """Type a label in place of the one that is suggested."""
    await pressed(pilot, "e")
    await until(pilot, lambda: isinstance(pilot.app.screen, EditLabelDialog))
    await pressed(pilot, "ctrl+u", *text, "enter")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_labels_as_text(session: OwnProcess, size: tuple[int, int]) -> None:
    async with app_of(session).run_test(size=size) as pilot:
        await opened(pilot, "3", "y", "down", "t", "down", "d")
        await until(pilot, lambda: "Sample · line 4" in shown(pilot.app))
        text = await settled(pilot)
    assert_golden(f"data_labels_{size[0]}x{size[1]}", panes(text))


async def test_each_decision_stands_in_its_row_and_in_the_folder(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        text = await opened(pilot, "3")
        assert "0 of 3 decided" in text
        assert "decision: rather tool_call than direct_answer" in text
        assert "keep" in await pressed(pilot, "y")
        assert kept(session) == ["keep"]
        assert "take" in await pressed(pilot, "t", "t")
        assert kept(session) == ["keep", "take"]
        text = await pressed(pilot, "u")
        assert "take" not in panes(text).splitlines()[2] and "keep" in text
        text = await pressed(pilot, "u", "u")
        assert "0 of 3 decided" in text
        assert kept(session) == ["keep", "take", "undo", "undo"]


async def test_a_closed_screen_loses_nothing(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "3", "t", "down", "down", "d")
    again = OwnProcess(session.path, session.options)
    async with app_of(again).run_test(size=(120, 36)) as pilot:
        text = await opened(pilot, "3")
        assert "2 of 3 decided" in text and "take" in text and "drop" in text


async def test_the_corrected_file_and_its_log(session: OwnProcess, tmp_path: Path) -> None:
    out, log = tmp_path / "talks-corrected.jsonl", tmp_path / "talks-corrected.changes.jsonl"
    log.write_text("of before")
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "3", "t", "down")
        await typed(pilot, "two baskets")
        await until(pilot, lambda: "✓ decided: edit: two baskets" in shown(pilot.app))
        await pressed(pilot, "down", "d", "w", "enter")
        assert "exists. Press enter again" in shown(pilot.app)
        assert log.read_text() == "of before" and not out.exists()
        await pressed(pilot, "enter")
        await until(pilot, out.exists)
        await until(pilot, lambda: "2 labels changed, 1 sample dropped" in told(pilot))
    samples, changes = ([json.loads(line) for line in each.open()] for each in (out, log))
    before = clean()
    assert (samples[0]["decision"], samples[0]["tool"]) == ("tool_call", CALL)
    assert samples[2]["slots"] == {**before[2]["slots"], "owner": "two baskets"}
    assert [samples[1], *samples[3:]] == [before[1], *before[4:]]
    assert [json.loads(line) for line in session.path.open()] == before
    assert changes == [
        {"line": 1, "kind": "decision", "field": "", "action": "take"}
        | {"before": "direct_answer", "after": CALL},
        {"line": 3, "kind": "slot", "field": "owner", "action": "edit"}
        | {"before": before[2]["slots"]["owner"], "after": "two baskets"},
        {"line": 4, "kind": "argument", "field": "number", "action": "drop"}
        | {"before": before[3], "after": None},
    ]


async def test_the_file_itself_is_never_written(session: OwnProcess) -> None:
    before = session.path.read_bytes()
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "3", "t", "w")
        await pressed(pilot, "ctrl+u", *str(session.path), "enter", "enter")
        await until(pilot, lambda: "is the file itself" in told(pilot))
    assert session.path.read_bytes() == before


async def test_a_value_that_does_not_fit_is_not_kept(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "3")
        await typed(pilot, "call")
        assert "expected direct_answer or a call" in shown(pilot.app)
        await pressed(pilot, "ctrl+u", *'{"name": "cancle"}', "enter")
        assert "'cancle' is not among tools" in shown(pilot.app)
        await pressed(pilot, "escape", "down", "down")
        await typed(pilot, "five")
        assert "expected a value such as 101" in shown(pilot.app)
        await pressed(pilot, "ctrl+u", *"105", "enter")
        assert isinstance(pilot.app.screen, ViewScreen)
    assert session.review and session.review.decision(SUSPECTS[2])
    assert kept(session) == ["edit"]
    assert session.review.decision(SUSPECTS[2]).value == 105  # type: ignore[union-attr]


async def test_the_keys_work_in_the_sample_too(session: OwnProcess) -> None:
    async with app_of(session).run_test(size=(80, 24)) as pilot:
        await opened(pilot, "3", "enter")
        assert pilot.app.screen.maximized
        await pressed(pilot, "y", "n", "d", "escape")
        assert kept(session) == ["keep", "drop"]
        assert pilot.app.focused and isinstance(pilot.app.focused.parent, SuspectList)
        await pressed(pilot, "slash", *"drop", "enter")
        assert pilot.app.focused.parent.selected == SUSPECTS[1]


async def test_without_a_search_the_tab_says_how_to_make_one(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "talks.jsonl", clean())
    session = OwnProcess(path, ViewOptions(cache=tmp_path / "cache"))
    async with app_of(session).run_test(size=(80, 24)) as pilot:
        text = await opened(pilot, "3", "y", "e", "w")
        assert "data errors FILE" in text
        assert isinstance(pilot.app.screen, ViewScreen)


async def test_the_search_of_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = write_jsonl(tmp_path / "talks.jsonl", clean())
    write_search(Path("outputs/errors-talks"), path, SUSPECTS)
    session = OwnProcess(path, ViewOptions(cache=tmp_path / "cache"))
    async with app_of(session).run_test(size=(80, 24)) as pilot:
        assert "bicycle" in await opened(pilot, "3", "y")
    assert session.review and session.review.decided() == 1


async def test_decisions_that_cannot_be_read_close_the_screen(session: OwnProcess) -> None:
    assert session.options.errors
    (session.options.errors / DECISIONS).write_text('{"line": 1}\n')
    screen = ViewScreen(session)
    async with TrmApp(lambda _: screen, Settings()).run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: session.was_closed)
    assert isinstance(screen.problem, DataError) and "line 1" in str(screen.problem)


async def test_nothing_of_the_data_steers_the_terminal(tmp_path: Path) -> None:
    session = searched(tmp_path, [Suspect(3, "slot", "owner", TEXT, TEXT, 0.5)])
    async with app_of(session).run_test(size=(120, 36)) as pilot:
        await opened(pilot, "3", "t", "e")
        assert hidden_in(shown(pilot.app).encode()) == []
        await pressed(pilot, "enter")
        assert hidden_in(shown(pilot.app).encode()) == []
