"""The rows above the panes: the run's header and its warnings."""

from __future__ import annotations

import pytest
from textual.app import ComposeResult

from trm_tui.sessions.run_state import RunStatus
from trm_tui.theme import ThemedApp
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.run.header import RunHeader

STANDING = RunStatus(
    name="default-20250131-093000",
    device="cpu (2 threads)  bfloat16",
    state="running",
    figures=("step 450/975", "1:43 left", "epoch 2.31", "143 samples/s", "ends at 14:05"),
    training=0.46,
    next_evaluation="next evaluation at step 585",
)


class Header(ThemedApp):
    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield Banner()


async def shown(status: RunStatus, width: int) -> list[str]:
    app = Header()
    async with app.run_test(size=(width, 6)) as pilot:
        app.query_one(RunHeader).show(status)
        await pilot.pause()
        return str(app.query_one(RunHeader).render()).split("\n")


async def test_all_is_told_where_there_is_room() -> None:
    first, second = await shown(STANDING, 160)
    for text in (STANDING.name, STANDING.device, *STANDING.figures, "● running"):
        assert text in first
    assert second.startswith("training ━")
    assert "46%" in second
    assert second.rstrip().endswith("next evaluation at step 585")


@pytest.mark.parametrize("width", [10, 20, 40, 60, 80, 120])
async def test_what_does_not_fit_is_left_out_whole(width: int) -> None:
    first, second = await shown(STANDING, width)
    assert len(first) <= width - 2
    assert len(second) <= width - 2
    told = [figure for figure in STANDING.figures if figure in first]
    assert told == list(STANDING.figures[: len(told)])
    if width >= 40:
        assert "● running" in first


async def test_the_bar_is_as_long_as_its_share() -> None:
    _, none = await shown(RunStatus(training=0.0), 80)
    _, half = await shown(RunStatus(training=0.5), 80)
    _, whole = await shown(RunStatus(training=1.0), 80)
    assert none.count("━") == 0
    assert whole.count("─") == 0
    assert abs(half.count("━") - half.count("─")) <= 1


async def test_an_evaluation_has_a_bar_of_its_own() -> None:
    _, second = await shown(RunStatus(training=0.5, evaluating=(128, 693)), 80)
    assert "training" in second
    assert "evaluating" in second
    assert "128/693 samples" in second


async def test_a_command_that_waits_is_shown() -> None:
    first, _ = await shown(RunStatus(name="run", state="running", waits_for="pausing…"), 60)
    assert "● running pausing…" in first


async def test_warnings_appear_and_go() -> None:
    app = Header()
    async with app.run_test(size=(60, 8)) as pilot:
        banner = app.query_one(Banner)
        assert not banner.display
        banner.show(["the worker is gone [see the log]"])
        await pilot.pause()
        assert banner.display
        assert "the worker is gone [see the log]" in str(banner.render())
        banner.show([])
        await pilot.pause()
        assert not banner.display
