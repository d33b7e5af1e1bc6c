"""ServerScreen: a server's traffic, and the requests of which its model was least sure."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen

from trm_engine.errors import UserError
from trm_engine.serving.drift import DIFFERENT
from trm_tui.keys import SERVER, bindings
from trm_tui.screens.playground import PlaygroundScreen
from trm_tui.screens.save_sample import SaveSampleDialog
from trm_tui.sessions.models import Model, ModelSession
from trm_tui.sessions.own_server import OwnServer
from trm_tui.sessions.server import ServerError, WatchedServer
from trm_tui.store.draft import Draft
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.checkpoint.header import InspectHeader
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.server.tabs import ServerTabs
from trm_tui.widgets.server.unsure import UnsureList

LOOK_SECONDS = 1.0
SOURCE = "the model's"


class ServerScreen(Screen[None]):
    """Asks a server once a second. ``own``: the server's process, if this command started it."""

    ABOUT = (
        "The tab Traffic shows what a server answers. The tab Unsure lists the requests of which "
        "its model was least sure, if the server keeps texts (--log-texts). Correct them, and "
        "train on them."
    )
    BINDINGS = bindings(SERVER)
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(self, server: WatchedServer, own: OwnServer | None = None) -> None:
        super().__init__()
        self.server = server
        self.own = own
        self._problem = ""
        self._is_up = False

    @property
    def subject(self) -> str:
        """The model's name, for file names."""
        return self.server.facts.model if self.server.facts else "server"

    def compose(self) -> ComposeResult:
        yield InspectHeader()
        yield Banner()
        yield ServerTabs(self.server)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Ask the server now, and then again and again."""
        self._header = self.query_one(InspectHeader)
        self._banner = self.query_one(Banner)
        self._tabs = self.query_one(ServerTabs)
        self._show_header()
        self._watch()

    async def action_tab(self, number: int) -> None:
        """Open a tab. Restores a maximised pane, which would hide it."""
        if self.maximized:
            self.minimize()
        await self._tabs.open(number)

    @work
    async def leave(self) -> None:
        """Close the screen. A server that this command started answers what waits, and ends."""
        self.workers.cancel_group(self, "watch")
        if self.own:
            self._header.show(self.subject, (), "stopping")
            await asyncio.to_thread(self.own.stop)
        self.dismiss()

    # Asking -----------------------------------------------------------------------------------

    @work(group="watch")
    async def _watch(self) -> None:
        while True:
            await self._look()
            await asyncio.sleep(LOOK_SECONDS)

    async def _look(self) -> None:
        if self.own and self.own.status is not None:
            self.leave()  # it has ended by itself; the command prints why
            return
        try:
            look = await asyncio.to_thread(self.server.look)
        except ServerError as error:
            self._problem = str(error) if self._is_up or not self.own else ""
        else:
            self._problem, self._is_up = "", True
            self.server.take(look)
            self._tabs.show()
            if await asyncio.to_thread(self.server.read_texts) or not self.server.unsure.seen:
                self._tabs.show_unsure()
        for line in self.own.news() if self.own else ():
            self.notify(line)
        self._show_header()
        self._banner.show([*self._warnings()])

    def _warnings(self) -> Iterator[str]:
        if self._problem:
            yield self._problem
        figures = self.server.traffic.now
        if far := [name for name, index in figures.drift.items() if index > DIFFERENT]:
            yield f"The newest answers are not like the validation set: {' and '.join(far)}"
        if figures.texts_lost:
            yield f"{figures.texts_lost:,.0f} conversations could not be kept"

    def _show_header(self) -> None:
        facts, traffic = self.server.facts, self.server.traffic
        if facts is None:
            self._header.show(self.server.address, (), "" if self._problem else "starting")
            return
        figures = [self.server.address, f"{traffic.now.requests:,.0f} requests"]
        if len(traffic.rate):
            figures.append(f"{traffic.rate.values[-1]:,.1f}/s")
        if len(traffic.median):
            figures.append(f"median {traffic.median.values[-1]:.1f} ms")
        if facts.upstream:
            figures.append(f"upstream {facts.upstream}")
        self._header.show(facts.model, tuple(figures), "no answer" if self._problem else "● live")

    # Requests ---------------------------------------------------------------------------------

    @on(UnsureList.Opened)
    def _open(self) -> None:
        """Open a conversation in the playground, with the server's checkpoint."""
        facts = self.server.facts
        request = self.query_one(UnsureList).selected
        if facts is None or not Path(facts.checkpoint).is_file():
            self.notify("The server's checkpoint is not on this machine.", severity="warning")
            return
        try:
            draft = Draft.of(request.conversation())
        except UserError as error:
            self.notify(str(error), severity="error")
            return
        session = ModelSession(Model(Path(facts.checkpoint)))
        self.app.push_screen(PlaygroundScreen(session, draft))

    @on(UnsureList.CorrectionRequested)
    def _correct(self, event: UnsureList.CorrectionRequested) -> None:
        """Let the user correct an answer, and save it as a sample."""

        def note(is_saved: bool | None) -> None:
            if is_saved:
                self.server.unsure.save(event.request)
                self._tabs.show_unsure()

        self.app.push_screen(SaveSampleDialog(event.request.sample(), SOURCE), note)
