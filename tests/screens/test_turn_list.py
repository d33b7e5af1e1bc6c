"""TurnList: turns of any role, text and number; the one under the cursor is in sight."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import starmap
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from textual import on
from textual.message import Message
from textual.pilot import Pilot
from textual.widget import Widget

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_engine.vocabulary import ROLES
from trm_tui.store.step_answer import PREDICTED, TRUE, UNSEEN
from trm_tui.text.marked import Span
from trm_tui.widgets.conversation.turn_list import BAR, CURSOR, LONGEST_TEXT, ShownTurn, TurnList

SAID = (
    "Call 0912 345\tfrom 日本語 👍🏽, שלום مرحبا, e\u0301t\x1b[31m\x07 or\r\n[b]0777[/], on May 8"
)


def span(word: str, kind: str) -> Span:
    return Span(SAID.index(word), SAID.index(word) + len(word), kind)


MARKS = [
    ("0912 345", TRUE),
    ("0777", PREDICTED),
    ("May 8", TRUE),
    ("May 8", PREDICTED),
    ("日本語", CURSOR),
]
CONVERSATION = [
    ShownTurn("system", "You help.", (Span(0, 9, UNSEEN),)),
    ShownTurn(
        "user",
        SAID,
        tuple(starmap(span, MARKS)),
        note="without it P(call) -0.412, answers",
    ),
    ShownTurn("tool_call", '{"name": ', problem="broken JSON at column 10: Expecting value"),
    ShownTurn("tool_response", '{"found":2,"names":["日本語日本語日本語日本語日本語日本語"]}'),
    ShownTurn("assistant", "  \n"),
]


class ListApp(PaneApp):
    """The list inside of a pane, which keeps what it asks for and follows its cursor."""

    def __init__(self, turns: Sequence[ShownTurn], place: int = 0) -> None:
        self.list = TurnList()
        super().__init__(Widget(self.list))
        self.turns, self.place = turns, place

    def on_mount(self) -> None:
        self.list.show(self.turns, self.place)
        self.list.focus()

    @on(TurnList.Moved)
    def move(self, message: TurnList.Moved) -> None:
        self.place = message.place
        self.list.show(self.turns, self.place)

    @on(TurnList.Opened)
    def keep(self, message: Message) -> None:
        self.heard.append(message)


def numbered(count: int, lines: int = 1) -> list[ShownTurn]:
    """Turns that say their numbers from 1, the last of their lines too."""
    return [
        ShownTurn(
            ROLES[number % 5], "\n".join(f"<{number + 1}.{line + 1}>" for line in range(lines))
        )
        for number in range(count)
    ]


def barred(pilot: Pilot[Any]) -> list[str]:
    """The lines that have the cursor's bar, without frame and scrollbar."""
    lines = (line.rstrip("│ ▁▂▃▄▅▆▇█▔") for line in shown(pilot.app).splitlines())
    return [line[line.index(BAR) :] for line in lines if BAR in line]


def marked(app: ListApp, **wanted: bool) -> str:
    """The texts of one turn whose style has these attributes."""
    return " ".join(
        segment.text.strip()
        for strips in app.list._laid_out.values()
        for strip in strips
        for segment in strip
        if segment.style
        and all(bool(getattr(segment.style, key)) == on for key, on in wanted.items())
    )


# What is shown --------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(38, 12), (80, 16)])
@pytest.mark.parametrize("place", [1, 4])
async def test_as_text(size: tuple[int, int], place: int) -> None:
    async with ListApp(CONVERSATION, place).run_test(size=size) as pilot:
        await pilot.pause()
        assert_golden(f"turn_list_{size[0]}x{size[1]}_{place}", shown(pilot.app))


async def test_marks_are_told_apart_without_colours() -> None:
    app = ListApp([CONVERSATION[1]])
    async with app.run_test(size=(120, 12)):
        assert marked(app, underline=True, reverse=True) == "May 8"
        assert marked(app, underline=False, reverse=True) == "0777"
        assert marked(app, underline=True, reverse=False) == "0912 345 日本語"


async def test_the_bar_stands_at_all_lines_of_the_cursors_turn_and_no_others() -> None:
    async with ListApp(numbered(4, lines=2), 2).run_test(size=(30, 20)) as pilot:
        await pilot.press("down", "up")
        assert barred(pilot) == [f"{BAR}assistant", f"{BAR} <3.1>", f"{BAR} <3.2>"]


async def test_no_turn_is_an_empty_list_that_takes_keys() -> None:
    async with ListApp([]).run_test(size=(20, 6)) as pilot:
        assert BAR not in shown(pilot.app)
        await pilot.press("down", "up", "pagedown", "pageup", "home")
        assert BAR not in shown(pilot.app)


@pytest.mark.parametrize(
    "turn",
    [
        ShownTurn("user", "a\x1b[2Jb\x9bc\x00\u202e"),
        pytest.param(
            ShownTurn("user", "a", note="city \x1b[2J"),
        ),
        pytest.param(
            ShownTurn("user", "a", problem="not \x1b[2J"),
        ),
    ],
)
async def test_nothing_that_a_terminal_obeys_is_shown_raw(turn: ShownTurn) -> None:
    async with ListApp([turn]).run_test(size=(60, 10)) as pilot:
        await pilot.pause()
        text = shown(pilot.app)
        assert not set("\x1b\x9b\x00\u202e") & set(text)
        assert "\\x1b[2J" in text


async def test_a_note_stays_on_its_line() -> None:
    async with ListApp([ShownTurn("user", "said", note="day May\n8")]).run_test(
        size=(60, 10)
    ) as pilot:
        await pilot.pause()
        assert "day May 8" in shown(pilot.app)
        assert all(len(line) <= 60 for line in shown(pilot.app).splitlines())


@pytest.mark.parametrize("theme", ["trm-light", "ansi-dark"])
async def test_another_theme_keeps_the_text(theme: str) -> None:
    async with ListApp(CONVERSATION).run_test(size=(60, 20)) as pilot:
        await pilot.pause()
        before = shown(pilot.app)
        pilot.app.theme = theme
        await pilot.pause()
        assert shown(pilot.app) == before


CHARACTERS = st.text("a [/]\u0301\u200d👍🏽日本مرحبا\n\t\x1b", max_size=40) | st.text(max_size=8)
TURNS = st.builds(
    ShownTurn,
    st.sampled_from(ROLES),
    CHARACTERS,
    st.lists(
        st.builds(
            Span,
            st.integers(-2, 45),
            st.integers(-2, 45),
            st.sampled_from([TRUE, PREDICTED, UNSEEN, CURSOR]),
        ),
        max_size=3,
    ).map(tuple),
)


@settings(deadline=None, max_examples=10, suppress_health_check=list(HealthCheck))
@given(st.lists(TURNS, min_size=1, max_size=4), st.sampled_from([1, 2, 3, 7, 20, 64]), st.data())
async def test_any_turns_in_any_size(turns: list[ShownTurn], width: int, data: Any) -> None:
    place = data.draw(st.integers(0, len(turns) - 1))
    app = ListApp(turns, place)
    async with app.run_test(size=(width, 9)) as pilot:
        await pilot.press("down", "up", "end")
        lines = app.list.scrollable_content_region.width
        assert all(
            strip.cell_length == lines for strips in app.list._laid_out.values() for strip in strips
        )
        assert "\x1b" not in shown(pilot.app)


# Many and long turns --------------------------------------------------------------------------


@pytest.mark.parametrize("lines", [1, 3])
async def test_five_hundred_turns_are_walked_from_end_to_end(lines: int) -> None:
    async with ListApp(numbered(500, lines), 499).run_test(size=(38, 12)) as pilot:
        await pilot.pause()
        assert f"{BAR} <500.{lines}>" in shown(pilot.app)
        for key, number in [("g", 1), ("j", 2), ("G", 500), ("k", 499), ("home", 1), ("end", 500)]:
            await pilot.press(key)
            assert barred(pilot)[-1] == f"{BAR} <{number}.{lines}>", key


async def test_pages_move_by_as_many_lines_as_are_seen() -> None:
    app = ListApp(numbered(100))
    async with app.run_test(size=(38, 12)) as pilot:
        await pilot.press("pagedown")
        assert app.place == app.list.size.height // 2 == 5
        await pilot.press("ctrl+f", "ctrl+b", "pageup", "pageup")
        assert app.place == 0


async def test_a_text_of_100_kb_is_cut_and_says_so() -> None:
    app = ListApp([*numbered(1), ShownTurn("user", "word " * 20_000 + "END")])
    async with app.run_test(size=(80, 16)) as pilot:
        began = time.process_time()
        await pilot.press("end")
        assert f"… {100_003 - LONGEST_TEXT:,} more characters" in shown(pilot.app)
        assert "END" not in shown(pilot.app)
        assert time.process_time() - began < 20


async def test_a_turn_longer_than_the_pane_is_scrolled_by_its_cursor_keys() -> None:
    app = ListApp([ShownTurn("user", "\n".join(map(str, range(12))))])
    async with app.run_test(size=(20, 8)) as pilot:
        await pilot.pause()
        await pilot.press("home", *["up"] * 9)
        assert app.list.scroll_offset.y == 0
        await pilot.press(*["down"] * 3)
        assert app.list.scroll_offset.y == 3
        await pilot.press(*["down"] * 9)
        assert f"{BAR} 11" in shown(pilot.app)


async def test_a_turn_longer_than_the_pane_is_scrolled_by_pages() -> None:
    app = ListApp([ShownTurn("user", "\n".join(map(str, range(20)))), *numbered(1)])
    async with app.run_test(size=(20, 8)) as pilot:
        await pilot.press("home", *["pagedown"] * 6)
        assert app.place == 1


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.integers(1, 6), min_size=1, max_size=12),
    st.lists(st.sampled_from(["j", "k", "pagedown", "pageup", "g", "G"]), max_size=10),
)
async def test_the_cursors_turn_is_seen_as_a_whole_where_it_fits(
    heights: list[int], keys: list[str]
) -> None:
    turns = [ShownTurn("user", "\n".join(["x"] * lines)) for lines in heights]
    app = ListApp(turns, len(turns) - 1)
    async with app.run_test(size=(30, 10)) as pilot:
        await pilot.pause()
        for key in keys:
            await pilot.press(key)
            assert len(barred(pilot)) == heights[app.place] + 1


async def test_the_cursor_stays_in_sight_when_the_size_changes() -> None:
    async with ListApp(numbered(60), 30).run_test(size=(60, 30)) as pilot:
        for size in [(30, 6), (80, 12), (18, 7)]:
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert barred(pilot) == [f"{BAR}{ROLES[0]}", f"{BAR} <31.1>"]


async def test_the_end_of_a_turn_that_grows_stays_in_sight() -> None:
    app = ListApp(numbered(10), 9)
    async with app.run_test(size=(30, 8)) as pilot:
        await pilot.pause()
        app.list.show([*numbered(9), *numbered(10, lines=3)[9:]], 9)
        await pilot.pause()
        assert f"{BAR} <10.3>" in shown(pilot.app)


async def test_only_changed_turns_are_laid_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    turns = numbered(50)
    app = ListApp(turns)
    laid_out: list[ShownTurn] = []
    lines = TurnList._lines

    def counted(self: TurnList, turn: ShownTurn, width: int) -> Any:
        laid_out.append(turn)
        return lines(self, turn, width)

    async with app.run_test(size=(38, 12)) as pilot:
        await pilot.pause()
        monkeypatch.setattr(TurnList, "_lines", counted)
        app.list.show(list(turns), 20)
        assert laid_out == []
        changed = [
            replace(turn, note="new") if n in (3, 40) else turn for n, turn in enumerate(turns)
        ]
        app.list.show(changed, 20)
        assert laid_out == [changed[3], changed[40]]
        laid_out.clear()
        app.list.show([changed[40], *changed], 20)
        assert laid_out == []


# Keys and mouse -------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["enter", "i"])
async def test_keys_open_the_turn(key: str) -> None:
    app = ListApp(numbered(3))
    async with app.run_test(size=(38, 12)) as pilot:
        await pilot.press(key)
        assert app.heard == [TurnList.Opened()]


async def test_a_click_moves_the_cursor_and_two_open_the_turn() -> None:
    app = ListApp(numbered(30), 29)
    async with app.run_test(size=(38, 12)) as pilot:
        await pilot.pause()
        await pilot.click(TurnList, offset=(3, 1))
        assert app.place == 25 and not app.heard
        await pilot.click(TurnList, offset=(3, 1), times=2)
        assert app.heard


async def test_a_click_below_the_turns_is_nothing() -> None:
    app = ListApp(numbered(2))
    async with app.run_test(size=(38, 12)) as pilot:
        await pilot.click(TurnList, offset=(3, 8), times=2)
        assert app.place == 0 and not app.heard
