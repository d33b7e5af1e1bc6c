"""SupervisionSteps: what recursion buys, live and at an evaluation."""

from __future__ import annotations

import pytest

from tests.screens.panes import PaneApp, assert_golden, evaluation, text_of
from trm_tui.widgets.run.supervision_steps import SupervisionSteps
from trm_tui.widgets.table.columns import Cells, Layout


class Counted(SupervisionSteps):
    """Counts the rows that are drawn."""

    drawn = 0

    def cells(self, row: int, layout: Layout) -> Cells:
        """Count one more."""
        self.drawn += 1
        return super().cells(row, layout)


def show(pane: SupervisionSteps, steps: int) -> None:
    now, before = (evaluation(number, steps).metrics for number in (3, 2))
    pane.show_evaluation(now.by_step, before.by_step, now.halting)
    pane.show_losses([1 / step for step in range(1, steps + 1)])


@pytest.mark.parametrize(("size", "steps"), [((38, 10), 4), ((60, 14), 1), ((100, 20), 16)])
async def test_as_text(size: tuple[int, int], steps: int) -> None:
    pane = SupervisionSteps()
    async with PaneApp(pane).run_test(size=size) as pilot:
        show(pane, steps)
        await pilot.pause()
        assert_golden(f"supervision_steps_{size[0]}x{size[1]}", text_of(pane))


async def test_losses_alone_before_the_first_evaluation() -> None:
    pane = SupervisionSteps()
    async with PaneApp(pane).run_test(size=(60, 10)) as pilot:
        assert "No step trained yet" in text_of(pane)
        pane.show_losses([0.5, None, float("nan")])
        await pilot.pause()
        first, second, third = (line.split() for line in text_of(pane).splitlines()[1:4])
        assert (first[1], second[1], third[1]) == ("0.5000", "–", "NaN")


async def test_only_rows_that_read_differently_are_drawn_anew() -> None:
    pane = Counted()
    async with PaneApp(pane).run_test(size=(60, 10)) as pilot:
        show(pane, 4)
        await pilot.pause()
        pane.drawn = 0
        pane.show_losses([1.0, 0.5, 1 / 3, 0.25])
        await pilot.pause()
        assert pane.drawn == 0
        pane.show_losses([1.0, 0.4, 1 / 3, 0.25])
        await pilot.pause()
        assert pane.drawn == 1
        assert "0.4000" in text_of(pane).splitlines()[2]


async def test_a_hidden_pane_draws_nothing_until_it_is_seen() -> None:
    pane = Counted()
    async with PaneApp(pane).run_test(size=(60, 10)) as pilot:
        pane.display = False
        await pilot.pause()
        show(pane, 4)
        await pilot.pause()
        assert pane.drawn == 0
        pane.display = True
        await pilot.pause()
        assert pane.drawn >= 4
