"""LogView: what it shows, what it follows, how it is searched and filtered."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown, utc  # noqa: F401
from trm_tui.store.log import Level, LogLine
from trm_tui.widgets.log.rows import LogRows
from trm_tui.widgets.log.view import LogView

BEGIN = 1_750_000_000.0
TRACEBACK = (
    "loss is NaN\nTraceback (most recent call last):\n  File 'x.py'\nValueError: [b]not bold"
)
LOG = [
    LogLine(BEGIN, "info", "training begins: 975 updates", 0),
    LogLine(BEGIN + 1, "warning", "73 of 6239 training samples are longer than 512 tokens; their "
            "oldest turns are left out (data.max_length)"),
    LogLine(BEGIN + 60, "info", "saved /runs/default/checkpoints/step_200.pt", 200),
    LogLine(BEGIN + 86_400, "error", TRACEBACK, 1_234_567),
    LogLine(BEGIN + 86_401, "info", "\x1b[31m会話\x1b[0m: 3 tools\x07", 1_234_568),
]  # fmt: skip


def many(count: int, first: int = 0) -> list[LogLine]:
    levels: tuple[Level, ...] = ("info", "info", "warning", "info", "error")
    return [
        LogLine(BEGIN + number, levels[number % 5], f"line {number}", number)
        for number in range(first, first + count)
    ]


async def filled(pilot: Pilot[None], entries: list[LogLine]) -> LogView:
    """The log with entries, focused."""
    view = pilot.app.query_one(LogView)
    view.add(entries)
    pilot.app.query_one(LogRows).focus()
    await pilot.pause()
    return view


def top_of(view: LogView) -> str:
    """The message of the first row."""
    return view.query_one(LogRows).render_line(0).text.rstrip().split("  ")[-1].strip()


def said(view: LogView) -> str:
    return str(view.border_subtitle)


@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("size", [(40, 14), (80, 14), (120, 14)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with PaneApp(LogView()).run_test(size=size) as pilot:
        await filled(pilot, LOG)
        assert_golden(f"log_view_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.usefixtures("utc")
async def test_searched_and_filtered_as_text() -> None:
    async with PaneApp(LogView()).run_test(size=(80, 14)) as pilot:
        await filled(pilot, LOG * 3)
        await pilot.press("l", "slash", *"error", "enter")
        assert_golden("log_view_searched", shown(pilot.app))


async def test_the_newest_is_followed_until_scrolled_up() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(50))
        assert (top_of(view), said(view)) == ("line 40", "following")
        view.add(many(5, 50))
        await pilot.pause()
        assert top_of(view) == "line 45"

        await pilot.press("up", "k")
        assert (top_of(view), said(view)) == ("line 43", "")
        view.add(many(5, 55))
        await pilot.pause()
        assert top_of(view) == "line 43"

        await pilot.press("G")
        assert (top_of(view), said(view)) == ("line 50", "following")
        await pilot.press("g")
        assert (top_of(view), said(view)) == ("line 0", "")


async def test_following_goes_on_where_the_size_changes() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(50))
        for height, top in ((8, "line 44"), (20, "line 32")):
            await pilot.resize_terminal(60, height)
            await pilot.pause()
            assert (top_of(view), said(view)) == (top, "following")


async def test_a_line_stays_on_top_where_the_width_changes() -> None:
    async with PaneApp(LogView()).run_test(size=(100, 12)) as pilot:
        long = [LogLine(0, "info", f"{number} " + "word " * 12) for number in range(60)]
        view = await filled(pilot, long)
        await pilot.press("g", *["down"] * 20)
        assert top_of(view).startswith("20 ")
        await pilot.resize_terminal(50, 12)
        await pilot.pause()
        assert top_of(view).startswith("20 ")


async def test_what_is_read_stays_while_older_lines_are_dropped() -> None:
    async with PaneApp(LogView(max_lines=100)).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(100))
        await pilot.press("up")
        assert top_of(view) == "line 89"
        for first in range(100, 150, 10):
            view.add(many(10, first))
        await pilot.pause()
        assert top_of(view) == "line 89"
        assert said(view) == "the newest 90 of 150 lines"


async def test_hidden_it_only_collects() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(50))
        view.display = False
        await pilot.pause()
        before = view.query_one(LogRows).virtual_size
        view.add(many(10, 50))
        await pilot.pause()
        assert view.query_one(LogRows).virtual_size == before
        view.display = True
        await pilot.pause()
        assert top_of(view) == "line 50"


async def test_a_search_goes_from_match_to_match() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(50))
        await pilot.press("slash", *"LINE 4")
        assert said(view) == "3/11 found"
        await pilot.press("enter")
        assert said(view) == "4/11 found"
        await pilot.press("enter", "n", "n")
        assert said(view) == "7/11 found"
        await pilot.press("N")
        assert said(view) == "6/11 found"
        await pilot.press("N", "N", "N", "N", "N")
        assert (said(view), top_of(view)) == ("1/11 found", "line 0")
        await pilot.press("N")
        assert said(view) == "11/11 found"

        view.add(many(1, 400))
        await pilot.pause()
        assert said(view) == "11/12 found"

        await pilot.press("slash", "backspace", "backspace", "x")
        assert said(view) == "not found"
        await pilot.press("escape", "n", "G")
        assert said(view) == "following"
        assert view.query_one(LogRows).has_focus


async def test_a_search_holds_the_view() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(50))
        await pilot.press("slash", *"line 45")
        top = top_of(view)
        view.add(many(20, 50))
        await pilot.pause()
        assert top_of(view) == top


async def test_the_filter_leaves_warnings_and_errors_then_errors() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(100))
        await pilot.press("l")
        assert (top_of(view), said(view)) == ("line 77", "warnings and errors · following")
        await pilot.press("l")
        assert (top_of(view), said(view)) == ("line 54", "only errors · following")
        view.add(many(5, 100))
        await pilot.pause()
        assert top_of(view) == "line 59"
        await pilot.press("slash", *"line 10")
        assert said(view) == "1/1 found · only errors"
        await pilot.press("escape", "l")
        assert said(view) in ("", "following")


async def test_a_cleared_log_begins_anew() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(50))
        await pilot.press("g")
        view.clear()
        view.add(many(2, 7))
        await pilot.pause()
        assert (top_of(view), said(view)) == ("line 7", "following")


async def test_rows_are_drawn_once() -> None:
    drawn: list[object] = []

    class Counted(LogRows):
        def _strip(self, row):  # type: ignore[no-untyped-def]
            drawn.append(row)
            return super()._strip(row)

    view = LogView()
    view._rows = Counted(10_000)
    async with PaneApp(view).run_test(size=(60, 12)) as pilot:
        await filled(pilot, many(5_000))
        assert len(drawn) <= 20
        drawn.clear()
        view.add(many(3, 5_000))
        await pilot.pause()
        assert len(drawn) == 3


async def test_another_theme_draws_anew() -> None:
    async with PaneApp(LogView()).run_test(size=(60, 12)) as pilot:
        view = await filled(pilot, many(5))
        before = view.query_one(LogRows).render_line(0)
        pilot.app.theme = "trm-light"
        await pilot.pause()
        after = view.query_one(LogRows).render_line(0)
        assert (before.text, before != after) == (after.text, True)
