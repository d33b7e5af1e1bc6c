"""LabelsView: tools with their parameters, slots, kinds and choices; search."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.pilot import Pilot
from textual.widgets import Input

from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_tui.widgets.checkpoint.labels import LabelsView, fields_of, tools_of
from trm_tui.widgets.table.search_bar import SearchBar

LABELS = Labels(
    tools=("check_bill", "book_[red]table[/]", "hang_up"),
    parameters=((0, 1), (0, 2, 3), ()),
    slots=(
        Field("phone"),
        Field("intent_of_user", "choice", tuple(f"do_thing_{n}" for n in range(12))),
        Field("a_slot_whose_name_is_longer_than_any_pane_has_room_for_it", json_type="number"),
    ),
    args=(
        Field("phone"),
        Field("month", "choice", ("May", "日本語", "\x1b[31mJune")),
        Field("seats", "span", (), "integer"),
        Field("smoking", "choice", ("true", "false"), "boolean"),
    ),
)


async def look_for(pilot: Pilot[None], words: str) -> None:
    """Put other words into the open search bar."""
    pilot.app.query_one(SearchBar).query_one(Input).value = words
    await pilot.pause()


@pytest.mark.parametrize("size", [(40, 20), (80, 24), (160, 24)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with PaneApp(LabelsView()).run_test(size=size) as pilot:
        pilot.app.query_one(LabelsView).show(LABELS.to_dict())
        await pilot.pause()
        assert_golden(f"labels_view_{size[0]}x{size[1]}", shown(pilot.app))


async def test_search_finds_tools_parameters_slots_and_choices() -> None:
    async with PaneApp(LabelsView()).run_test(size=(80, 24)) as pilot:
        view = pilot.app.query_one(LabelsView)
        view.show(LABELS.to_dict())
        view.scrolled().focus()
        await pilot.press("slash", "P")
        await look_for(pilot, "PHON")
        text = shown(pilot.app)
        assert text.count("phone") == 3 and "month" not in text and "hang_up" not in text
        assert str(view.border_subtitle) == "2 of 3 tools · 1 of 3 slots"
        await look_for(pilot, "table")
        text = shown(pilot.app)
        assert "seats" in text and "check_bill" not in text and "Slots" not in text
        await look_for(pilot, "thing_7")
        assert "intent_of_user" in shown(pilot.app) and "Tools" not in shown(pilot.app)
        await look_for(pilot, "zzz")
        assert "No label contains these words." in shown(pilot.app)
        await pilot.press("enter", "escape", "G", "g")
        assert "intent_of_user" in shown(pilot.app) and "check_bill" in shown(pilot.app)


@pytest.mark.parametrize("size", [(1, 1), (20, 5), (125, 4)])
async def test_any_size(size: tuple[int, int]) -> None:
    async with PaneApp(LabelsView()).run_test(size=size) as pilot:
        view = pilot.app.query_one(LabelsView)
        view.show(LABELS.to_dict())
        await pilot.pause()
        view.show(None)
        await pilot.pause()
        assert size[0] < 20 or "Not known." in shown(pilot.app)


names = st.text(max_size=5)
fields = st.lists(
    st.builds(Field, names, st.just("choice"), st.lists(names, max_size=3).map(tuple)), max_size=4
)


@given(st.lists(names, max_size=4), fields, st.data())
def test_every_tool_has_the_parameters_of_its_channels(
    tools: list[str], args: list[Field], data: st.DataObject
) -> None:
    places = st.lists(st.integers(0, max(len(args) - 1, 0)), max_size=3 if args else 0)
    channels = [tuple(data.draw(places)) for _ in tools]
    labels = Labels(tuple(tools), tuple(channels), tuple(args), tuple(args)).to_dict()
    found = tools_of(labels)
    assert [tool.name for tool in found] == tools
    for tool, wanted in zip(found, channels, strict=True):
        assert [each.name for each in tool.parameters] == [args[place].name for place in wanted]
    assert [(each.name, each.values) for each in fields_of(labels["slots"])] == [
        (each.name, each.values) for each in args
    ]


@pytest.mark.parametrize("labels", [{}, {"tools": ["a"]}, {"slots": [None, {}], "args": ["x"]}])
async def test_labels_of_another_form(labels: dict[str, Any]) -> None:
    async with PaneApp(LabelsView()).run_test(size=(40, 8)) as pilot:
        pilot.app.query_one(LabelsView).show(labels)
        await pilot.pause()
        assert "Labels" in shown(pilot.app)
