"""RunsScreen: lists the runs in a folder, to open one or compare several."""

from __future__ import annotations

from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.content import Content
from textual.screen import Screen

from trm_engine.errors import UserError
from trm_engine.printable import one_line
from trm_engine.runs.folder import RunFolder, list_runs
from trm_engine.runs.summary import RunSummary, summarise
from trm_tui.screens.overlay import OverlayScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions.run import AttachedRun
from trm_tui.settings import Remembered
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.run.runs_table import RunsTable

REFRESH_SECONDS = 2.0


class RunsScreen(Screen[None]):
    """Lists the runs in ``parent`` and updates the list."""

    def __init__(self, parent: Path, remembered: Remembered) -> None:
        super().__init__()
        self.folder = parent
        self.remembered = remembered

    def compose(self) -> ComposeResult:
        """The table and the footer."""
        table = RunsTable(classes="panel")
        table.border_title = Content(one_line(f"Runs in {self.folder}"))
        yield table
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the folder now and every ``REFRESH_SECONDS``."""
        self._read_runs()
        self.set_interval(REFRESH_SECONDS, self._read_runs)

    @work(thread=True, exclusive=True)
    def _read_runs(self) -> None:
        if self.is_current:
            runs = [summarise(run) for run in list_runs(self.folder)]
            self.app.call_from_thread(self._show, runs)

    def _show(self, runs: list[RunSummary]) -> None:
        if self.is_attached:
            self.query_one(RunsTable).set_runs(runs)

    @on(RunsTable.Opened)
    def _open(self, event: RunsTable.Opened) -> None:
        if run := self._run_in(event.path):
            self.app.push_screen(TrainScreen(run, self.remembered))

    @on(RunsTable.OverlayRequested)
    def _overlay(self, event: RunsTable.OverlayRequested) -> None:
        runs = [run for path in event.paths if (run := self._run_in(path))]
        if runs:
            self.app.push_screen(OverlayScreen(runs))

    def _run_in(self, path: Path) -> AttachedRun | None:
        folder = RunFolder(path)
        try:
            return AttachedRun(folder, folder.read_config())
        except UserError as error:
            self.notify(str(error), severity="error")
            return None
