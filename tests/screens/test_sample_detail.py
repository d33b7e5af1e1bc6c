"""SampleDetail: texts with marks, the answer step by step, and what its keys ask for."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from rich.style import Style
from textual import on
from textual.message import Message
from textual.pilot import Pilot

from tests.predicted import prediction, step, value
from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown, until
from trm_engine.runs.schema.answers import Answer, Place, StepPrediction
from trm_tui.widgets.checkpoint.sample_detail import SampleDetail
from trm_tui.widgets.conversation.marked import MarkedConversation

SAID = "[b]Call[/] 0912 345\tfrom 日本 👍🏽, שלום, e\u0301t\x1b[31m or 0777, on May 8"
TEXT = {each: SAID.index(each) for each in ("0912 345", "0777", "May 8")}


def tool(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "parameters": {}}}


SAMPLE: dict[str, Any] = {
    "tools": [tool("book_[table]"), tool("find_table")],
    "history": [
        {"role": "system", "content": "You help."},
        {"role": "user", "content": "An old story that is too long"},
        {"role": "tool_call", "content": {"name": "find_table", "arguments": {"city": "Rome"}}},
        {"role": "tool_response", "content": '{"found": 2}'},
        {"role": "user", "content": SAID},
    ],
    "decision": "tool_call",
    "tool": {"name": "book_[table]", "arguments": {"phone": "0912 345", "date": "May 8"}},
    "slots": {"phone": "0912 345", "date": "May 8", "name": ""},
}


def at(word: str) -> tuple[int, int, int]:
    """Where a word stands in the last turn."""
    return 4, TEXT[word], TEXT[word] + len(word)


def answer(phone: str, call: str | None, number: int, chance: float) -> StepPrediction:
    """A step that says this phone number."""
    values = [
        value("phone", phone, 0.91, at(phone)),
        value("date", "May 8", 0.6, at("May 8")),
        value("name", "Anna", 0.01),
    ]
    ranked = [("book_[table]", chance), ("find_table", 1 - chance)]
    return step(
        call,
        sorted(ranked, key=lambda each: -each[1]),
        values,
        {"book_[table]": values[:2], "find_table": [value("city", "日本", 0.8)]},
        number=number,
        q=chance,
    )


def answered(**more: Any) -> Answer:
    """Two steps: the first calls another tool with another number, the second is right."""
    fields = [("phone", "0912 345", at("0912 345")), ("date", "May 8", at("May 8"))]
    return prediction(
        {"tool": "book_[table]", "slots": fields, "arguments": fields},
        [
            answer("0777", "find_table", 1, 0.4),
            answer("0912 345", "book_[table]", 2, 0.95),
        ],
        halts_at=2,
        **more,
    )


class DetailApp(PaneApp):
    """Keeps what the pane asks for."""

    @on(SampleDetail.Moved)
    def keep(self, message: Message) -> None:
        """Keep one."""
        self.heard.append(message)


async def filled(pilot: Pilot[None], **more: Any) -> SampleDetail:
    """The pane with the sample and its answer, focused."""
    pane = pilot.app.query_one(SampleDetail)
    pane.show(SAMPLE, answered(**more), "line 7")
    await pilot.pause()
    pane.scrolled().focus()
    await pilot.pause()
    return pane


def marked(pane: SampleDetail, **wanted: bool) -> str:
    """The text whose style has these attributes, turn by turn."""
    view = pane.query_one(MarkedConversation)
    strips = view._drawn(view.size.width)[:-1]  # the last line is the legend
    return " ".join(
        segment.text.strip()
        for strip in strips
        for segment in strip
        if all(bool(getattr(segment.style or Style(), name)) == on for name, on in wanted.items())
    )


@pytest.mark.parametrize("size", [(80, 24), (100, 48), (160, 30)])
async def test_as_text(size: tuple[int, int]) -> None:
    async with DetailApp(SampleDetail()).run_test(size=size) as pilot:
        await filled(pilot)
        await pilot.press("left_square_bracket")
        assert_golden(f"sample_detail_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.parametrize("size", [(80, 24), (160, 40)])
async def test_marks_follow_the_step(size: tuple[int, int]) -> None:
    async with DetailApp(SampleDetail()).run_test(size=size) as pilot:
        pane = await filled(pilot)
        assert marked(pane, underline=True, reverse=True) == "0912 345 May 8"
        assert marked(pane, underline=False, reverse=True) == ""
        await pilot.press("left")
        assert pane.step == 0
        assert marked(pane, underline=True, reverse=False) == "0912 345"
        assert marked(pane, underline=False, reverse=True) == "0777"
        assert marked(pane, underline=True, reverse=True) == "May 8"


async def test_the_border_says_step_and_verdict() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(80, 24)) as pilot:
        pane = await filled(pilot)
        assert str(pane.border_title) == "Sample · line 7"
        assert str(pane.border_subtitle) == "step 2 of 2: ✓ right"
        await pilot.press("h", "h")
        assert str(pane.border_subtitle) == "step 1 of 2: ✗ tool, arguments, slots"
        await pilot.press("right_square_bracket", "l")
        assert pane.step == 1


async def test_keys_ask_for_other_samples() -> None:
    app = DetailApp(SampleDetail())
    async with app.run_test(size=(80, 24)) as pilot:
        pane = await filled(pilot)
        await pilot.press("n", "N")
        assert app.heard == [SampleDetail.Moved(1), SampleDetail.Moved(-1)]
        pane.show(None)
        await pilot.press("right", "left")
        assert len(app.heard) == 2


async def test_the_newest_turn_is_in_sight_and_a_late_answer_does_not_scroll_back() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(80, 12)) as pilot:
        pane = pilot.app.query_one(SampleDetail)
        pane.show(SAMPLE)
        await until(pilot, lambda: "There is no answer yet" in shown(pilot.app))
        assert "0912 345" in shown(pilot.app)
        pane.scrolled().focus()
        await pilot.press("home")
        await until(
            pilot, lambda: "2 available tools: book_[table], find_table" in shown(pilot.app)
        )
        pane.show(SAMPLE, answered())
        await pilot.pause(0.3)  # it would scroll once it is laid out
        assert pane.scrolled().scroll_offset.y == 0
        await pilot.press("end")
        await until(pilot, lambda: "q ≥" in shown(pilot.app))
        pane.show({**SAMPLE, "conversation": "another"}, answered())
        await until(pilot, lambda: "0912 345    from" in shown(pilot.app))


async def test_a_late_answer_is_brought_in_sight() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(80, 12)) as pilot:
        pane = pilot.app.query_one(SampleDetail)
        pane.show(SAMPLE)
        await until(pilot, lambda: "There is no answer yet" in shown(pilot.app))
        before = pane.scrolled().scroll_offset.y
        pane.show(SAMPLE, answered())
        await until(pilot, lambda: "decision  call" in shown(pilot.app))
        assert pane.scrolled().scroll_offset.y > before


async def test_what_the_model_does_not_see_is_dim_and_said() -> None:
    unseen = [Place(1, 0, 29), Place(3, 0, 5)]
    async with DetailApp(SampleDetail()).run_test(size=(120, 40)) as pilot:
        pane = await filled(pilot, unseen=unseen, dropped_tokens=1234)
        assert "The model does not see 1,234 tokens (dim)" in shown(pilot.app)
        assert marked(pane, dim=True) == 'An old story that is too long {"fou'


async def test_cut_tool_turns_are_said() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(120, 40)) as pilot:
        await filled(pilot, cut_tokens=1234)
        assert "does not see 1,234 tokens of long tool turns (dim)" in shown(pilot.app)


async def test_tools_that_are_new_to_the_model_are_named() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(120, 40)) as pilot:
        await filled(pilot, new_tools=["[x]", "find_table"])
        assert "New to the model: [x], find_table." in shown(pilot.app)


@pytest.mark.parametrize("truth", [None, {}])
async def test_what_a_call_still_needs_is_said(truth: dict[str, Any] | None) -> None:
    async with DetailApp(SampleDetail()).run_test(size=(140, 40)) as pilot:
        told = step(None, [("find_table", 0.9)], missing={"[city]": 4.26, "date": 1.0})
        sample = {"tools": [], "history": [{"role": "user", "content": "A table?"}]}
        pilot.app.query_one(SampleDetail).show(sample, prediction(truth, [told]), "1")
        await pilot.pause()
        assert "[city] −4.3, date −1.0" in shown(pilot.app)


async def test_text_is_never_obeyed() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(120, 40)) as pilot:
        await filled(pilot)
        text = shown(pilot.app)
        assert "[b]Call[/] 0912 345    from 日本 👍🏽" in text
        assert "\\x1b[31m" in text and "book_[table]" in text


async def test_sixteen_steps_in_a_narrow_pane() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(60, 40)) as pilot:
        pane = await filled(pilot)
        steps = [answer("0777", None, number, number / 16) for number in range(1, 17)]
        pane.show(SAMPLE, structs.replace(answered(), steps=steps, halts_at=None))
        await pilot.pause()
        assert "16  " in shown(pilot.app) and "more" in shown(pilot.app)
        assert "never: it runs all steps" in shown(pilot.app)
        await pilot.press(*["left"] * 20)
        assert pane.step == 0
        assert "0.062" in shown(pilot.app)


CHARACTERS = st.text("a [/]\u0301\u200d👍🏽日本مرحبا\n\t\x1b", max_size=30) | st.text(max_size=8)
BREADTHS = st.sampled_from([1, 3, 20, 64, 130])
ODD_VALUES = st.none() | st.integers() | CHARACTERS | st.lists(CHARACTERS, max_size=2)


@settings(deadline=None, max_examples=8, suppress_health_check=list(HealthCheck))
@given(CHARACTERS, st.data())
async def test_any_text_size_and_place(text: str, data: st.DataObject) -> None:
    begin, end = data.draw(st.integers(0, 30)), data.draw(st.integers(0, 30))
    said = value(text, text, span=(0, begin, end))
    told = step(text or "x", [(text, 0.5)], [said], {text: [said]}, missing={text: 1.5})
    odd = data.draw(ODD_VALUES)
    sample = {"tools": [odd, {"function": odd}], "history": [{"role": odd, "content": text}, odd]}
    answer = prediction({"tool": text, "slots": [(text, text, (0, end, begin))]}, [told])
    width, height = data.draw(BREADTHS), data.draw(BREADTHS)
    pane = SampleDetail()
    async with DetailApp(pane).run_test(size=(width, height)) as pilot:
        pane.show(sample, answer, text)
        await pilot.pause()
        assert "\x1b" not in shown(pilot.app)


@pytest.mark.parametrize("theme", ["trm-light", "ansi-dark"])
async def test_themes_and_any_size(theme: str) -> None:
    async with DetailApp(SampleDetail()).run_test(size=(160, 48)) as pilot:
        pilot.app.theme = theme
        pane = await filled(pilot)
        assert marked(pane, underline=True, reverse=True) == "0912 345 May 8"
        for width, height in [(1, 1), (5, 3), (20, 9), (124, 30), (60, 48)]:
            pane.styles.width, pane.styles.height = width, height
            await pilot.press("left", "right", "down")
            shown(pilot.app)


async def test_the_focus_stays_in_the_pane_when_it_becomes_narrow() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(160, 30)) as pilot:
        pane = await filled(pilot)
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert pane.has_focus_within
        await pilot.press("end")
        assert "empty" in shown(pilot.app)
        await pilot.resize_terminal(160, 30)
        await pilot.pause()
        assert pane.has_focus_within


async def test_nothing_is_selected() -> None:
    async with DetailApp(SampleDetail()).run_test(size=(80, 12)) as pilot:
        assert "No sample selected" in shown(pilot.app)
