"""KeyFooter: which keys it names, and what a click on one does."""

from __future__ import annotations

from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from trm_tui.widgets.key_footer import KeyFooter


class Keys(App[None]):
    AUTO_FOCUS = ""
    BINDINGS = [
        Binding("a", "add", "Add", tooltip="One more"),
        Binding("plus", "add", "Add"),
        Binding("b", "block", "Block"),
        Binding("h", "hide", "Hidden", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.added = 0

    def compose(self) -> ComposeResult:
        yield Input(id="text")
        yield KeyFooter()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return None if action == "block" else True

    def action_add(self) -> None:
        self.added += 1


def words(app: Keys) -> str:
    return "".join(segment.text for segment in app.query_one(KeyFooter).render_line(0)).rstrip()


async def test_each_action_is_named_once_by_its_first_key() -> None:
    async with Keys().run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        assert words(pilot.app).startswith("a Add b Block")
        assert "Hidden" not in words(pilot.app)
        assert words(pilot.app).count("Add") == 1


async def test_a_click_presses_the_key() -> None:
    async with Keys().run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        for column, added in ((0, 1), (4, 2), (5, 2), (8, 2), (39, 2)):
            await pilot.click(KeyFooter, offset=(column, 0))
            await pilot.pause()
            assert pilot.app.added == added, column


async def test_what_is_pointed_at_is_explained() -> None:
    async with Keys().run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        footer = pilot.app.query_one(KeyFooter)
        for column, told in ((1, "One more"), (7, "Block"), (39, None)):
            await pilot.hover(KeyFooter, offset=(column, 0))
            assert footer.tooltip == told


async def test_help_stays_where_not_all_keys_fit() -> None:
    class Many(Keys):
        BINDINGS = [*Keys.BINDINGS, Binding("question_mark", "help", "Help", key_display="?")]

    async with Many().run_test(size=(16, 5)) as pilot:
        await pilot.pause()
        assert words(pilot.app) == "a Add ? Help"
        await pilot.resize_terminal(40, 5)
        await pilot.pause()
        assert words(pilot.app).startswith("a Add b Block ? Help")


async def test_it_follows_the_focus_and_any_width() -> None:
    async with Keys().run_test(size=(40, 5)) as pilot:
        await pilot.pause()
        before = words(pilot.app)
        pilot.app.query_one(Input).focus()
        await pilot.pause()
        assert words(pilot.app) != before
        await pilot.resize_terminal(3, 2)
        await pilot.pause()
        assert len(words(pilot.app)) <= 3
