"""Tabs that are filled when opened, under keys that come faster than they are filled."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.widget import Widget

from tests.screens.whole_screen import shown
from trm_tui.widgets.lazy_tabs import LazyTabs
from trm_tui.widgets.table.scrolling import Scroller


class Letters(LazyTabs):
    TABS = ("Alpha", "Beta", "Gamma")

    def content(self, tab: str) -> Widget:
        return Scroller(id=f"in-{tab}")

    def filled(self, tab: str) -> None:
        pass


class LettersApp(App[None]):
    def compose(self) -> ComposeResult:
        yield Letters()


async def test_a_tab_is_filled_and_gets_the_keys() -> None:
    async with LettersApp().run_test() as pilot:
        tabs = pilot.app.query_one(Letters)
        assert not tabs.query("#in-beta")
        await tabs.open(2)
        await pilot.pause()
        assert tabs.active == "beta"
        assert pilot.app.focused is tabs.query_one("#in-beta")
        assert "2 Beta" in shown(pilot.app)


async def test_the_last_one_opened_has_the_keys() -> None:
    async with LettersApp().run_test() as pilot:
        tabs = pilot.app.query_one(Letters)
        for number in (2, 3, 2, 3):
            await tabs.open(number)
        await pilot.pause()
        assert tabs.active == "gamma"
        assert pilot.app.focused is tabs.query_one("#in-gamma")
