"""Draw every screen in every size and theme from one run: python -m docs.screenshots RUN [SCREEN…]

With screens, such as train or data, only their pictures are drawn. What a picture needs
beside the run (a sweep, runs with several seeds, a server) is made once, in RUN-pictures.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from textual.pilot import Pilot
from textual.screen import Screen
from textual.strip import Strip
from textual.widgets import TabbedContent

from docs.staging import Stage
from docs.svg import picture, strips
from trm_engine.config import Config
from trm_engine.data.problems.view import ViewOptions
from trm_engine.runs.folder import RunFolder, find_checkpoint
from trm_engine.sweeps.plan import read_plan
from trm_tui.app import TrmApp
from trm_tui.commands.playground import read_sample
from trm_tui.screens.closing import ClosingDialog
from trm_tui.screens.crash import CrashDialog
from trm_tui.screens.data_view import ViewScreen
from trm_tui.screens.inspect import InspectScreen
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.runs import RunsScreen
from trm_tui.screens.server import ServerScreen
from trm_tui.screens.sweep import SweepScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions.checkpoint import CheckpointSession
from trm_tui.sessions.data_view import DataSession
from trm_tui.sessions.models import Model, ModelSession
from trm_tui.sessions.run import AttachedRun
from trm_tui.sessions.server import WatchedServer
from trm_tui.sessions.sweep import SweepSession
from trm_tui.settings import Remembered, Settings
from trm_tui.widgets.checkpoint.tabs import InspectTabs
from trm_tui.widgets.conversation.tabs import PlaygroundTabs
from trm_tui.widgets.data.tabs import ViewTabs
from trm_tui.widgets.run.tabs import TrainTabs

HERE = Path(__file__).parent / "screens"
SIZES = ((80, 24), (120, 36), (160, 48))
THEMES = {"dark": "trm-dark", "light": "trm-light"}
SCREENS = ("train", "inspect", "playground", "data", "runs", "sweep", "server")
SECONDS = 600.0
SAME = 3
TURNS = 3
"""The playground's conversation is the first with a call after so many turns or more."""
TRAFFIC_SECONDS = 30

PAGE = """\
# Pictures of every screen

Made by `make screenshots RUN=outputs/...` from one run, in three sizes, dark and light. The small
models beside it (a sweep, runs with three seeds) are trained by the same command.
"""

Ready = Callable[[Screen[Any]], bool]


def always(screen: Screen[Any]) -> bool:
    """Ready as soon as the screen is still."""
    return True


@dataclass(frozen=True)
class Stop:
    """A picture on a tour of an app: its name, the keys that lead to it, and when it is ready.

    ``back``: the keys that lead away again.
    """

    name: str
    keys: str = ""
    ready: Ready = always
    back: str = ""


@dataclass(frozen=True)
class Tour:
    """Pictures of one screen and its dialogs."""

    first: Callable[[Remembered], Screen[Any]]
    stops: Sequence[Stop]
    ready: Ready = always
    begin: Callable[[TrmApp], object] = field(default=lambda app: None)
    themes: Mapping[str, str] = field(default_factory=lambda: THEMES)


async def until(pilot: Pilot[Any], is_true: Callable[[], bool]) -> None:
    """Wait, while the screen lives on."""
    async with asyncio.timeout(SECONDS):
        while not is_true():
            await pilot.pause(0.1)
    await pilot.pause(0.2)


async def still(pilot: Pilot[Any]) -> str:
    """The picture, once nothing changes several times: a busy machine paints late."""
    same = 0
    before: list[Strip] = []
    async with asyncio.timeout(SECONDS):
        while same < SAME:
            await pilot.pause(0.05)
            assert pilot.app.is_running, "it has ended: SIGTERM ends it, for one"
            before, was = strips(pilot.app), before
            same = same + 1 if before == was else 0
    return picture(pilot.app)


async def draw(tour: Tour) -> None:
    """Draw the pictures of a tour."""
    app = TrmApp(tour.first, Settings(theme=next(iter(tour.themes.values()))))
    async with app.run_test(size=SIZES[-1]) as pilot:
        await until(pilot, lambda: tour.ready(app.screen))
        tour.begin(app)
        for stop in tour.stops:
            await pilot.press(*stop.keys.split())
            await until(pilot, lambda stop=stop: stop.ready(app.screen))
            for size in SIZES:
                await pilot.resize_terminal(*size)
                for name, theme in tour.themes.items():
                    app.theme = theme
                    app.refresh_css(animate=False)  # Textual would do it when it has time
                    _write(f"{stop.name}-{size[0]}x{size[1]}-{name}", await still(pilot))
            await pilot.press(*stop.back.split())
        await pilot.press("q")


def _write(name: str, drawn: str) -> None:
    (HERE / f"{name}.svg").write_text(drawn, encoding="utf-8")


# Tours ------------------------------------------------------------------------------------------


def training(run: RunFolder) -> Tour:
    """The tabs of a run, and its dialogs."""
    watched = AttachedRun(run)
    tabs = [Stop(f"train-{tab.lower()}", str(n)) for n, tab in enumerate(TrainTabs.TABS, 1)]
    dialogs = [
        Stop("train-cell", "4 c enter", back="escape"),
        Stop("train-export", "1 w", back="escape"),
        Stop("train-help", "question_mark", back="escape"),
        Stop("train-maximised", "1 f", back="f"),
    ]
    return Tour(partial(TrainScreen, watched), [*tabs, *dialogs], partial(_is_read, watched))


def palettes(run: RunFolder) -> Iterator[Tour]:
    """The command palette. Open, it keeps the theme that it was opened with."""
    for name, theme in THEMES.items():
        watched = AttachedRun(run)
        yield Tour(
            partial(TrainScreen, watched),
            [Stop("train-palette", "1 ctrl+p", back="escape")],
            partial(_is_read, watched),
            themes={name: theme},
        )


def closing(run: RunFolder) -> Iterator[Tour]:
    """The dialogs of a training that runs or has failed, over the finished one."""
    dialogs = {
        "train-leave": ClosingDialog(),
        "train-crash": CrashDialog(
            "the loss is not finite after 3 restarts",
            "Traceback (most recent call last):\n" + '  File "loop.py", line 12, in step\n' * 9,
            run.log,
            run.path,
            f"trm-tui train --resume {run.path}",
        ),
    }
    for name, dialog in dialogs.items():
        yield Tour(
            partial(TrainScreen, AttachedRun(run)),
            [Stop(name)],
            begin=lambda app, dialog=dialog: app.push_screen(dialog),
        )


def inspecting(run: RunFolder) -> Tour:
    """The tabs of a checkpoint."""
    session = CheckpointSession(find_checkpoint(run.path), device="cpu")
    asked = {"Evaluation", "Tools", "Slots", "Confidence", "Errors"}

    def is_judged(_: Screen[Any]) -> bool:
        return bool(session.judgement.result)

    def is_filled(screen: Screen[Any]) -> bool:
        tab = screen.query_one(TabbedContent).active_pane
        return bool(tab) and not screen.app._animator._animations

    stops = [
        Stop(f"inspect-{tab.lower()}", str(number), is_judged if tab in asked else is_filled)
        for number, tab in enumerate(InspectTabs.TABS, 1)
    ]
    return Tour(lambda _: InspectScreen(session), stops, lambda _: session.summary is not None)


def playing(run: RunFolder) -> Tour:
    """The playground on a validation sample, and its dialogs."""
    session = ModelSession(Model(find_checkpoint(run.path)), device="cpu")
    draft = read_sample(f"{run.validation}:{_line_of_a_call(run.validation)}")
    tabs = [
        Stop(f"playground-{tab.lower()}", f"escape {number}", _is_answered)
        for number, tab in enumerate(PlaygroundTabs.TABS, 1)
    ]
    dialogs = [
        Stop("playground-tools", "escape t", back="escape"),
        Stop("playground-pick", "o", back="escape"),
        Stop("playground-save", "s", back="escape"),
    ]
    tabs[0] = Stop("playground-answer", "enter end space escape", _is_answered)
    tabs[2] = Stop("playground-why", "w", _is_explained)
    return Tour(
        lambda _: PlaygroundScreen(session, draft),
        [*tabs, *dialogs],
        lambda screen: session.summary is not None and _is_answered(screen),
    )


def comparing(run: RunFolder) -> Tour:
    """The playground with two checkpoints of one run."""
    best = Model(find_checkpoint(run.path))
    checkpoints = run.checkpoints(Config.from_yaml(run.config))
    other = Model(sorted(checkpoints.glob("step_*.pt"))[0])
    session = ModelSession(best, other, device="cpu")
    draft = read_sample(f"{run.validation}:{_line_of_a_call(run.validation)}")
    return Tour(
        lambda _: PlaygroundScreen(session, draft),
        [Stop("playground-compare", "escape 1", _is_answered)],
        lambda screen: session.summary is not None and _is_answered(screen),
    )


def viewing(stage: Stage) -> Tour:
    """A data file, and the review of its labels."""
    options = ViewOptions(max_length=256, cache=stage.folder / "cache", errors=stage.errors)
    session = DataSession(stage.faulty(), options)
    keys = {"Overview": "1", "Problems": "2 down enter", "Labels": "3"}
    stops = [Stop(f"data-{tab.lower()}", keys[tab]) for tab in ViewTabs.TABS]
    edit = Stop("data-edit", "e", back="escape")
    return Tour(lambda _: ViewScreen(session), [*stops, edit], lambda _: bool(session.figures))


def listing(stage: Stage) -> Tour:
    """Runs in a folder, their seeds, and two of them compared."""
    stops = [
        Stop("runs-list"),
        Stop("runs-seeds", "right"),
        Stop("runs-tags", "t", back="escape"),
        Stop("runs-delete", "D", back="escape"),
        Stop("runs-compared", "left g space down down down space g o", back="q"),
        Stop("runs-settings", "d", back="escape"),
    ]
    return Tour(partial(RunsScreen, stage.runs()), stops, lambda screen: "fast" in _text(screen))


def sweeping(stage: Stage) -> Tour:
    """A sweep whose trials have ended."""
    folder = stage.sweep()
    session = SweepSession(
        folder,
        read_plan(folder / "sweep.yaml"),
        "exact_match",
        lambda folder, settings: None,
    )
    return Tour(partial(SweepScreen, session), [Stop("sweep")], lambda _: bool(session.importance))


def serving(address: str) -> Tour:
    """A server with traffic, and the requests of which it was least sure."""
    server = WatchedServer(address)
    return Tour(
        lambda _: ServerScreen(server),
        [
            Stop("server-traffic", "1"),
            Stop("server-unsure", "2"),
            Stop("server-correct", "s", back="escape"),
        ],
        lambda _: len(server.traffic.rate) > TRAFFIC_SECONDS,
    )


def _is_read(run: AttachedRun, _: Screen[Any]) -> bool:
    return not run.behind and bool(run.store.columns.rows)


def _is_answered(screen: Screen[Any]) -> bool:
    return "answered in" in _text(screen)


def _is_explained(screen: Screen[Any]) -> bool:
    text = _text(screen)
    return "left out" in text and "esc: cancel" not in text


def _text(screen: Screen[Any]) -> str:
    return "\n".join(strip.text for strip in screen._compositor.render_strips())


def _line_of_a_call(samples: Path) -> int:
    for number, line in enumerate(samples.read_text(encoding="utf-8").splitlines(), 1):
        sample = json.loads(line)
        if sample["decision"] == "tool_call" and len(sample["history"]) >= TURNS:
            return number
    raise ValueError(f"{samples}: no call after {TURNS} turns")


@asynccontextmanager
async def tours(screen: str, run: RunFolder) -> AsyncIterator[list[Tour]]:
    """The tours of a screen."""
    stage = Stage(run)
    if screen == "server":
        with stage.server() as address:
            yield [serving(address)]
        return
    yield {
        "train": lambda: [training(run), *palettes(run), *closing(run)],
        "inspect": lambda: [inspecting(run)],
        "playground": lambda: [playing(run), comparing(run)],
        "data": lambda: [viewing(stage)],
        "runs": lambda: [listing(stage)],
        "sweep": lambda: [sweeping(stage)],
    }[screen]()


async def draw_all(run: RunFolder, screens: Sequence[str]) -> None:
    """All pictures of these screens."""
    HERE.mkdir(exist_ok=True)
    for screen in screens:
        async with tours(screen, run) as found:
            for tour in found:
                await draw(tour)


def write_page() -> None:
    """A page with every picture: the largest dark one, and links to the others."""
    looks = [f"{width}x{height}-{theme}" for width, height in SIZES for theme in THEMES]
    names = {path.stem.rsplit("-", 2)[0] for path in HERE.glob("*.svg")}
    parts = [PAGE]
    for screen in SCREENS:
        parts.append(f"## {screen.capitalize()}\n")
        for name in sorted(name for name in names if name.partition("-")[0] == screen):
            title = name.partition("-")[2].replace("-", " ").capitalize() or "Live"
            links = " · ".join(f"[{look}](screens/{name}-{look}.svg)" for look in looks)
            picture = f"![{title}](screens/{name}-{looks[-2]}.svg)"
            parts.append(f"### {title}\n\n{links}\n\n{picture}\n")
    HERE.with_suffix(".md").write_text("\n".join(parts), encoding="utf-8")


def main() -> None:
    """Draw the pictures of the run that is named."""
    _, *given = sys.argv
    if not given or not set(given[1:]) <= set(SCREENS):
        sys.exit(f"usage: python -m docs.screenshots RUN [{' '.join(SCREENS)}]")
    run = Path(given[0]).absolute()
    os.chdir(run.parent.parent)  # pictures show the paths of the run, not of this repository
    asyncio.run(draw_all(RunFolder(run.relative_to(Path.cwd())), given[1:] or SCREENS))
    write_page()


if __name__ == "__main__":
    main()
