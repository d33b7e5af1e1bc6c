"""HaltingCurve: both curves, the cheapest threshold marked and said in words."""

from __future__ import annotations

import pytest

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_engine.runs.schema.evaluation import Halting
from trm_tui.widgets.chart.halting_curve import MARK, HaltingCurve, summary_of

THRESHOLDS = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99, 1.0)


def curve(steps: int = 8) -> list[Halting]:
    """A model that gains by its steps."""
    return [
        Halting(
            threshold=threshold,
            mean_steps=1 + (steps - 1) * threshold**6,
            exact_match=0.7 + 0.2 * threshold**0.5,
        )
        for threshold in THRESHOLDS
    ]


@pytest.mark.parametrize("size", [(38, 10), (80, 24), (160, 20)])
async def test_as_text(size: tuple[int, int]) -> None:
    pane = HaltingCurve()
    async with PaneApp(pane).run_test(size=size) as pilot:
        pane.show(curve(), curve()[6])
        await pilot.pause()
        assert_golden(f"halting_curve_{size[0]}x{size[1]}", shown(pilot.app))


async def test_the_cheapest_is_marked_once_on_each_curve_and_in_the_words() -> None:
    pane = HaltingCurve()
    async with PaneApp(pane).run_test(size=(80, 24)) as pilot:
        pane.show(curve(), curve()[4])
        await pilot.pause()
        assert shown(pilot.app).count(MARK) == 3
        pane.show(curve(), None)
        await pilot.pause()
        assert shown(pilot.app).count(MARK) == 0
        assert "lowers exact match at every threshold" in shown(pilot.app)


def test_words() -> None:
    words = summary_of(curve(), curve()[5])
    assert "q ≥ 0.9 is the lowest" in words
    assert "exact match 0.8897 in 4.72 steps per sample" in words
    assert words.endswith("at q ≥ 1 it is 0.9000 in 8.00 steps.")


async def test_nothing_to_show() -> None:
    pane = HaltingCurve()
    async with PaneApp(pane).run_test(size=(80, 24)) as pilot:
        assert "No evaluation yet" in shown(pilot.app)
        empty = [Halting(threshold=0.5)]
        pane.show(empty, None)
        await pilot.pause()
        assert "No evaluation yet" in shown(pilot.app)


@pytest.mark.parametrize("level", [0.0, 1.0])
async def test_flat_curves_of_a_model_with_one_step(level: float) -> None:
    flat = [Halting(threshold=each, mean_steps=1.0, exact_match=level) for each in THRESHOLDS]
    pane = HaltingCurve()
    async with PaneApp(pane).run_test(size=(80, 24)) as pilot:
        pane.show(flat, flat[0])
        await pilot.pause()
        assert f"{level:.4f}" in shown(pilot.app) and shown(pilot.app).count(MARK) == 3
        pane.show(flat[:1], flat[0])
        await pilot.pause()
        assert f"{level:.4f}" in shown(pilot.app)


@pytest.mark.parametrize("theme", ["trm-light", "ansi-light"])
async def test_themes_and_any_size(theme: str) -> None:
    pane = HaltingCurve()
    app = PaneApp(pane)
    async with app.run_test(size=(160, 48)) as pilot:
        app.theme = theme
        pane.show(curve(), curve()[2])
        for width in (1, 28, 160):
            for height in (1, 9, 48):
                pane.styles.width, pane.styles.height = width, height
                await pilot.pause()
                shown(app)
