"""Draw the documentation's pictures from a real run: python docs/screenshots.py RUN"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen

from trm_engine.config import Config
from trm_engine.data.problems.view import ViewOptions
from trm_engine.runs.folder import RunFolder, find_checkpoint
from trm_tui.app import TrmApp
from trm_tui.commands.playground import read_sample
from trm_tui.screens.data_view import ViewScreen
from trm_tui.screens.inspect import InspectScreen
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.sessions.data_view import DataSession
from trm_tui.sessions.models import Model, ModelSession
from trm_tui.sessions.run import AttachedRun
from trm_tui.settings import Remembered, Settings
from trm_tui.widgets.checkpoint.sample_detail import SampleDetail
from trm_tui.widgets.conversation.answer_pane import AnswerPane

HERE = Path(__file__).parent
SIZE = (160, 48)
SECONDS = 120.0
TURNS = 3
"""The playground's conversation is the first with a call after so many turns or more."""


async def until(pilot: Pilot[None], condition: Callable[[], bool]) -> None:
    """Wait, while the screen lives on."""
    async with asyncio.timeout(SECONDS):
        while not condition():
            await pilot.pause(0.1)
    await pilot.pause(1.0)


async def draw(
    name: str,
    theme: str,
    first: Callable[[Remembered], Screen[Any]],
    keys: str,
    is_ready: Callable[[], bool],
    is_drawn: Callable[[Screen[Any]], bool] = lambda screen: True,
) -> None:
    """Open a screen, press keys once it is ready, and save what is drawn as SVG."""
    app = TrmApp(first, Settings(theme=theme))
    async with app.run_test(size=SIZE) as pilot:
        await until(pilot, is_ready)
        await pilot.press(*keys.split())
        await until(pilot, lambda: is_drawn(app.screen))
        picture = app.export_screenshot()
        await pilot.press("q")
    (HERE / f"{name}.svg").write_text(picture, encoding="utf-8")


async def draw_training(folder: RunFolder, name: str, theme: str, tab: str) -> None:
    """The screen of the run."""
    run = AttachedRun(folder, Config.from_yaml(folder.config))
    await draw(
        name,
        theme,
        partial(TrainScreen, run),
        tab,
        lambda: not run.behind and bool(run.store.columns.rows),
    )


async def draw_errors(folder: RunFolder, name: str, theme: str) -> None:
    """The error browser on the run's validation samples."""
    session = CheckpointSession(find_checkpoint(folder.path), device="cpu")
    await draw(
        name,
        theme,
        lambda _: InspectScreen(session),
        "8",
        lambda: session.summary is not None,
        lambda screen: bool(session.judgement.result) and _has_answer(screen, SampleDetail),
    )


async def draw_playground(folder: RunFolder, name: str, theme: str) -> None:
    """The playground on a validation sample."""
    session = ModelSession(Model(find_checkpoint(folder.path)), device="cpu")
    draft = read_sample(f"{folder.validation}:{_line_of_a_call(folder.validation)}")
    await draw(
        name,
        theme,
        lambda _: PlaygroundScreen(session, draft),
        "escape",
        lambda: session.summary is not None,
        lambda screen: _has_answer(screen, AnswerPane),
    )


def _has_answer(screen: Screen[Any], pane: type[AnswerPane] | type[SampleDetail]) -> bool:
    return any("step" in str(each.border_subtitle) for each in screen.query(pane))


def _line_of_a_call(samples: Path) -> int:
    for number, line in enumerate(samples.read_text(encoding="utf-8").splitlines(), 1):
        sample = json.loads(line)
        if sample["decision"] == "tool_call" and len(sample["history"]) >= TURNS:
            return number
    raise ValueError(f"{samples}: no call after {TURNS} turns")


async def draw_data(folder: RunFolder, name: str, theme: str) -> None:
    """The run's validation samples with some labels changed, so that there are problems to show."""
    with TemporaryDirectory() as place:
        path = Path(place) / "samples.jsonl"
        lines = folder.validation.read_text(encoding="utf-8").splitlines()
        samples = [json.loads(line) for line in lines]
        calls = [each for each in samples if each["decision"] == "tool_call"]
        changed = [{**each, "decision": "direct_answer", "tool": {}} for each in calls[::40]]
        emptied = [{**each, "tool": {**each["tool"], "arguments": {}}} for each in calls[5::60]]
        texts = (json.dumps(each, ensure_ascii=False) for each in (*samples, *changed, *emptied))
        path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
        session = DataSession(path, ViewOptions(max_length=256, cache=Path(place)))
        await draw(
            name,
            theme,
            lambda _: ViewScreen(session),
            "2 enter down",
            lambda: bool(session.figures),
        )


async def draw_all(folder: RunFolder) -> None:
    """All pictures of a run."""
    await draw_training(folder, "train-dark", "trm-dark", "1")
    await draw_training(folder, "train-light", "trm-light", "1")
    await draw_training(folder, "tools-dark", "trm-dark", "4")
    await draw_errors(folder, "errors-dark", "trm-dark")
    await draw_playground(folder, "playground-dark", "trm-dark")
    await draw_data(folder, "data-dark", "trm-dark")


def main() -> None:
    """Draw the pictures of the run that is named."""
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} RUN")
    asyncio.run(draw_all(RunFolder(Path(sys.argv[1]))))


if __name__ == "__main__":
    main()
