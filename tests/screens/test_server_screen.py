"""The screen of a server, over figures that the test makes up."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Static, TextArea

from tests.screens.panes import PaneApp, assert_golden, text_of
from tests.screens.whole_screen import shown, until, utc
from tests.support import TOOLS, write_jsonl
from trm_engine.data.samples import parse_sample
from trm_engine.serving.drift import Shares
from trm_engine.serving.facts import ServerFacts
from trm_engine.serving.texts import Kept, Served
from trm_tui.app import TrmApp
from trm_tui.screens import server as module
from trm_tui.screens.save_sample import SaveSampleDialog
from trm_tui.screens.server import ServerScreen
from trm_tui.sessions.server import Look, ServerError, WatchedServer
from trm_tui.settings import Settings
from trm_tui.store.shares import action_rows, confidence_rows, drift_note, outcome_rows
from trm_tui.store.traffic import Figures
from trm_tui.store.unsure import Unsure
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.server.shares import ShareRows
from trm_tui.widgets.server.unsure import UnsureList

VALIDATION = Shares(
    100, {"find_customer": 0.3, "change_plan": 0.2, "direct_answer": 0.5}, [0.0] * 6 + [1.0]
)
NEWEST = Shares(
    400, {"find_customer": 0.6, "direct_answer": 0.4}, [0.1, 0.0, 0.0, 0.05, 0.05, 0.1, 0.7]
)
__all__ = ["utc"]
HOSTILE = "\x1b[31mred [bold]日本 " + "x" * 300


def kept(confidence: float, said: str, tool: str = "find_customer") -> Kept:
    return Kept(
        history=[{"role": "user", "content": said}],
        tools=TOOLS,
        served=Served(
            time=1796042062.0,
            model="first",
            interface="chat",
            outcome="call" if tool else "abstain",
            decision="tool_call" if tool else "direct_answer",
            calls=[{"name": tool, "arguments": {"phone": "0901234567"}}] * bool(tool),
            slots={"phone": "0901234567", "name": "", "plan": ""},
            confidence=confidence,
            q=0.5,
            reason="" if tool else "confidence 0.2 is below 0.9",
        ),
    )


class MadeUp(WatchedServer):
    """A server that has answered a hundred requests more at each look."""

    def __init__(self, texts: Path | None = None, *, drift: float = 0.02) -> None:
        super().__init__("http://127.0.0.1:8321")
        self.looks = 0
        self.drift = drift
        self.problem = ""
        self.texts = texts

    def look(self) -> Look:
        if self.problem:
            raise ServerError(self.problem)
        self.looks += 1
        count = 100 * self.looks
        facts = ServerFacts(
            model="first",
            checkpoint=str(Path("outputs/first/checkpoints/best.pt").absolute()),
            created=1796042000,
            started=1796042062.0,
            process=1,
            texts=str(self.texts) if self.texts else None,
            validation=VALIDATION,
            newest=NEWEST,
        )
        figures = Figures(
            statuses={200: count - self.looks, 400: self.looks},
            outcomes={"call": count / 2, "answer": count / 4, "abstain": count / 4},
            seconds={0.002: count * 0.5, 0.005: count, math.inf: count},
            drift={"actions": self.drift, "confidence": 0.01},
        )
        return Look(float(self.looks), facts, figures)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, utc: None) -> Iterator[None]:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.2)
    monkeypatch.chdir(tmp_path)
    yield


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Five requests, of which one is hostile."""
    records = [
        kept(0.9, "It is 0901234567"),
        kept(0.2, "what now", tool=""),
        kept(0.4, "find 0901234567"),
        kept(0.3, HOSTILE),
        kept(0.99, "sure"),
    ]
    return write_jsonl(tmp_path / "texts.jsonl", [to_builtins(each) for each in records])


def app_of(server: WatchedServer) -> TrmApp:
    return TrmApp(lambda _: ServerScreen(server), Settings())


async def watched(pilot: Pilot[Any], *words: str) -> None:
    await until(pilot, lambda: all(word in shown(pilot.app) for word in words))


@pytest.mark.parametrize("width", [34, 56, 90])
async def test_shares(width: int) -> None:
    panes = {
        "outcomes": outcome_rows(Figures(outcomes={"call": 30, "answer": 10, "forward": 1960})),
        "actions": action_rows(NEWEST, VALIDATION),
        "actions-alone": action_rows(NEWEST, None),
        "confidence": confidence_rows(NEWEST, VALIDATION),
    }
    for name, rows in panes.items():
        pane = ShareRows("Title", "what", compares=name != "outcomes")
        async with PaneApp(pane).run_test(size=(width, 12)) as pilot:
            pane.show(rows, "a note")
            await pilot.pause()
            assert_golden(f"server-{name}-{width}", text_of(pane))


def test_drift_in_words() -> None:
    for index, words in ((math.nan, "unknown yet"), (0.05, "alike"), (0.2, "differs"), (9, "much")):
        assert words in drift_note({"actions": index}, "actions")


@pytest.mark.parametrize("width", [40, 76, 120])
async def test_the_list_of_requests(width: int) -> None:
    unsure = Unsure()
    unsure.take([kept(0.3, HOSTILE), kept(0.2, "what now", tool=""), kept(0.4, "0901234567")])
    unsure.save(unsure.requests[1])
    pane = UnsureList()
    async with PaneApp(pane).run_test(size=(width, 10)) as pilot:
        pane.show(unsure)
        await pilot.pause()
        assert_golden(f"server-unsure-{width}", text_of(pane.rows()))


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (160, 48)])
async def test_traffic_is_shown_as_it_comes(size: tuple[int, int]) -> None:
    server = MadeUp()
    async with app_of(server).run_test(size=size) as pilot:
        await watched(pilot, "first", "● live", "100.0/s", "find_customer", "no call", "abstained")
        await watched(pilot, "drift 0.020: alike", "newest 400")
        assert not pilot.app.screen.query_one(Banner).display
        assert ("0.93 to 1.00" in shown(pilot.app)) == (size[0] >= 120)


async def test_warnings() -> None:
    server = MadeUp(drift=0.4)
    async with app_of(server).run_test(size=(120, 36)) as pilot:
        await watched(pilot, "The newest answers are not like the validation set: actions")
        server.problem = "http://127.0.0.1:8321: connection refused"
        await watched(pilot, "connection refused", "no answer")
        server.problem = ""
        await watched(pilot, "● live")


async def test_without_texts_the_list_says_how_to_have_some() -> None:
    async with app_of(MadeUp()).run_test(size=(120, 36)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("2")
        await watched(pilot, "Start the server with --log-texts FILE")


async def test_texts_of_another_machine(tmp_path: Path) -> None:
    async with app_of(MadeUp(tmp_path / "gone.jsonl")).run_test(size=(160, 36)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("2")
        await watched(pilot, "texts cannot be read on this machine")


async def test_a_wrong_answer_is_corrected_and_saved(texts: Path, tmp_path: Path) -> None:
    async with app_of(MadeUp(texts)).run_test(size=(120, 36)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("2")
        await watched(pilot, "what now", "confidence 0.2 is below 0.9", "of 5 kept, 5 shown")
        await pilot.press("down", "down")
        await watched(pilot, "call find_customer")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveSampleDialog))
        await watched(pilot, "Edit it if it is wrong")
        area = pilot.app.screen.query_one(TextArea)
        area.text = '{"decision": "tool_call", "tool": {"name": "change_plan", "arguments": {}}}'
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ServerScreen))
        await watched(pilot, "✓ 0.400")
    saved = parse_sample((tmp_path / "playground.jsonl").read_bytes())
    assert saved.tool and saved.tool.name == "change_plan"
    assert saved.history[0].content == "find 0901234567"
    assert [tool.function.name for tool in saved.tools] == ["find_customer", "change_plan"]


async def test_what_is_not_saved_is_not_marked(texts: Path) -> None:
    async with app_of(MadeUp(texts)).run_test(size=(120, 36)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("2")
        await watched(pilot, "of 5 kept, 5 shown")
        await pilot.press("s")
        await until(pilot, lambda: isinstance(pilot.app.screen, SaveSampleDialog))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ServerScreen))
        await pilot.press("d")
        await watched(pilot, "of 5 kept, 4 shown")
        assert "✓" not in shown(pilot.app)


async def test_new_requests_leave_the_cursor_where_it_is(texts: Path) -> None:
    server = MadeUp(texts)
    async with app_of(server).run_test(size=(120, 36)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("2")
        await watched(pilot, "of 5 kept, 5 shown")
        await pilot.press("down", "down")
        await watched(pilot, "find 0901234567")
        pane = pilot.app.screen.query_one(UnsureList)
        before = pane.selected
        with texts.open("ab") as file:
            file.write(
                write_jsonl(texts.with_name("more"), [to_builtins(kept(0.1, "new"))]).read_bytes()
            )
        await watched(pilot, "of 6 kept, 6 shown")
        assert before and pane.selected is before
        await pilot.press("slash", *"what", "enter")
        await watched(pilot, "of 6 kept, 1 shown")


async def test_a_conversation_is_opened_in_the_playground(
    texts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Any] = []

    class Playground(Screen[None]):
        def __init__(self, session: Any, draft: Any) -> None:
            super().__init__()
            opened.append((session.models[0].path, draft))

        def compose(self) -> Any:
            yield Static("the playground")

    monkeypatch.setattr(module, "PlaygroundScreen", Playground)
    checkpoint = tmp_path / "outputs" / "first" / "checkpoints" / "best.pt"
    async with app_of(MadeUp(texts)).run_test(size=(120, 36)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("2")
        await watched(pilot, "of 5 kept, 5 shown")
        await pilot.press("enter")
        notes = pilot.app._notifications
        await until(pilot, lambda: any("is not on this machine" in each.message for each in notes))
        checkpoint.parent.mkdir(parents=True)
        checkpoint.write_bytes(b"")
        await pilot.press("enter")
        await watched(pilot, "the playground")
    ((path, draft),) = opened
    assert path == checkpoint
    assert draft.turns[0].text == "what now"
    assert draft.right_answer is None


async def test_leaving_a_server_that_somebody_else_started_leaves_it_alone() -> None:
    async with app_of(MadeUp()).run_test(size=(80, 24)) as pilot:
        await watched(pilot, "● live")
        await pilot.press("q")
    assert pilot.app.return_code in (None, 0)
