"""JudgedList: filters, orders, search, the cursor, and thousands of rows."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
from msgspec import convert
from textual import on
from textual.message import Message
from textual.pilot import Pilot

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_engine.runs.schema.evaluation import JudgedSample
from trm_tui.store.judged import PARTS, JudgedSamples
from trm_tui.theme import ThemedApp
from trm_tui.widgets.checkpoint.judged_samples import JudgedList, JudgedRows
from trm_tui.widgets.table.columns import Cells, Layout

FOREIGN = "[bold]please[/] check\tmy\x1b[31m bill 日本 👍"


def record(line: int, wrong: list[str] | None = None, **more: Any) -> dict[str, Any]:
    """A record as an evaluation gives it."""
    called = "decision" not in (wrong or [])
    return {
        "line": line,
        "text": f"{FOREIGN}, it is number {line}",
        "decision": "tool_call",
        "tool": "check_bill",
        "predicted_decision": "tool_call" if called else "direct_answer",
        "predicted_tool": "find_[hotel]" if "tool" in (wrong or []) else "check_bill",
        "confidence": round(1 / line, 4),
        "loss": line / 7,
        "wrong": wrong or [],
        **more,
    }


RECORDS = [
    record(1),
    record(20, ["decision", "slot presence"]),
    record(3, ["tool", "arguments"]),
    record(400, list(PARTS)),
    record(5),
    record(6, ["slot value"], predicted_tool=None, text="Straße 5"),
]


class ListApp(PaneApp):
    """Keeps what the list says."""

    @on(JudgedList.Selected)
    @on(JudgedList.Opened)
    @on(JudgedList.ExportRequested)
    def keep(self, message: Message) -> None:
        """Keep one: what it asks for, and the line that it is about."""
        if isinstance(message, JudgedList.ExportRequested):
            self.heard.append(message)
            return
        is_move = isinstance(message, JudgedList.Selected)
        sample = message.item if is_move else self.query_one(JudgedList).selected
        self.heard.append((type(message), sample and sample.line))


def judged(records: list[dict[str, Any]]) -> JudgedSamples:
    samples = JudgedSamples()
    samples.add(convert(records, list[JudgedSample]))
    return samples


async def filled(pilot: Pilot[None]) -> JudgedList:
    """The list with samples, focused."""
    pane = pilot.app.query_one(JudgedList)
    pane.show(judged(RECORDS))
    pane.query_one(JudgedRows).focus()
    await pilot.pause()
    return pane


def lines(pane: JudgedList) -> list[int]:
    """The numbers of the lines that are listed, from top to bottom."""
    return pane._samples.lines(pane._rows.view)


def said(pane: JudgedList) -> str:
    return str(pane.border_subtitle)


@pytest.mark.parametrize("size", [(38, 10), (80, 12), (158, 14)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with ListApp(JudgedList()).run_test(size=size) as pilot:
        await filled(pilot)
        assert_golden(f"judged_samples_{size[0]}x{size[1]}", shown(pilot.app))


async def test_confidence_and_loss_stay_where_the_last_turn_has_no_room() -> None:
    async with ListApp(JudgedList()).run_test(size=(60, 12)) as pilot:
        await filled(pilot)
        heading = shown(pilot.app).splitlines()[1]
        assert "conf." in heading and "loss" in heading and "last turn" not in heading


async def test_the_wrong_ones_come_first_and_kinds_are_walked_through() -> None:
    async with ListApp(JudgedList()).run_test(size=(80, 14)) as pilot:
        pane = await filled(pilot)
        assert lines(pane) == [400, 20, 6, 3]
        assert said(pane) == "wrong: 4 of 6 · highest loss first"
        await pilot.press("t")
        assert lines(pane) == [400, 20, 3] and said(pane).startswith("answer wrong: 3 of 6")
        await pilot.press("t")
        assert lines(pane) == [400, 20] and said(pane).startswith("decision wrong: 2 of 6")
        await pilot.press("t", "t", "t", "t", "t")
        assert lines(pane) == [5, 1] and said(pane).startswith("right: 2 of 6")
        await pilot.press("T", "T")
        assert lines(pane) == [400, 6]
        await pilot.press("t", "t", "t", "t")
        assert lines(pane) == [400, 20, 6, 3]


async def test_kinds_without_samples_are_passed_over() -> None:
    async with ListApp(JudgedList()).run_test(size=(80, 14)) as pilot:
        pane = await filled(pilot)
        pane.show(judged([record(1), record(2, ["arguments"])]))
        await pilot.press("t")
        assert said(pane).startswith("answer wrong: 1")
        await pilot.press("t")
        assert said(pane).startswith("arguments wrong: 1")
        await pilot.press("t", "t")
        assert said(pane).startswith("all: 2 ·")


async def test_orders() -> None:
    async with ListApp(JudgedList()).run_test(size=(80, 14)) as pilot:
        pane = await filled(pilot)
        await pilot.press("o")
        assert lines(pane) == [3, 6, 20, 400] and "most confident first" in said(pane)
        await pilot.press("o")
        assert lines(pane) == [400, 20, 6, 3]
        await pilot.press("o")
        assert lines(pane) == [3, 6, 20, 400] and "file order" in said(pane)


async def test_search_narrows_while_typing_and_is_ended() -> None:
    app = ListApp(JudgedList())
    async with app.run_test(size=(80, 14)) as pilot:
        pane = await filled(pilot)
        await pilot.press("slash", *"STRASSE")
        assert lines(pane) == [6] and said(pane).startswith("wrong: 1 of 6")
        await pilot.press("enter", "enter")
        assert app.heard[-1] == (JudgedList.Opened, 6)
        await pilot.press("slash", *"nowhere", "enter")
        assert lines(pane) == [] and "No such sample" in shown(app)
        await pilot.press("w", "enter", "down", "escape")
        assert lines(pane) == [400, 20, 6, 3]
        assert app.query_one(JudgedRows).has_focus


async def test_messages() -> None:
    app = ListApp(JudgedList())
    async with app.run_test(size=(80, 14)) as pilot:
        await filled(pilot)
        await pilot.press("down", "j", "enter", "w")
        assert app.heard == [
            (JudgedList.Selected, 400),
            (JudgedList.Selected, 20),
            (JudgedList.Selected, 6),
            (JudgedList.Opened, 6),
            JudgedList.ExportRequested([400, 20, 6, 3], "wrong"),
        ]
        app.heard.clear()
        await pilot.press("t")
        await pilot.pause()
        assert app.heard == [(JudgedList.Selected, 400)]
        await pilot.double_click(JudgedList, offset=(10, 3))
        assert app.heard[1:] == [(JudgedList.Selected, 20), (JudgedList.Opened, 20)]


async def test_the_cursor_stays_on_its_sample_once_it_was_moved() -> None:
    app = ListApp(JudgedList())
    async with app.run_test(size=(80, 14)) as pilot:
        pane = await filled(pilot)
        samples = judged(RECORDS)
        pane.show(samples)
        samples.add(convert([record(900, ["tool"])], list[JudgedSample]))
        pane.show(samples)
        assert pane.selected and pane.selected.line == 900
        await pilot.press("down", "down")
        samples.add(convert([record(800, ["tool"]), record(700)], list[JudgedSample]))
        pane.show(samples)
        await pilot.pause()
        assert pane.selected.line == 20 and lines(pane)[:3] == [900, 800, 400]
        assert app.heard[-1] == (JudgedList.Selected, 20)
        pane.show(judged([record(2, ["tool"])]))
        assert pane.selected.line == 2
        pane.show(judged([]))
        await pilot.pause()
        assert pane.selected is None and "No sample judged yet" in shown(app)


async def test_what_only_one_of_two_models_gets_right() -> None:
    async with ListApp(JudgedList()).run_test(size=(80, 14)) as pilot:
        pane = await filled(pilot)
        samples = judged(RECORDS)
        samples.compare(judged([record(1, ["tool"]), record(3), record(5), record(20, ["tool"])]))
        pane.show(samples)
        await pilot.press("T")
        assert lines(pane) == [3] and said(pane).startswith("only the other model right: 1")
        await pilot.press("T")
        assert lines(pane) == [1] and said(pane).startswith("only this model right: 1")
        pane.show(judged(RECORDS))
        assert said(pane).startswith("wrong")


async def test_text_is_never_obeyed() -> None:
    async with ListApp(JudgedList()).run_test(size=(158, 14)) as pilot:
        await filled(pilot)
        text = shown(pilot.app)
        assert "[bold]please[/] check my\\x1b[31m bill 日本 👍" in text
        assert "find_[hotel]" in text


class Counted(JudgedRows):
    """Counts the rows that are drawn."""

    drawn = 0

    def cells(self, row: int, layout: Layout) -> Cells:
        """Count one more."""
        Counted.drawn += 1
        return super().cells(row, layout)


async def test_twenty_thousand_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trm_tui.widgets.checkpoint.judged_samples.JudgedRows", Counted)
    chance = random.Random(3)
    samples = judged(
        [record(line, chance.sample(PARTS, 2), loss=chance.random()) for line in range(1, 20_001)]
    )
    pane = JudgedList()
    async with ListApp(pane).run_test(size=(120, 40)) as pilot:
        pane.show(samples)
        pane._rows.focus()
        await pilot.pause()
        assert 0 < Counted.drawn < 100
        began = time.process_time()
        await pilot.press("end")
        await pilot.press(*["pageup"] * 5, "t", "o")
        assert time.process_time() - began < 2  # 0.1 s a key at worst, far from a pause
        assert Counted.drawn < 1000


@pytest.mark.parametrize("theme", ["trm-light", "ansi-light"])
async def test_themes_and_any_size(theme: str) -> None:
    pane = JudgedList()
    app: ThemedApp = ListApp(pane)
    async with app.run_test(size=(100, 30)) as pilot:
        app.theme = theme
        await filled(pilot)
        for width in (1, 20, 61):
            for height in (1, 4, 9):
                pane.styles.width, pane.styles.height = width, height
                await pilot.press("down")
                shown(app)
