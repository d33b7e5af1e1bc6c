"""HelpScreen: every key once, those of the focused pane first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from textual.app import ComposeResult
from textual.widgets import Static

from tests.screens.whole_screen import shown
from trm_tui.keys import EVERYWHERE, LOG
from trm_tui.screens.help import HelpScreen, in_columns, sections, table
from trm_tui.theme import ThemedApp

PARTS = list(dict.fromkeys(where for where, _, _ in table()))


class Host(ThemedApp):
    def compose(self) -> ComposeResult:
        yield Static("below")


@given(st.lists(st.sampled_from(["nowhere", *PARTS])), st.integers(1, 6))
def test_every_key_stands_once_and_those_of_the_screen_first(here: list[str], count: int) -> None:
    first, others = sections(here)
    assert [where for where, _ in first] == [each for each in dict.fromkeys(here) if each in PARTS]
    found = [(where, *pair) for where, pairs in (*first, *others) for pair in pairs]
    assert sorted(found) == sorted(table())
    columns = in_columns(others, count)
    spread = [section for column in columns for section in column]
    assert sorted(spread) == sorted(others)


def test_the_users_keys_stand_in_it() -> None:
    first, _ = sections([LOG], {"Log.level": "ctrl+s,plus", "Log.unknown": "x"})
    meaning = {what: shown for shown, what in first[0][1]}
    assert meaning["Show all, warnings and errors, or only errors"] == "^s +"


async def test_it_is_closed_by_its_keys() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        for key in ("question_mark", "escape", "q", "f1"):
            app.push_screen(HelpScreen())
            await pilot.pause()
            assert isinstance(app.screen, HelpScreen)
            await pilot.press(key)
            assert not isinstance(app.screen, HelpScreen), key


async def test_one_column_that_scrolls_on_a_small_screen() -> None:
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        app.push_screen(HelpScreen([LOG], about="About this."))
        await pilot.pause()
        text = shown(app)
        assert text.index("About this.") < text.index("Log") < text.index("Everywhere")
        *_, (last, _, meaning) = table()
        assert meaning not in text
        await pilot.press("G")
        assert last in shown(app) and meaning in shown(app)


async def test_columns_where_there_is_room() -> None:
    app = Host()
    async with app.run_test(size=(160, 120)) as pilot:
        app.push_screen(HelpScreen([LOG, EVERYWHERE]))
        await pilot.pause()
        lines = shown(app).splitlines()
        heads = next(line for line in lines if "Log" in line)
        assert EVERYWHERE in heads
        *_, (_, _, meaning) = table()
        assert meaning in shown(app)
