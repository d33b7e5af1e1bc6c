"""ToolMatrix: counts with heat, a cursor that stays, cells that open."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import convert
from textual import on
from textual.color import Color
from textual.geometry import Offset, Size

from tests.screens.panes import PaneApp, assert_golden, text_of
from trm_engine.runs.schema.evaluation import Tools
from trm_tui.store.confusion import NO_TOOL, UNSEEN, Confusion
from trm_tui.theme import ON_DARK, ON_LIGHT, THEMES
from trm_tui.widgets.matrix.heat import SHADES, contrast, heat
from trm_tui.widgets.matrix.layout import Layout
from trm_tui.widgets.matrix.picture import cell_in_words, compact, percent
from trm_tui.widgets.matrix.tool import ToolMatrix

NAMES = ("find_bus", "find_train", "book_bus", "cancel_a_booking_of_any_kind", "天気を調べる")
SIZES = ((38, 8), (80, 20), (160, 40))


class MatrixApp(PaneApp):
    """Keeps which cells were opened."""

    @on(ToolMatrix.Opened)
    def keep(self, message: ToolMatrix.Opened) -> None:
        """Keep one."""
        self.heard.append((message.title, message.lines, message.count))


def small(**changes: Any) -> Tools:
    """Five tools; some calls of a tool that training never saw, and one sample without a tool."""
    confusion = [
        [70, 12, 0, 0, 0],
        [1, 39, 0, 0, 0],
        [0, 0, 400, 0, 1],
        [2, 0, 0, 0, 0],
        [0, 0, 0, 0, 0],
    ]
    cells = [
        {"true": 0, "predicted": 1, "count": 12, "lines": [3, 5, 8]},
        {"true": 1, "predicted": -1, "count": 1, "lines": [13]},
        {"true": -1, "predicted": 2, "count": 2, "lines": [21, 34]},
    ]
    tool = {"labels": list(NAMES), "confusion": confusion, "accuracy": 0.9624, "samples": 529}
    return convert({**tool, "unknown": 2, "cells": cells, **changes}, Tools)


def large(tools: int, times: int = 1) -> Tools:
    """Many tools, each mostly right."""
    row, column = np.indices((tools, tools))
    confusion = np.where((row * 7 + column * 3) % 11 == 0, column % 3, 0) + np.diag(range(tools))
    labels = [f"tool_number_{number:03}" for number in range(tools)]
    return Tools(
        labels=labels, confusion=(confusion * times).tolist(), accuracy=0.5, samples=9, unknown=0
    )


def lines_of(pane: ToolMatrix) -> list[str]:
    """The lines of the matrix, without scrollbars."""
    return text_of(pane).splitlines()[: pane.scrollable_content_region.height]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", ["small", "large"])
async def test_as_text(name: str, size: tuple[int, int]) -> None:
    pane = ToolMatrix()
    async with MatrixApp(pane).run_test(size=size) as pilot:
        pane.show(small() if name == "small" else large(40))
        pane.focus()
        await pilot.press("c", "down")
        assert_golden(f"tool_matrix_{name}_{size[0]}x{size[1]}", text_of(pane))


async def test_shares_and_orders() -> None:
    pane = ToolMatrix()
    async with MatrixApp(pane).run_test(size=(80, 20)) as pilot:
        pane.show(small())
        pane.focus()
        await pilot.pause()
        assert pane.border_subtitle == "counts · by name"
        assert pane.border_title == "Tools  0.9624 of 529 calls · 2 of undefined tools"
        texts = []
        for key in ("n", "n", "n", "o", "o", "o"):
            await pilot.press(key)
            texts.append(f"{pane.border_subtitle}\n{text_of(pane)}")
        assert_golden("tool_matrix_shares_and_orders", "\n".join(texts))


async def test_before_the_first_evaluation_and_without_tools() -> None:
    pane = ToolMatrix()
    async with MatrixApp(pane).run_test(size=(38, 8)) as pilot:
        pane.focus()
        await pilot.press("down", "right", "c", "n", "o", "enter", "end", "pagedown")
        assert "No evaluation yet" in text_of(pane)
        pane.show(Tools(accuracy=None, unknown=0))
        await pilot.pause()
        assert "No tools in this data" in text_of(pane)
        pane.show(small())
        await pilot.pause()
        assert "find_bus" in text_of(pane)
        pane.show(None)
        await pilot.pause()
        assert "No evaluation yet" in text_of(pane)
        assert pane.max_scroll_y == 0


async def test_the_largest_confusion_opens_with_its_samples() -> None:
    pane = ToolMatrix()
    app = MatrixApp(pane)
    async with app.run_test(size=(80, 20)) as pilot:
        pane.show(small())
        pane.focus()
        await pilot.press("c", "enter")
        assert app.heard == [("true find_bus → predicted find_train", [3, 5, 8], 12)]
        opened = {pane.selected}
        for _ in range(5):
            await pilot.press("c")
            opened.add(pane.selected)
        assert (UNSEEN, "book_bus") in opened
        assert ("find_train", NO_TOOL) in opened
        assert len(opened) == 6
        await pilot.press("c")
        assert pane.selected == ("find_bus", "find_train")


async def test_a_cell_without_samples_does_not_open() -> None:
    pane = ToolMatrix()
    app = MatrixApp(pane)
    async with app.run_test(size=(80, 20)) as pilot:
        pane.show(small(cells=[]))
        pane.focus()
        await pilot.press("home", "down", "enter", "up", "enter")
        assert app.heard == [("true book_bus → predicted book_bus", [], 400)]


async def test_clicks_select_and_a_double_click_opens() -> None:
    pane = ToolMatrix()
    app = MatrixApp(pane)
    async with app.run_test(size=(80, 20)) as pilot:
        pane.show(large(40))
        await pilot.pause()
        lines = text_of(pane).splitlines()
        column = lines[0].index(" 5 ") + 1
        offset = pane.gutter.left + column, pane.gutter.top + 3
        await pilot.click(pane, offset=offset)
        assert pane.selected == ("tool_number_002", "tool_number_004")
        assert not app.heard
        await pilot.click(pane, offset=(pane.gutter.left, pane.gutter.top + 5))
        assert pane.selected == ("tool_number_004", "tool_number_004")
        await pilot.click(pane, offset=(offset[0], pane.gutter.top + 5), times=2)
        assert [title for title, *_ in app.heard] == [
            "true tool_number_004 → predicted tool_number_004"
        ]
        for place in ((2, 1), (40, 18), (79, 5)):
            await pilot.click(pane, offset=place)
        assert pane.selected == ("tool_number_004", "tool_number_004")


async def test_headings_stay_and_the_cursor_is_always_in_view() -> None:
    pane = ToolMatrix()
    async with MatrixApp(pane).run_test(size=(80, 20)) as pilot:
        pane.show(large(40))
        pane.focus()
        pane.action_move(0, 99)
        await pilot.press("end")
        assert pane.selected == ("tool_number_039", "tool_number_039")
        heading, *_, row, precision, status = lines_of(pane)
        assert heading.split()[-1] == "40"
        assert row.split()[:2] == ["40", "tool_number_039"]
        assert precision.startswith("precision %")
        assert "true tool_number_039 → predicted tool_number_039: " in status
        await pilot.press("pageup", "h")
        assert pane.selected == ("tool_number_025", "tool_number_038")
        pane.action_move(0, -99)
        await pilot.press("g")
        assert pane.selected == ("tool_number_000", "tool_number_000")
        assert pane.scroll_offset == Offset(0, 0)


async def test_every_size_shows_the_selected_cell() -> None:
    pane = ToolMatrix()
    async with MatrixApp(pane).run_test(size=(160, 40)) as pilot:
        pane.show(large(13))
        pane.action_move(11, 11)
        for width, height in ((160, 40), (61, 17), (60, 16), (59, 15), (38, 8), (24, 7), (90, 12)):
            await pilot.resize_terminal(width, height)
            await pilot.pause()
            heading, *rows, status = lines_of(pane)
            assert heading.split().count("12") == 1
            assert sum(row.startswith("12 ") for row in rows) == 1
            assert "→" in status


async def test_cursor_and_scroll_stay_where_they_are() -> None:
    pane = ToolMatrix()
    async with MatrixApp(pane).run_test(size=(80, 20)) as pilot:
        pane.show(large(40))
        pane.focus()
        pane.action_move(0, 25)
        await pilot.press("end")
        selected, scroll = pane.selected, pane.scroll_offset
        assert scroll.x and scroll.y
        pane.show(large(40, times=2))
        await pilot.pause()
        assert (pane.selected, pane.scroll_offset) == (selected, scroll)
        await pilot.press("o", "o")
        assert pane.selected == selected
        assert f"true {selected[0]} → predicted {selected[1]}" in text_of(pane)
        pane.show(small())
        await pilot.pause()
        assert text_of(pane).count("→") == 1


@pytest.mark.parametrize("theme", ["trm-dark", "trm-light", "ansi-dark", "ansi-light"])
async def test_errors_differ_from_right_answers_and_the_cursor_from_all(theme: str) -> None:
    pane = ToolMatrix()
    app = MatrixApp(pane)
    async with app.run_test(size=(80, 20)) as pilot:
        app.theme = theme
        pane.show(small())
        pane.focus()
        await pilot.pause()

        def look(line: int, text: str) -> Any:
            return next(part.style for part in pane.render_line(line) if text in part.text)

        looks = [look(1, "400"), look(3, "12"), look(3, "70"), look(1, "·")]
        assert len(set(looks)) == len(looks)
        assert look(1, "400").reverse, "the cursor shows without colours too"
        pane.blur()
        await pilot.pause()
        assert look(1, "400").reverse


@pytest.mark.parametrize("variables", [ON_DARK, ON_LIGHT])
def test_numbers_can_be_read_on_every_shade(variables: dict[str, str]) -> None:
    theme = THEMES[0] if variables is ON_DARK else THEMES[1]
    background = Color.parse(theme.background or "")
    shades = heat(background, Color.parse(variables["heat"]), Color.parse(variables["poor"]))
    for style in [*shades.right, *shades.wrong]:
        assert style.color and style.bgcolor
        colours = map(Color.from_rich_color, (style.color, style.bgcolor))
        assert contrast(*colours) >= 4
    assert len({style.bgcolor for style in [*shades.right, *shades.wrong]}) == 2 * SHADES


@given(
    st.integers(1, 200),
    st.integers(1, 60),
    st.integers(1, 120),
    st.integers(1, 120),
    st.integers(1, 60),
    st.integers(1, 5),
    st.data(),
)
def test_a_layout_shows_whole_cells_and_reaches_every_one(
    width: int, height: int, rows: int, columns: int, label: int, digits: int, data: st.DataObject
) -> None:
    layout = Layout.fit(Size(width, height), rows, columns, label, digits)
    if layout.frozen + layout.cell <= width:
        assert layout.frozen + layout.columns_shown * layout.cell <= width
    cell = Offset(data.draw(st.integers(0, columns - 1)), data.draw(st.integers(0, rows - 1)))
    most = layout.virtual_size - Size(width, height)
    scroll = Offset(
        data.draw(st.integers(0, max(0, most.width))),
        data.draw(st.integers(0, max(0, most.height))),
    )
    last = layout.first_cell(Offset(max(0, most.width), max(0, most.height)))
    if layout.frozen + layout.cell <= width:
        assert last.x + layout.columns_shown == columns
    if height >= 3:
        assert last.y + layout.rows_shown == rows
    x, y = layout.scroll_to_show(cell, layout.first_cell(scroll))
    scroll = Offset(scroll.x if x is None else x, scroll.y if y is None else y)
    first = layout.first_cell(scroll)
    if most.width <= 0:
        assert first.x == 0
    assert 0 <= cell.x - first.x < layout.columns_shown
    assert 0 <= cell.y - first.y < layout.rows_shown
    place = Offset(
        layout.frozen + (cell.x - first.x) * layout.cell + layout.cell - 1, 1 + cell.y - first.y
    )
    assert layout.cell_at(place, first, Offset(0, 0)) == cell


@given(st.integers(0, 10**9 - 1))
def test_counts_are_short(count: int) -> None:
    assert len(compact(count)) <= 4
    unit = {"k": 1000, "M": 1_000_000}.get(compact(count)[-1], 1)
    assert int(compact(count).rstrip("kM")) == count // unit


@given(st.integers(1, 5000), st.data())
def test_per_cent_never_say_none_for_some_or_all_for_most(whole: int, data: st.DataObject) -> None:
    part = data.draw(st.integers(0, whole))
    text = percent(part / whole)
    assert (text == "0") == (part == 0)
    assert (text == "100") == (part == whole)
    assert abs(float(text.replace("<1", "0.5")) - 100 * part / whole) < 1


@pytest.mark.parametrize("width", range(12, 90, 7))
def test_the_status_fits(width: int) -> None:
    confusion = Confusion.of(small()).ordered("name")
    for row in range(len(confusion.rows)):
        text = cell_in_words(confusion, "counts", Offset(row % 5, row), width)
        assert width < 40 or len(text) <= width
        assert " of " in text and " → " in text
