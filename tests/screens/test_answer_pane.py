"""The panes of an answer: steps, call, values, tools; tokens; what leaving turns out does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs
from textual import on
from textual.message import Message
from textual.widget import Widget

from tests.predicted import prediction, said, step, value, without
from tests.screens.panes import PaneApp, assert_golden
from tests.screens.whole_screen import shown
from trm_engine.runs.schema.answers import (
    Answer,
    Call,
    StepPrediction,
    TokenColumns,
    Tokenization,
    ToolWord,
)
from trm_engine.runs.schema.fields import DecisionName
from trm_tui.store.draft import Draft, DraftTurn
from trm_tui.store.occlusion import Occlusion
from trm_tui.widgets.chart import step_curve
from trm_tui.widgets.chart.canvas import glyphs_for
from trm_tui.widgets.chart.step_curve import StepCurve
from trm_tui.widgets.conversation.answer_json import ANSWERS, NO_TOOL, AnswerJson
from trm_tui.widgets.conversation.answer_pane import AnswerPane
from trm_tui.widgets.conversation.occlusion_rows import ASKING, LARGE, OcclusionRows
from trm_tui.widgets.conversation.step_answer import StepAnswer
from trm_tui.widgets.conversation.tokenised import Tokenised
from trm_tui.widgets.conversation.tokens_pane import TokensPane
from trm_tui.widgets.conversation.tool_words import ToolWordsView
from trm_tui.widgets.table.scrolling import Scroller

SIZES = [(44, 30), (78, 40)]
NAME = "book_[table]日本"


def answer_step(number: int, share: float) -> StepPrediction:
    """A step that calls the surer the later it is."""
    values = [
        value("phone", "0912\n345", 0.91),
        value("city", "日本 👍🏽", 0.6),
        value("day", "", 0.02),
    ]
    call = Call(NAME, {"phone": "0912\n345", "city": "日本 👍🏽\x1b[2J"})
    told = step(
        call if share > 0.5 else None,
        [(NAME, share), ("find_table", 1 - share)],
        values,
        {NAME: values[:2]},
        probability=share,
        q=share * 0.9,
        number=number,
    )
    return told


def answer(count: int = 4, truth: dict[str, Any] | None = None, **more: Any) -> Answer:
    steps = [answer_step(number, number / (count + 1)) for number in range(1, count + 1)]
    return prediction(truth, steps, **more)


class AnswerApp(PaneApp):
    """Keeps what the panes ask for."""

    @on(AnswerPane.StepMoved)
    @on(OcclusionRows.Chosen)
    def keep(self, message: Message) -> None:
        self.heard.append(message)


# The answer -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_an_answer_as_text(size: tuple[int, int]) -> None:
    pane = AnswerPane("EMA")
    async with AnswerApp(pane).run_test(size=size) as pilot:
        truth = {"tool": NAME, "slots": [("phone", "0912 346")]}
        pane.show(answer(truth=truth, halts_at=3), 2, "unknown: a,\nb")
        await pilot.pause()
        assert_golden(f"answer_pane_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.parametrize("size", [(44, 12), (78, 14)])
async def test_the_end_of_an_answer_as_text(size: tuple[int, int]) -> None:
    pane = AnswerPane("EMA")
    async with AnswerApp(pane).run_test(size=size) as pilot:
        pane.show(answer(), 3)
        await pilot.pause()
        pane.scrolled().focus()
        await pilot.press("end")
        await pilot.pause()
        assert_golden(f"answer_pane_end_{size[0]}x{size[1]}", shown(pilot.app))


@pytest.mark.parametrize("width", [38, 58, 80])
async def test_the_call_and_its_values_are_seen_without_scrolling(width: int) -> None:
    pane = AnswerPane("EMA")
    async with AnswerApp(pane).run_test(size=(width, 16)) as pilot:
        truth = {"tool": NAME, "slots": [("phone", "0912 346")]}
        pane.show(answer(truth=truth), 3)
        await pilot.pause()
        lines = [line.strip("│ ▇").strip() for line in shown(pilot.app).splitlines()]
        call = lines.index("Call 0.800")
        assert f'{{"name": "{NAME}"' in lines[call + 1]
        assert any('"phone": "0912\\n345"' in line for line in lines[call:7])
        assert any(line.startswith("tool") and NAME in line for line in lines[call:])


@pytest.mark.parametrize("width", [38, 58])
async def test_without_room_for_two_columns_the_truth_is_below_a_wrong_value(width: int) -> None:
    pane = StepAnswer()
    async with AnswerApp(pane).run_test(size=(width, 30)) as pilot:
        pane.show(answer(truth={"tool": NAME, "slots": [("phone", "0912 346")]}), 3)
        await pilot.pause()
        lines = [line.strip("│ ") for line in shown(pilot.app).splitlines()]
        place = next(n for n, line in enumerate(lines) if "0912 345" in line and "✗" in line)
        assert "true: " in lines[place + 1]
        assert any("true: 0912 346" in line for line in lines)


async def test_no_answer_shows_nothing_and_keeps_what_stands_there() -> None:
    pane = AnswerPane("raw [weights]")
    async with AnswerApp(pane).run_test(size=(44, 30)) as pilot:
        pane.show(answer(), 0)
        await pilot.pause()
        pane.show(None, 0, "no [answer] yet")
        await pilot.pause()
        text = shown(pilot.app)
        assert "P(call)" not in text and "Tools" not in text and "Call" not in text
        assert "raw [weights]" in text and "no [answer] yet" in text


async def test_the_border_says_which_step_it_is() -> None:
    pane = AnswerPane("EMA")
    async with AnswerApp(pane).run_test(size=(44, 30)):
        pane.show(answer(16), 4, "unknown: a")
        assert str(pane.border_subtitle) == "step 5 of 16 · unknown: a"


async def test_a_single_step_has_no_course() -> None:
    """Neither curves over steps nor a step at which it halts: there is just the answer."""
    pane = AnswerPane("Answer")
    async with PaneApp(pane).run_test(size=(78, 60)) as pilot:
        pane.show(answer(1), 0)
        await pilot.pause()
        assert not pane.border_subtitle
        assert not pane.query_one(StepCurve).display
        text = shown(pilot.app)
        assert "P(call)" not in text and "all steps" not in text
        assert "q " in text
        pane.show(answer(2), 1)
        assert pane.query_one(StepCurve).display


async def test_keys_ask_for_other_steps_and_scroll() -> None:
    app = AnswerApp(AnswerPane("EMA"))
    async with app.run_test(size=(44, 10)) as pilot:
        app.pane.show(answer(), 1)
        app.query_one(Scroller).focus()
        await pilot.press("right", "left", "l", "h")
        assert [each.steps for each in app.heard] == [1, -1, 1, -1]
        await pilot.press("j", "pagedown")
        assert app.query_one(Scroller).scroll_offset.y > 1
        await pilot.press("home")
        assert app.query_one(Scroller).scroll_offset.y == 0


async def test_what_is_shown_follows_the_step() -> None:
    pane = AnswerPane("EMA")
    async with AnswerApp(pane).run_test(size=(78, 60)) as pilot:
        pane.show(answer(), 0)
        await pilot.pause()
        assert ANSWERS in shown(pilot.app)
        pane.show(answer(), 3)
        await pilot.pause()
        text = shown(pilot.app)
        assert ANSWERS not in text and '"phone": "0912\\n345"' in text


async def test_text_is_never_obeyed() -> None:
    pane = AnswerPane("EMA")
    async with AnswerApp(pane).run_test(size=(78, 60)) as pilot:
        told = answer()
        for each in told.steps:
            each.tools[0] = structs.replace(each.tools[0], name="x\x1b[2J\n[b]y")
        pane.show(told, 3, "unknown: \x1b[2J")
        await pilot.pause()
        text = shown(pilot.app)
        assert "\x1b" not in text
        assert "x\\x1b[2J [b]y" in text


@pytest.mark.parametrize(
    ("decision", "words"), [("direct_answer", ANSWERS), ("tool_call", NO_TOOL)]
)
async def test_why_there_is_no_call_is_said(decision: DecisionName, words: str) -> None:
    pane = AnswerJson()
    async with AnswerApp(pane).run_test(size=(70, 6)) as pilot:
        pane.show(structs.replace(said(None), decision=decision))
        await pilot.pause()
        assert words in shown(pilot.app)


# The curve ------------------------------------------------------------------------------------


async def curve(size: tuple[int, int], told: Any, at: int) -> str:
    pane = StepCurve(glyphs_for({}))
    async with AnswerApp(pane).run_test(size=size) as pilot:
        pane.show(told, at)
        await pilot.pause()
        return shown(pilot.app)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [1, 2, 16])
async def test_a_curve_as_text(size: tuple[int, int], count: int) -> None:
    text = await curve((size[0], 10), answer(count, halts_at=count), count // 2)
    assert_golden(f"step_curve_{count}_{size[0]}", text)


async def test_a_curve_marks_where_it_halts_and_not_where_it_does_not() -> None:
    assert step_curve.HALT_MARK in await curve((44, 10), answer(4, halts_at=2), 0)
    assert step_curve.HALT_MARK not in await curve((44, 10), answer(4), 0)


async def test_of_too_many_steps_first_last_and_the_chosen_one_are_numbered() -> None:
    lines = (await curve((44, 10), answer(64), 30)).splitlines()
    assert ["1", "31", "64"] in [line.strip("│ ").split() for line in lines]


# Tokens ---------------------------------------------------------------------------------------


def tokenised(dropped: int = 0, count: int = 3) -> tuple[Tokenization, list[str]]:
    texts = ["Hi 日本", "Hello\x1b[2J"]
    tokens = TokenColumns(
        pieces=["<s>", "<user>", "▁Hi", "▁日本", "<assistant>", "▁Hello\x1b[2J", *["x"] * count],
        ids=[2, 4, 100, 1234, 6, 99, *range(count)],
        begins=[-1, -1, 0, 3, -1, 0, *[0] * count],
        ends=[-1, -1, 2, 5, -1, 5, *[1] * count],
        turns=[-1, 0, 0, 0, 1, 1, *[1] * count],
        roles=["", "user", "user", "user", "assistant", "assistant", *["assistant"] * count],
    )
    return Tokenization(tokens=tokens, dropped_tokens=dropped, max_length=512), texts


@pytest.mark.parametrize("size", SIZES)
async def test_tokens_as_text(size: tuple[int, int]) -> None:
    pane = TokensPane()
    async with AnswerApp(pane).run_test(size=(size[0], 12)) as pilot:
        pane.show(*tokenised(dropped=1234))
        await pilot.pause()
        assert "1,234 older tokens truncated" in str(pane.border_subtitle)
        assert_golden(f"tokens_pane_{size[0]}", shown(pilot.app))


async def test_the_roles_of_tokens_are_told_apart_by_colour() -> None:
    pane = TokensPane()
    async with AnswerApp(pane).run_test(size=(78, 12)) as pilot:
        pane.show(*tokenised())
        await pilot.pause()
        strip = pane.query_one(Tokenised).render_line(1)
        colours = {part.text.strip(): part.style.color for part in strip if part.style}
        assert colours["▁Hi"] == colours["▁日本"] != colours["<assistant>"]
        assert str(pane.border_subtitle) == "of at most 512"


# Leaving turns out ----------------------------------------------------------------------------

TURNS = ("You help.", "A [b]table[/]\tin\x1b[2J\nRome 日本", "", "Two are free")
DRAFT = Draft(tuple(DraftTurn("user" if n % 2 else "system", text) for n, text in enumerate(TURNS)))


def occlusion(*changes: float) -> Occlusion:
    """The answers without turns, each with a tool of its own."""
    left = Occlusion(DRAFT.said)
    for turn, change in [(None, 0.0), *enumerate(changes)]:
        tool = "find_table" if turn is None else f"tool\n{turn}"
        told = without(turn, 0.7 + change, tool, 0.5)
        called = structs.replace(told.prediction, decision="tool_call")
        left.add([structs.replace(told, prediction=called)])
    return left


@pytest.mark.parametrize("size", SIZES)
async def test_rows_of_turns_as_text(size: tuple[int, int]) -> None:
    pane = OcclusionRows()
    async with AnswerApp(pane).run_test(size=(size[0], 8)) as pilot:
        pane.show(occlusion(0.01, -0.6, 0.2), DRAFT)
        await pilot.pause()
        assert_golden(f"occlusion_rows_{size[0]}", shown(pilot.app))


WORDS = [
    ToolWord(text="book", part="name", effect=0.51),
    ToolWord(text="table", part="name", effect=0.04),
    *(ToolWord(text=text, part="description", effect=0.0) for text in ("Reserve", "a")),
    ToolWord(text="table\x1b[2J", part="description", effect=1.204),
    ToolWord(text="in\nRome", part="description", effect=-0.3),
    ToolWord(text="garden", part="value", effect=0.4),
]


@pytest.mark.parametrize("width", [20, 60])
async def test_the_words_of_a_tool_as_text(width: int) -> None:
    view = ToolWordsView()
    async with AnswerApp(view).run_test(size=(width, 10)) as pilot:
        view.show(WORDS)
        await pilot.pause()
        assert_golden(f"tool_words_{width}", shown(pilot.app))
        view.show([])
        await pilot.pause()
        assert "book" not in shown(pilot.app)


async def test_words_that_speak_for_a_tool_stand_out() -> None:
    view = ToolWordsView()
    async with AnswerApp(view).run_test(size=(60, 10)) as pilot:
        view.show(WORDS)
        await pilot.pause()
        styles = {
            segment.text.strip(): segment.style
            for y in range(view.size.height)
            for segment in view.render_line(y)
            if segment.style and segment.text.strip()
        }
        plain = styles["table"]
        assert styles["book"].color != plain.color
        assert styles["book"].bold


async def test_before_any_answer_the_rows_say_why_there_are_none() -> None:
    pane = OcclusionRows()
    async with AnswerApp(pane).run_test(size=(60, 8)) as pilot:
        assert "Press w" in shown(pilot.app)
        pane.show(occlusion(), DRAFT, ASKING)
        await pilot.pause()
        assert ASKING in shown(pilot.app)
        assert "all turns: P(call) 0.700, find_table" in shown(pilot.app)


async def test_a_row_leads_to_its_turn() -> None:
    app = AnswerApp(OcclusionRows())
    async with app.run_test(size=(78, 8)) as pilot:
        app.pane.focus()
        await pilot.press("enter")
        assert app.heard == []
        app.pane.show(occlusion(0.0, 0.0, 0.0), DRAFT)
        await pilot.press("end", "enter", "home", "enter")
        assert app.heard == [OcclusionRows.Chosen(3), OcclusionRows.Chosen(0)]
        await pilot.press("end")
        app.pane.show(occlusion(0.0), DRAFT)
        await pilot.press("enter")
        assert app.heard[-1] == OcclusionRows.Chosen(0)


@pytest.mark.parametrize(
    ("change", "look"), [(LARGE, "good"), (-LARGE, "poor"), (0.09, "none"), (-0.09, "none")]
)
def test_large_changes_stand_out(change: float, look: str) -> None:
    pane = OcclusionRows()
    result = occlusion(change).results[0]
    pane._results, pane._draft = [replace(result, change=change)], DRAFT
    cells: Any = pane.cells(0, None)  # type: ignore[arg-type]
    assert cells["change"] == (f"{change:+.3f}", look)


# Any size -------------------------------------------------------------------------------------


def answer_pane(count: int) -> AnswerPane:
    pane = AnswerPane("EMA")
    pane.call_after_refresh(pane.show, answer(count, halts_at=count), count - 1)
    return pane


def curve_pane(count: int) -> StepCurve:
    pane = StepCurve()
    pane.show(answer(count, halts_at=1), 0)
    return pane


def tokens_pane(count: int) -> TokensPane:
    pane = TokensPane()
    pane.call_after_refresh(pane.show, *tokenised(count=count))
    return pane


def rows_pane(count: int) -> OcclusionRows:
    pane = OcclusionRows()
    pane.call_after_refresh(pane.show, occlusion(*[0.1] * min(count, 3)), DRAFT)
    return pane


@pytest.mark.parametrize("make", [answer_pane, curve_pane, tokens_pane, rows_pane])
@settings(deadline=None, max_examples=6, suppress_health_check=list(HealthCheck))
@given(st.integers(1, 24), st.integers(1, 12), st.integers(1, 20))
async def test_any_small_size_is_drawn(
    make: Callable[[int], Widget], width: int, height: int, count: int
) -> None:
    app = AnswerApp(make(count))
    async with app.run_test(size=(width, height)) as pilot:
        await pilot.pause()
        await pilot.press("down", "end", "right")
        lines = shown(app).splitlines()
        assert len(lines) == height and not set("\x1b\x00") & set("".join(lines))
