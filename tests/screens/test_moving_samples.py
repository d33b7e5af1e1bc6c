"""MovingSamples: samples, their trends, and the selected one step by step."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from textual import on

from tests.screens.panes import PaneApp, assert_golden, evaluation, text_of
from trm_engine.runs.schema.evaluation import JudgedSample
from trm_engine.runs.schema.events import Evaluated
from trm_tui.widgets.run.moving_samples import MovingSamples


class SamplesApp(PaneApp):
    """Keeps which samples were asked for."""

    @on(MovingSamples.Opened)
    def keep(self, message: MovingSamples.Opened) -> None:
        """Keep one."""
        self.heard.append(message)


def evaluations(count: int, steps: int = 2) -> list[Evaluated]:
    """The first evaluations of a run."""
    return [evaluation(number, steps) for number in range(count)]


@pytest.mark.parametrize(("size", "steps"), [((38, 10), 4), ((60, 14), 2), ((100, 20), 16)])
async def test_as_text(size: tuple[int, int], steps: int) -> None:
    pane = MovingSamples()
    async with SamplesApp(pane).run_test(size=size) as pilot:
        pane.set_evaluations(evaluations(3, steps))
        await pilot.pause()
        assert_golden(f"moving_samples_{size[0]}x{size[1]}", text_of(pane))


async def test_the_cursor_selects_and_enter_opens() -> None:
    pane = MovingSamples()
    app = SamplesApp(pane)
    async with app.run_test(size=(100, 20)) as pilot:
        pane.focus()
        pane.set_evaluations(evaluations(2))
        await pilot.press("down", "j", "enter")
        assert [message.line for message in app.heard] == [207]
        assert "line 207" in text_of(pane)
        pane.set_evaluations(evaluations(3))
        await pilot.pause()
        assert "line 207" in text_of(pane)


async def test_the_worst_and_back() -> None:
    pane = MovingSamples()
    async with SamplesApp(pane).run_test(size=(100, 20)) as pilot:
        pane.focus()
        pane.set_evaluations(evaluations(2))
        await pilot.press("w")
        assert pane.border_title == "Worst samples"
        assert "sample 100:" in text_of(pane)
        await pilot.press("end")
        assert "line 11,907" in text_of(pane)
        await pilot.press("w")
        assert pane.border_title == "Validation samples"
        assert "sample 0:" in text_of(pane)


async def test_text_is_never_obeyed() -> None:
    pane = MovingSamples()
    async with SamplesApp(pane).run_test(size=(140, 20)) as pilot:
        pane.set_evaluations(evaluations(1))
        await pilot.pause()
        text = text_of(pane)
        assert "[bold]please[/] check my\\x1b[31m bill 日本 👍" in text
        assert "\x1b" not in text and "\t" not in text


async def test_a_trend_has_gaps_where_a_sample_was_not_told_of() -> None:
    told = evaluations(4)
    for event in told[1:3]:
        event.metrics = replace(event.metrics, shown=[])
    pane = MovingSamples()
    async with SamplesApp(pane).run_test(size=(100, 20)) as pilot:
        pane.set_evaluations(told)
        await pilot.pause()
        first = text_of(pane).splitlines()[1]
        assert "▅  █" in first and "✓  ✓" in first


async def test_missing_figures_and_no_samples() -> None:
    pane = MovingSamples()
    async with SamplesApp(pane).run_test(size=(80, 20)) as pilot:
        assert "No sample evaluated yet" in text_of(pane)
        told = evaluation(0)
        told.metrics = replace(told.metrics, shown=[JudgedSample()], worst=None)
        pane.set_evaluations([told])
        await pilot.pause()
        assert "–" in text_of(pane)
        pane.focus()
        await pilot.press("w", "enter", "down")
        assert "No sample evaluated yet" in text_of(pane)


async def test_any_size() -> None:
    pane = MovingSamples()
    async with SamplesApp(pane).run_test(size=(100, 30)) as pilot:
        pane.focus()
        pane.set_evaluations(evaluations(3, 16))
        for width in (1, 5, 20, 61, 100):
            for height in (1, 3, 6, 9, 30):
                pane.styles.width, pane.styles.height = width, height
                await pilot.press("down")
                lines = text_of(pane).splitlines()
                assert len(lines) == max(pane.size.height, 1)
