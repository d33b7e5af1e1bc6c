"""EvaluationHistory: the cursor follows the newest, until it is moved."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual import on

from tests.screens.panes import PaneApp, assert_golden, evaluation, text_of
from trm_engine.runs.schema.events import Evaluated
from trm_tui.widgets.run.evaluation_history import EvaluationHistory
from trm_tui.widgets.table.columns import Cells, Layout


class HistoryApp(PaneApp):
    """Keeps which evaluations were chosen."""

    @on(EvaluationHistory.Selected)
    def keep(self, message: EvaluationHistory.Selected) -> None:
        """Keep one."""
        self.heard.append(message)

    @property
    def chosen(self) -> list[int | None]:
        """What was chosen since the last look."""
        chosen = [message.index for message in self.heard]
        self.heard.clear()
        return chosen


class Counted(EvaluationHistory):
    """Counts the rows that are drawn."""

    drawn = 0

    def cells(self, row: int, layout: Layout) -> Cells:
        """Count one more."""
        self.drawn += 1
        return super().cells(row, layout)


def evaluations(count: int, best: int | None = None) -> list[Evaluated]:
    """The first ``count`` of a run whose best is the one of that index."""
    events = [evaluation(number) for number in range(count)]
    for number, event in enumerate(events):
        event.best = best is None or number <= best
    return events


@pytest.mark.parametrize("size", [(38, 10), (60, 14), (100, 20)])
async def test_as_text(size: tuple[int, int]) -> None:
    pane = EvaluationHistory()
    async with HistoryApp(pane).run_test(size=size) as pilot:
        pane.set_evaluations(evaluations(12, best=9))
        await pilot.pause()
        assert_golden(f"evaluation_history_{size[0]}x{size[1]}", text_of(pane))


async def test_the_newest_is_followed_until_the_cursor_is_moved() -> None:
    pane = EvaluationHistory()
    app = HistoryApp(pane)
    async with app.run_test(size=(60, 10)) as pilot:
        pane.focus()
        pane.set_evaluations(evaluations(30))
        await pilot.pause()
        assert pane.cursor() == 29 and app.chosen == []
        assert text_of(pane).splitlines()[-1].split()[1] == "6,000"
        await pilot.press("up", "k")
        assert app.chosen == [28, 27]
        pane.set_evaluations(evaluations(31))
        await pilot.pause()
        assert pane.cursor() == 27 and app.chosen == []
        await pilot.press("enter")
        assert app.chosen == [27]
        await pilot.press("end")
        assert app.chosen == [None]
        pane.set_evaluations(evaluations(33))
        await pilot.pause()
        assert pane.cursor() == 32 and app.chosen == []
        assert text_of(pane).splitlines()[-1].split()[1] == "6,600"


async def test_a_resumed_run_takes_the_chosen_evaluation_away() -> None:
    pane = EvaluationHistory()
    app = HistoryApp(pane)
    async with app.run_test(size=(60, 10)) as pilot:
        pane.focus()
        pane.set_evaluations(evaluations(9))
        await pilot.press("home", "down")
        assert app.chosen == [0, 1]
        pane.set_evaluations(evaluations(5))
        await pilot.pause()
        assert pane.cursor() == 1 and app.chosen == []
        await pilot.press("down", "down")
        again = [replace(evaluation(place), t=2000.0 + 1000 * place) for place in (3, 4)]
        again = [*evaluations(3), *again]
        pane.set_evaluations(again)
        await pilot.pause()
        assert app.chosen == [2, 3, None]
        assert pane.cursor() == 4
        pane.set_evaluations([])
        await pilot.pause()
        assert "No evaluation yet" in text_of(pane)
        await pilot.press("up", "down", "enter", "end", "pagedown")
        assert app.chosen == []


async def test_the_last_that_was_the_best_so_far_is_marked() -> None:
    pane = EvaluationHistory()
    async with HistoryApp(pane).run_test(size=(60, 10)) as pilot:
        pane.set_evaluations(evaluations(6, best=3))
        await pilot.pause()
        starred = [line for line in text_of(pane).splitlines() if "★" in line]
        assert len(starred) == 1 and starred[0].split()[1] == "800"


async def test_scrolling_away_with_the_wheel_is_respected() -> None:
    pane = EvaluationHistory()
    async with HistoryApp(pane).run_test(size=(60, 10)) as pilot:
        pane.set_evaluations(evaluations(40))
        await pilot.pause()
        pane.scroll_to(y=3, animate=False)
        pane.set_evaluations(evaluations(41))
        await pilot.pause()
        assert pane.scroll_offset.y == 3 and pane.cursor() == 40


async def test_a_click_chooses() -> None:
    pane = EvaluationHistory()
    app = HistoryApp(pane)
    async with app.run_test(size=(60, 10)) as pilot:
        pane.set_evaluations(evaluations(5))
        await pilot.pause()
        await pilot.click(EvaluationHistory, offset=(10, 3))
        assert app.chosen == [1]
        await pilot.click(EvaluationHistory, offset=(10, 1))
        await pilot.click(EvaluationHistory, offset=(10, 8))
        assert app.chosen == []


async def test_thousands_draw_no_more_than_is_seen() -> None:
    pane = Counted()
    async with HistoryApp(pane).run_test(size=(60, 10)) as pilot:
        one = evaluation(3)
        pane.set_evaluations([replace(one, step=step, t=float(step)) for step in range(5000)])
        await pilot.pause()
        assert pane.drawn < 50
        assert text_of(pane).splitlines()[-1].split()[1] == "4,999"
