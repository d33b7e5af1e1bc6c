"""Names, values and messages of others on every screen: nothing of them steers the terminal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.pilot import Pilot
from textual.screen import Screen

from tests.hostile import NAME, TEXT, hostile_dialogues, steered
from tests.inspected import Listener, finished_run
from tests.screens.fake_run import FakeRun
from tests.screens.whole_screen import shown, until
from tests.support import write_jsonl
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.requests import REQUESTS
from trm_engine.printable import is_hidden
from trm_engine.runs.folder import RunFolder
from trm_tui.app import TrmApp
from trm_tui.screens.inspect import InspectScreen
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.runs import RunsScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.sessions.models import Model, ModelSession
from trm_tui.settings import Settings
from trm_tui.store.draft import Draft
from trm_tui.text.printable_filter import PrintableFilter

SIZE = (160, 48)


@pytest.fixture
def raw(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The texts that panes did not make printable; the filter of the app catches them.

    A path in an input has to stay as it is: it is edited there.
    """
    typed = str(tmp_path.parent)
    caught: list[str] = []
    apply = PrintableFilter.apply

    def look(self: PrintableFilter, segments: list[Segment], background: Any) -> list[Segment]:
        texts = [each.text for each in segments if any(map(is_hidden, each.text))]
        caught.extend(repr(text) for text in texts if not text.startswith(typed))
        return apply(self, segments, background)

    monkeypatch.setattr(PrintableFilter, "apply", look)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    return caught


class HostileRun(FakeRun):
    """A run whose events hold such text wherever text is free."""

    def event(self, kind: str, /, **content: Any) -> None:
        super().event(kind, **steered(content))


@pytest.fixture
def run(tmp_path: Path) -> HostileRun:
    run = HostileRun(tmp_path / f"run{NAME}")
    run.begin()
    run.train(20)
    run.evaluate()
    for level in ("info", "warning", "error"):
        run.event("log", level=level, message="said")
    run.event("checkpoint", step=20, epoch=0.1, path=f"/x/{TEXT}", kind="best", bytes=10)
    return run


def assert_nothing_steers(app: App[Any]) -> None:
    text = shown(app).replace("\n", "")
    assert [repr(each) for each in text if is_hidden(each)] == []


def _is_still(app: App[Any], seen: list[str]) -> bool:
    """Whether the screen looks as it did when this was last asked."""
    seen.append(shown(app))
    return seen[-1:] == seen[-2:-1]


async def press(pilot: Pilot[Any], *keys: str) -> None:
    for key in keys:
        await pilot.press(key)
        await until(pilot, partial(_is_still, pilot.app, []))
        assert_nothing_steers(pilot.app)


async def test_the_train_screen(run: HostileRun, raw: list[str]) -> None:
    app = TrmApp(lambda remembered: TrainScreen(run.attach(), remembered), Settings())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "step 20" in shown(app))
        assert "\\x1b]52" in shown(app)
        for tab in "12345678":
            await press(pilot, tab)
        run.event("log", level="warning", message="a new one")
        await press(pilot, "4", "tab", "c", "enter", "t", "escape")
        await press(pilot, "2", "tab", "w", "escape", "question_mark", "escape", "S", "escape")
        run.event("state", state="paused", reason="no space")
        await until(pilot, lambda: "paused: no space" in shown(app))
        assert_nothing_steers(app)
        run.event("failed", message="it broke", traceback="line 1\nline 2", user_error=False)
        run.end("failed", reason="it broke")
        await until(pilot, lambda: "The training failed" in shown(app))
        await press(pilot, "escape", "8")
    assert raw == []


async def test_a_message_over_the_train_screen(run: HostileRun, raw: list[str]) -> None:
    app = TrmApp(lambda remembered: TrainScreen(run.attach(), remembered), Settings())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "step 20" in shown(app))
        app.notify(f"[b]said[/c] {TEXT}", title=f"[/d]{TEXT}")
        await until(pilot, lambda: "[b]said[/c]" in shown(app) and "[/d]" in shown(app))
        assert_nothing_steers(app)


async def test_runs_and_their_overlay(run: HostileRun, raw: list[str], tmp_path: Path) -> None:
    broken = RunFolder(run.folder.path.with_name(f"broken{NAME}"))
    broken.create()
    broken.config.write_text('{training: {"[/b]": 1}}')
    app = TrmApp(partial(RunsScreen, run.folder.path.parent), Settings())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "\\x1b]52" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "[/b]" in shown(app))
        await press(pilot, "down", "enter")
        await until(pilot, lambda: "step 20" in shown(app))
        await press(pilot, "q")
        await until(pilot, lambda: "● running" in shown(app))
        await press(pilot, "space", "o", "space")
    assert raw == []


class InProcess:
    """Answers as a worker does, here."""

    def __init__(self, device: str = "cpu") -> None:
        self._files = ModelFiles("cpu")

    async def start(self) -> None:
        """Nothing to start."""

    async def ask(self, request: str, **arguments: Any) -> dict[str, Any]:
        answer = REQUESTS[request](self._files, Listener(), **arguments)
        return dict(to_builtins(answer))

    async def stream(self, request: str, **arguments: Any) -> AsyncIterator[dict[str, Any]]:
        listener = Listener()
        result = to_builtins(REQUESTS[request](self._files, listener, **arguments))
        for part in listener.parts:
            yield {"type": "part", **to_builtins(part)}
        yield {"type": "result", **result}

    async def close(self) -> None:
        """Nothing to end."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunFolder]:
    """A run on hostile conversations."""
    place = tmp_path_factory.mktemp("hostile")
    data = write_jsonl(place / f"{NAME}.jsonl", hostile_dialogues(20))
    tokenizer = TRMTokenizer.train(data, place / "tokenizer", vocab_size=450)
    dataset = TRMToolCallingDataset(data, tokenizer, cache_dir=place / "cache")
    yield finished_run(place / f"run{NAME}", dataset)


async def test_the_inspect_screen(
    finished: RunFolder, raw: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trm_tui.sessions.checkpoint.InferenceServer", InProcess)
    best, last = (finished.path / "checkpoints" / name for name in ("best.pt", "last.pt"))
    session = CheckpointSession(best, other=last)
    app = TrmApp(lambda _: InspectScreen(session), Settings())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "opening…" not in shown(app))
        for tab in "12345678":
            await press(pilot, tab)
        await until(pilot, lambda: "line" in shown(app))
        await press(pilot, "tab", "t", "t", "enter", "n", "escape", "w", "escape")
        await press(pilot, "4", "tab", "t", *"a09", "escape", "6", "tab", "c", "enter", "escape")
    assert raw == []


async def test_the_playground(
    finished: RunFolder, raw: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("trm_tui.sessions.models.InferenceServer", InProcess)
    (tmp_path / NAME).mkdir()
    monkeypatch.chdir(tmp_path / NAME)
    session = ModelSession(Model(finished.path / "checkpoints" / "best.pt"))
    draft = Draft.of(hostile_dialogues(1)[-1])
    app = TrmApp(lambda _: PlaygroundScreen(session, draft), Settings())
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        await until(pilot, lambda: "answered in" in shown(app))
        await press(pilot, "escape", "1", "2", "3", "w")
        await press(pilot, "t", "tab", "right", "escape", "o", "escape", "s", "tab", "escape")
        await press(pilot, "up", "up", "enter", "escape", "c", "m")
    assert raw == []


def test_a_pane_that_forgets_is_caught_and_its_line_keeps_its_width() -> None:
    app = TrmApp(lambda _: Screen(), Settings())
    assert [type(each) for each in app.get_line_filters()] == [PrintableFilter]
    line = [Segment("a\x1b[31mb\u202ec\xadd", Style(link="x\x1b\\")), Segment("|")]
    shown = PrintableFilter(()).apply(line, Color.parse("black"))
    assert [each.text for each in shown] == ["a[31mbc\ufffdd", "|"]
    assert shown[0].style is not None and shown[0].style.link is None
