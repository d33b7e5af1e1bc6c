"""SlotAccuracy: slots in any number, in any pane."""

from __future__ import annotations

import pytest

from tests.screens.panes import PaneApp, assert_golden, evaluation, text_of
from trm_engine.runs.schema.evaluation import Slot, Slots
from trm_tui.widgets.run.slot_accuracy import SlotAccuracy


@pytest.mark.parametrize("size", [(38, 10), (60, 14), (100, 20)])
async def test_as_text(size: tuple[int, int]) -> None:
    pane = SlotAccuracy()
    async with PaneApp(pane).run_test(size=size) as pilot:
        pane.show(evaluation(3, slots=6).metrics.slots, evaluation(2, slots=4).metrics.slots)
        await pilot.pause()
        assert_golden(f"slot_accuracy_{size[0]}x{size[1]}", text_of(pane))


async def test_many_slots_scroll_under_the_headings() -> None:
    pane = SlotAccuracy()
    async with PaneApp(pane).run_test(size=(60, 12)) as pilot:
        pane.show(evaluation(0, slots=40).metrics.slots)
        pane.focus()
        await pilot.press("end")
        lines = text_of(pane).splitlines()
        assert "slot" in lines[0] and "all slots" in lines[1]
        assert lines[-1].endswith("1,161")
        assert pane.scroll_offset.y == 40 + 2 - len(lines)
        await pilot.press("g")
        assert "phone" in text_of(pane).splitlines()[2]


async def test_empty_and_without_ratios() -> None:
    pane = SlotAccuracy()
    async with PaneApp(pane).run_test(size=(60, 12)) as pilot:
        assert "No evaluation yet" in text_of(pane)
        pane.show(Slots(accuracy=None, value_accuracy=None, per_slot={"a": Slot()}))
        await pilot.pause()
        assert "–" in text_of(pane)
        pane.show(None)
        await pilot.pause()
        assert "No evaluation yet" in text_of(pane)


async def test_slots_that_the_previous_evaluation_lacks_have_no_change() -> None:
    pane = SlotAccuracy()
    async with PaneApp(pane).run_test(size=(100, 12)) as pilot:
        pane.show(evaluation(1, slots=2).metrics.slots, evaluation(0, slots=1).metrics.slots)
        await pilot.pause()
        lines = text_of(pane).splitlines()
        assert "▲ +0.250" in lines[2]
        assert not {"▲", "▼", "="} & set(lines[3])


async def test_a_model_without_slots_is_not_waited_for() -> None:
    pane = SlotAccuracy()
    async with PaneApp(pane).run_test(size=(60, 12)) as pilot:
        pane.wait("evaluating 91%")
        pane.show(Slots(accuracy=None, value_accuracy=None, per_slot={}))
        pane.wait("evaluating 95%")
        await pilot.pause()
        assert "This model has no slots" in text_of(pane)
