"""TrainScreen: shows and controls one run, live, finished or failed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.app import ComposeResult
from textual.screen import Screen

from trm_engine.files.held import GONE
from trm_engine.runs.commands import COMMANDS
from trm_engine.runs.folder import LOST
from trm_engine.wording import counted
from trm_tui.keys import TRAINING, bindings
from trm_tui.sessions.run import AttachedRun
from trm_tui.sessions.run_state import status_of, unread_status, warnings_of
from trm_tui.settings import Remembered
from trm_tui.text.ending import UNREPORTED, exit_text
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.key_footer import KeyFooter
from trm_tui.widgets.run.header import RunHeader

if TYPE_CHECKING:
    from trm_tui.store.export import Table
    from trm_tui.store.run import Topics
    from trm_tui.widgets.chart.chart import Chart
    from trm_tui.widgets.matrix.tool import ToolMatrix
    from trm_tui.widgets.run.moving_samples import MovingSamples

TICK_SECONDS = 0.1
DRAIN_SECONDS = 0.005
CATCH_UP_SECONDS = 0.04
FIGURES_SECONDS = 0.5
SHARE_SECONDS = 0.2
WARNING_SECONDS = 10.0


class TrainScreen(Screen[None]):
    """Shows a run and sends it commands."""

    ABOUT = (
        "The tabs show one run: its losses, evaluations, samples and log. All of it is read from "
        "the run's folder, so you can leave this screen and open it again at any time."
    )
    BINDINGS = bindings(TRAINING)
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    def __init__(self, run: AttachedRun, remembered: Remembered) -> None:
        super().__init__()
        self.watched = run
        self.remembered = remembered
        self.awaits_tabs = True
        self._unshown: Topics = set()
        self._last_figures = 0.0
        self._last_state = ""
        self._lines_noticed: int | None = None

    @property
    def subject(self) -> str:
        """The run's name, for file names."""
        return self.watched.folder.path.name

    def compose(self) -> ComposeResult:
        yield RunHeader(unread_status(self.watched))
        yield Banner()
        yield KeyFooter()

    def on_mount(self) -> None:
        self._header = self.query_one(RunHeader)
        self._banner = self.query_one(Banner)
        self._ticks = self.set_interval(TICK_SECONDS, self._tick, pause=True)
        self.call_after_refresh(self._open_tabs)

    async def _open_tabs(self) -> None:
        """Read the run, once the header is painted: the modules for the tabs take 0.2 s."""
        from trm_tui.widgets.run.tabs import TrainTabs

        if not self.is_attached:  # the user has left already
            return
        self._tabs = TrainTabs(self.watched, self.remembered.settings)
        await self.mount(self._tabs, after=self._banner)
        self.awaits_tabs = False
        self._catch_up()

    # Updates ----------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Read what is there in slices, so that keys are handled in between; then tick."""
        self._unshown |= self.watched.drain(CATCH_UP_SECONDS)
        if self.watched.behind:
            if time.monotonic() - self._last_figures > SHARE_SECONDS:
                self._last_figures = time.monotonic()
                self._header.show(status_of(self.watched))
            self.set_timer(0.001, self._catch_up)
        else:
            if self._lines_noticed is None:  # earlier warnings are in the log
                self._lines_noticed = len(self.watched.store.log)
            changed, self._unshown = self._unshown, set()
            self._last_figures = 0.0
            self._show(changed)
            self._ticks.resume()

    def _tick(self) -> None:
        self._unshown |= self.watched.drain(DRAIN_SECONDS)
        if self.watched.behind:  # much came while this process stood still
            self._ticks.pause()
            self._catch_up()
            return
        changed, self._unshown = self._unshown, set()
        self._show(changed)
        self.watched.store.columns.decode_for(DRAIN_SECONDS)

    def _show(self, changed: Topics) -> None:
        changed |= self.watched.look()
        self._tabs.show(changed)
        now = time.monotonic()
        if now - self._last_figures > FIGURES_SECONDS or changed - {"steps"}:
            self._last_figures = now
            self._tabs.show_losses()
            self._header.show(status_of(self.watched))
            self._banner.show(warnings_of(self.watched))
            self._notice_state()
            self._notice_warnings()

    # Notifications ----------------------------------------------------------------------------

    def _notice_state(self) -> None:
        state = self.watched.state
        if state == self._last_state or self.watched.behind:
            return
        was, self._last_state = self._last_state, state
        self.refresh_bindings()
        if not was:
            return
        if self.watched.is_over and self.remembered.settings.bell:
            self.app.bell()
        if state == "failed" or state == LOST:
            self._show_crash()
        else:
            self.notify(f"The run is {state}.")

    def _show_crash(self) -> None:
        from trm_tui.screens.crash import CrashDialog

        run = self.watched
        failure = run.store.failure
        message = (failure and failure.message) or UNREPORTED.format(exit_text(run.exit_status))
        resume = "" if run.is_removed else run.how_to_resume()
        if run.is_removed:
            message = GONE.format(run.folder.path)
        trace = (failure and failure.traceback) or _tail(run.folder.log)
        dialog = CrashDialog(message, trace, run.folder.log, run.folder.path, resume)
        self.app.push_screen(dialog)

    def _notice_warnings(self) -> None:
        """Show new warnings in the log as notifications, while the run is live."""
        if self._lines_noticed is None:
            return
        log = self.watched.store.log
        lines, self._lines_noticed = log[self._lines_noticed :], len(log)
        new = [line.message for line in lines if line.level == "warning"]
        if new and self.watched.was_live and not self.watched.is_over:
            text = new[0] if len(new) == 1 else f"{len(new)} warnings, see Log"
            self.notify(text, severity="warning", timeout=WARNING_SECONDS)

    # Control ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Hide the keys of commands that are not possible in the run's state."""
        if action != "command":
            return True
        return not self.awaits_tabs and self.watched.state in COMMANDS[str(parameters[0])].states

    def action_command(self, name: str) -> None:
        """Send a command to the run, after confirmation if it needs one."""

        def answer(confirmed: bool | None) -> None:
            if confirmed:
                self._ask(name)

        if question := COMMANDS[name].confirmation:
            from trm_tui.screens.confirm import ConfirmDialog

            self.app.push_screen(ConfirmDialog(question), answer)
        else:
            self._ask(name)

    def _ask(self, name: str) -> None:
        if not self.watched.send(name):
            self.notify(f"{name}: the command cannot be written", severity="error")
        self._header.show(status_of(self.watched))

    # Panes ------------------------------------------------------------------------------------

    async def action_tab(self, number: int) -> None:
        """Open a tab. Restores a maximised pane, which would hide it."""
        if self.maximized:
            self.minimize()
        await self._tabs.open(number)

    def on_chart_export_requested(self, event: Chart.ExportRequested) -> None:
        from trm_tui.screens.export import ExportDialog

        suggested = self.watched.folder.path / f"{_slug(event.chart.title)}.csv"

        def write(path: Path | None) -> None:
            if path:
                self._write_table(path, event.chart.columns())

        self.app.push_screen(ExportDialog(event.chart.title, suggested), write)

    @work(thread=True)
    def _write_table(self, path: Path, table: Table) -> None:
        from trm_tui.store.export import write_columns

        try:
            write_columns(path, *table)
        except OSError as error:
            self.notify(f"{path}: {error.strerror}", severity="error")
        else:
            self.notify(f"Exported {counted(len(table[1][0]), 'row')} to {path}")

    def on_tool_matrix_opened(self, event: ToolMatrix.Opened) -> None:
        self._open_samples(event.title, event.lines, event.count)

    def on_moving_samples_opened(self, event: MovingSamples.Opened) -> None:
        self._open_samples(f"sample {event.line}", [event.line], 1)

    def _open_samples(self, title: str, lines: list[int], count: int) -> None:
        from trm_tui.screens.samples import SamplesDialog

        self.app.push_screen(SamplesDialog(title, lines, count, self._tabs.load))

    # Leaving ----------------------------------------------------------------------------------

    def leave(self) -> None:
        """Leave. If this screen started the training, ask whether to keep it."""
        self.remembered.change(**self._tabs.remembered())
        if not self.watched.is_ours:
            self.dismiss()
            return
        from trm_tui.screens.closing import ClosingDialog

        self.app.push_screen(ClosingDialog(), self._close)

    def _close(self, choice: str | None) -> None:
        if choice == "keep":
            self.watched.detach()
            self.dismiss()
        elif choice == "stop":
            self._ask("stop")
            self.set_interval(TICK_SECONDS, self._leave_when_over)

    def _leave_when_over(self) -> None:
        if self.watched.is_over:
            self.dismiss()


def _slug(title: str) -> str:
    return "-".join(title.lower().replace("/", " ").split())


def _tail(path: Path, lines: int = 40) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
