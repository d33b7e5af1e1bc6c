"""SamplesDialog: the samples of a cell, whatever they hold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import OptionList

from tests.screens.panes import PaneApp, assert_golden, text_of
from tests.support import TOOLS, dialogues, sample, write_jsonl
from trm_engine.errors import DataError
from trm_tui.screens.samples import SamplesDialog
from trm_tui.sessions.sample_file import SampleFile
from trm_tui.theme import ThemedApp
from trm_tui.widgets.conversation.sample import ConversationView, last_user_text, paragraphs
from trm_tui.widgets.conversation.sample_reader import Load, SampleReader

TITLE = "true find_customer → predicted change_plan"


@pytest.fixture
def file(tmp_path: Path) -> SampleFile:
    """Six samples of two conversations."""
    return SampleFile(write_jsonl(tmp_path / "val.jsonl", dialogues(2)))


class DialogApp(ThemedApp):
    """Opens a dialog."""

    def __init__(self, dialog: SamplesDialog) -> None:
        super().__init__()
        self.dialog = dialog

    def on_mount(self) -> None:
        self.push_screen(self.dialog)

    @property
    def shown(self) -> str:
        """The lines of the conversation's view."""
        return text_of(self.dialog.query_one(ConversationView))

    @property
    def listed(self) -> list[str]:
        """The lines of the list."""
        return [str(option.prompt) for option in self.dialog.query_one(OptionList).options]


def app_of(load: Load, lines: list[int], count: int | None = None) -> DialogApp:
    """An app that opens the dialog for some lines."""
    return DialogApp(SamplesDialog(TITLE, lines, len(lines) if count is None else count, load))


async def settle(pilot: Pilot[Any]) -> None:
    """Wait until everything is read and shown."""
    await pilot.pause()
    await pilot.app.workers.wait_for_complete()
    await pilot.pause()


def record(text: str = "hello", **changes: Any) -> dict[str, Any]:
    """A sample of one turn of the user's."""
    return sample(history=[{"role": "user", "content": text}], **changes)


async def test_the_first_sample_is_shown_and_all_are_listed(file: SampleFile) -> None:
    app = app_of(file.load, [3, 1, 6], count=12)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        title = app.dialog.query_one("#title")
        assert str(title.render()) == f"{TITLE}: 12 samples, 3 shown"
        assert app.listed == [
            "3 the cheaper one for 1 months",
            "1 Xin chào, case 0: I need help with my plan",
            "6 the cheaper one for 2 months",
        ]
        assert "Xin chào, case 0:" in app.shown


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_as_text(file: SampleFile, size: tuple[int, int]) -> None:
    app = app_of(file.load, [6])
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("enter", "end")
        assert_golden(f"samples_dialog_{size[0]}x{size[1]}", app.shown)
        await pilot.press("t", "home")
        assert_golden(f"samples_dialog_tools_{size[0]}x{size[1]}", app.shown)


async def test_keys(file: SampleFile) -> None:
    app = app_of(file.load, [1, 2, 3])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        chosen, view = app.dialog.query_one(OptionList), app.dialog.query_one(ConversationView)
        await pilot.press("j", "down")
        await settle(pilot)
        assert chosen.highlighted == 2
        assert '{"name":"find_customer"' in app.shown
        await pilot.press("k")
        await settle(pilot)
        assert chosen.highlighted == 1
        assert "my name is An Nguyễn" in app.shown
        await pilot.resize_terminal(60, 14)
        await pilot.press("enter", "j", "down")
        assert view.has_focus
        assert view.scroll_offset.y == 2
        await pilot.press("h", "j")
        await settle(pilot)
        assert chosen.highlighted == 2
        assert view.scroll_offset.y == 0
        await pilot.press("q")
        assert app.screen is not app.dialog


async def test_the_mouse_selects_and_a_click_beside_closes(file: SampleFile) -> None:
    app = app_of(file.load, [1, 2])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.click(OptionList, offset=(5, 1))
        await settle(pilot)
        assert "my name is An Nguyễn" in app.shown
        await pilot.click(offset=(0, 0))
        assert app.screen is not app.dialog


async def test_without_lines() -> None:
    def load(line: int) -> None:
        raise AssertionError("there is nothing to load")

    app = app_of(load, [], count=4)
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert "did not record which samples" in app.shown
        await pilot.press("j", "enter", "t", "escape")
        assert app.screen is not app.dialog


async def test_what_cannot_be_read_is_told_and_the_rest_is_shown() -> None:
    def load(line: int) -> dict[str, Any] | None:
        if line == 2:
            raise FileNotFoundError(2, "No such file or directory", "val.jsonl")
        if line == 3:
            raise DataError("val.jsonl, line 3: broken JSON at column 7: Expecting value")
        return record() if line == 1 else None

    app = app_of(load, [1, 2, 3, 4])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        assert app.listed == ["1 hello", *(f"{line} ✗ cannot be read" for line in (2, 3, 4))]
        told = []
        for _ in range(3):
            await pilot.press("j")
            await settle(pilot)
            told.append(" ".join(app.shown.split()))
        assert told == [
            "The sample cannot be read: val.jsonl: No such file or directory",
            "val.jsonl, line 3: broken JSON at column 7: Expecting value",
            "The file has no sample on line 4.",
        ]
        await pilot.press("home")
        await settle(pilot)
        assert "hello" in app.shown


async def test_a_sample_that_comes_late_is_not_shown(file: SampleFile) -> None:
    app = app_of(file.load, [1, 2])
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("j")
        await settle(pilot)
        reader = app.dialog.query_one(SampleReader)
        reader.post_message(SampleReader.Loaded(1, record("late")))
        await pilot.pause()
        assert "late" not in app.shown
        assert "my name is An Nguyễn" in app.shown


async def test_nothing_in_a_text_is_markup_or_steers_the_terminal() -> None:
    text = "[bold red]x[/] [/nothing] \x1b[2J\x07 \u202egnp.exe \ud800 مرحبا 😀"
    shown = "[bold red]x[/] [/nothing] \\x1b[2J\\x07 \\u202egnp.exe \\ud800 مرحبا 😀"
    app = app_of(lambda line: record(text), [1])
    async with app.run_test(size=(160, 24)) as pilot:
        await settle(pilot)
        assert shown in app.shown
        assert app.listed == [f"1 {shown}"]


async def test_very_long_conversations_scroll_to_their_end() -> None:
    history = [{"role": "user", "content": f"turn {n} " + "word " * 40} for n in range(100)]
    history.append({"role": "assistant", "content": "漢字" * 20_000})
    app = app_of(lambda line: sample(history=history), [1])
    async with app.run_test(size=(80, 24)) as pilot:
        await settle(pilot)
        await pilot.press("enter", "end")
        assert "… 20,000 more characters" in app.shown
        assert "direct_answer" in app.shown


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
TURNS = st.fixed_dictionaries({}, optional={"role": st.text("user") | JSON, "content": JSON})
ANY_RECORD = st.fixed_dictionaries(
    {},
    optional={
        "tools": JSON | st.lists(st.just(TOOLS[0]) | st.fixed_dictionaries({"function": JSON})),
        "history": JSON | st.lists(TURNS | JSON),
        "decision": JSON,
        "tool": JSON,
        "slots": JSON,
        "content": JSON,
    },
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(ANY_RECORD, st.booleans())
def test_any_json_object_can_be_shown(anything: dict[str, Any], has_all_tools: bool) -> None:
    assert list(paragraphs(anything, has_all_tools))
    assert "\n" not in last_user_text(anything)


def test_json_turns_are_compact_json_whichever_way_they_are_written() -> None:
    call = {"name": "find_bus", "arguments": {"from": "Zürich"}}
    turns = [
        {"role": "tool_call", "content": json.dumps(call, indent=2)},
        {"role": "tool_response", "content": call},
        {"role": "tool_response", "content": "not JSON"},
        {"role": "user", "content": "[1, 2]"},
    ]
    texts = [each.text for each in paragraphs(sample(history=turns)) if each.lead == "  "]
    compact = '{"name":"find_bus","arguments":{"from":"Zürich"}}'
    assert texts == [compact, compact, "not JSON", "[1, 2]"]


async def test_many_tools_are_one_line_until_they_are_asked_for() -> None:
    tools = [{"function": {"name": f"tool_{number}"}} for number in range(50)]
    view = ConversationView()
    async with PaneApp(view).run_test(size=(60, 20)) as pilot:
        view.show(record(tools=[*tools, *TOOLS]))
        await pilot.pause()
        assert text_of(view).splitlines()[0].startswith("52 available tools: tool_0, ")
        assert text_of(view).splitlines()[0].endswith("…")
        assert text_of(view).splitlines()[1] == ""
        view.toggle_tools()
        await pilot.pause()
        view.action_last()
        await pilot.pause()
        assert "  change_plan(plan, months)" in text_of(view)
