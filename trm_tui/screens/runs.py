"""RunsScreen: lists the runs in a folder, to open, compare, change and delete them."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen

from trm_engine.errors import UserError
from trm_engine.printable import one_line
from trm_engine.runs.commands import Confirmation
from trm_engine.runs.folder import RunFolder, list_runs
from trm_engine.runs.summary import RunSummary, Summaries
from trm_tui.screens.ask_text import AskTextDialog
from trm_tui.screens.config_diff import ConfigDiffScreen
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.overlay import OverlayScreen
from trm_tui.screens.train import TrainScreen
from trm_tui.sessions import run_changes
from trm_tui.sessions.run import AttachedRun
from trm_tui.settings import Remembered
from trm_tui.store.groups import different_settings
from trm_tui.store.run_list import RunList
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.run.runs_pane import RunsPane
from trm_tui.widgets.run.runs_table import RunsTable

REFRESH_SECONDS = 2.0
AGE_SECONDS = 30.0

Runs = list[RunSummary]


class RunsScreen(Screen[None]):
    """Lists the runs in ``parent`` and updates the list."""

    DEFAULT_CSS = "RunsScreen.-short RunDetail { display: none; }"
    VERTICAL_BREAKPOINTS = [(0, "-short"), (30, "-tall")]

    def __init__(self, parent: Path, remembered: Remembered, order: RunList | None = None) -> None:
        super().__init__()
        self.folder = parent
        self.remembered = remembered
        self._order = order or RunList()
        self._summaries = Summaries()
        self._shown: Runs | None = None
        self._shown_at = 0.0

    def compose(self) -> ComposeResult:
        """The table and the footer."""
        yield RunsPane(one_line(f"Runs in {self.folder}"), self._order)
        yield KeyFooter()

    def on_mount(self) -> None:
        """Read the folder now and every ``REFRESH_SECONDS``."""
        self._read_runs()
        self.set_interval(REFRESH_SECONDS, self._read_runs)

    @work(thread=True, exclusive=True)
    def _read_runs(self) -> None:
        if self.is_current:
            runs = [self._summaries.of(run) for run in list_runs(self.folder)]
            self.app.call_from_thread(self._show, runs)

    def _show(self, runs: Runs) -> None:
        """Show the runs if one has changed, or to bring their ages up to date."""
        now = time.monotonic()
        if self.is_attached and (runs != self._shown or now > self._shown_at + AGE_SECONDS):
            self._shown, self._shown_at = runs, now
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

    @on(RunsTable.Asked)
    def _ask(self, event: RunsTable.Asked) -> None:
        asked: dict[str, Callable[[Runs], None]] = {
            "name": self._ask_name,
            "tags": self._ask_tags,
            "note": self._ask_note,
            "archive": lambda runs: self._do(partial(run_changes.archive, runs)),
            "baseline": lambda runs: self._do(partial(run_changes.pin, runs[0])),
            "diff": self._show_diff,
            "delete": self._ask_delete,
        }
        asked[event.what](event.runs)

    def _ask_name(self, runs: Runs) -> None:
        note = f"The folder stays {runs[0].path}. Leave it empty to use the folder's name."
        self._ask_for(
            "Name of the run", note, runs[0].about.name, partial(run_changes.set_name, runs[0])
        )

    def _ask_note(self, runs: Runs) -> None:
        note = "It is shown below the list, and can be searched for."
        title = f"Note on {runs[0].title}"
        change = partial(run_changes.set_note, runs[0])
        self._ask_for(title, note, runs[0].about.note, change)

    def _ask_tags(self, runs: Runs) -> None:
        many = f"{len(runs)} runs" if len(runs) > 1 else runs[0].title
        text = " ".join(run_changes.common_tags(runs))
        self._ask_for(
            f"Tags of {many}",
            "Words, with spaces between.",
            text,
            partial(run_changes.set_tags, runs),
        )

    def _ask_for(self, title: str, note: str, text: str, change: Callable[[str], None]) -> None:
        """Ask for a text, and make a change with it."""

        def finish(answer: str | None) -> None:
            if answer is not None:
                self._do(partial(change, answer))

        self.app.push_screen(AskTextDialog(title, note, text), finish)

    def _ask_delete(self, runs: Runs) -> None:
        names = "\n".join(one_line(run.title) for run in runs[:8])
        more = f"\nand {len(runs) - 8} more" if len(runs) > 8 else ""
        title = "Delete this run?" if len(runs) == 1 else f"Delete these {len(runs)} runs?"
        text = f"{names}{more}\n\nTheir checkpoints are deleted too. This cannot be undone."
        question = Confirmation(title, text, "Delete", danger=True)

        def finish(is_confirmed: bool | None) -> None:
            if is_confirmed:
                self._do(partial(self._delete, runs))

        self.app.push_screen(ConfirmDialog(question), finish)

    def _delete(self, runs: Runs) -> None:
        if left := run_changes.delete(runs):
            more = f" and {len(left) - 1} more" if len(left) > 1 else ""
            self.notify(f"Left, because no training wrote it: {left[0]}{more}")

    def _show_diff(self, runs: Runs) -> None:
        """Show the differences of two runs; with one, from the baseline."""
        baseline = self.query_one(RunsTable).list.baseline
        if len(runs) == 1 and baseline:
            runs = [baseline.runs[0], *runs]
        if len(runs) != 2:
            self.notify("Mark two runs, or pin a baseline (b).", severity="warning")
        elif not different_settings(runs[0].config, runs[1].config):
            self.notify("Both runs have the same settings.")
        else:
            self.app.push_screen(ConfigDiffScreen(*runs))

    def _do(self, change: Callable[[], object]) -> None:
        """Make a change, and show it."""
        try:
            change()
        except UserError as error:
            self.notify(str(error), severity="error")
        self._read_runs()

    def _run_in(self, path: Path) -> AttachedRun | None:
        try:
            return AttachedRun.checked(RunFolder(path))
        except UserError as error:
            self.notify(str(error), severity="error")
            return None
