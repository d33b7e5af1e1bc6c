"""TrainScreen: one run, live, finished or crashed; what it is asked and how it is left."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer, TabbedContent

from trm_engine.runs.commands import Command
from trm_engine.runs.folder import LOST
from trm_tui.attached import AttachedRun
from trm_tui.keys import TRAINING, bindings
from trm_tui.sample_file import SampleFile
from trm_tui.screens.closing import ClosingDialog
from trm_tui.screens.confirm import ConfirmDialog
from trm_tui.screens.crash import CrashDialog
from trm_tui.screens.export import ExportDialog
from trm_tui.screens.samples import SamplesDialog
from trm_tui.settings import Remembered
from trm_tui.store.export import Table, write_columns
from trm_tui.store.run import Topics
from trm_tui.text import duration
from trm_tui.widgets.banner import Banner
from trm_tui.widgets.chart import Chart
from trm_tui.widgets.moving_samples import MovingSamples
from trm_tui.widgets.run_header import RunHeader, Standing
from trm_tui.widgets.tool_matrix import ToolMatrix
from trm_tui.widgets.train_tabs import TABS, TrainTabs

TICK_SECONDS = 0.1
DRAIN_SECONDS = 0.005
CATCH_UP_SECONDS = 0.04
FIGURES_SECONDS = 0.5
ASKING = {
    "pause": "pausing…",
    "resume": "resuming…",
    "evaluate": "evaluation asked for…",
    "save": "saving…",
    "stop": "stopping…",
    "abort": "ending…",
}
STOP = "The newest state is saved and the run can go on later with --resume."
ABORT = "What was learnt since the last checkpoint is lost."


class TrainScreen(Screen[None]):
    """Shows a run and passes on what it is asked."""

    BINDINGS = bindings(TRAINING)
    AUTO_FOCUS = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]
    VERTICAL_BREAKPOINTS = [(0, "-short"), (36, "-tall")]

    def __init__(self, run: AttachedRun, remembered: Remembered) -> None:
        super().__init__()
        self.watched = run
        self.remembered = remembered
        self._figured = 0.0
        self._last_state = ""
        self._warned: set[str] = set()

    def compose(self) -> ComposeResult:
        yield RunHeader()
        yield Banner()
        yield TrainTabs(self.watched)
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        self._header = self.query_one(RunHeader)
        self._banner = self.query_one(Banner)
        self._tabs = self.query_one(TrainTabs)
        self._tabs.apply(self.remembered.settings)
        self.call_after_refresh(self._enter_tab)
        self.set_interval(TICK_SECONDS, self._tick)
        self.call_after_refresh(self._catch_up)

    # The tick ---------------------------------------------------------------------------------

    def _catch_up(self) -> None:
        """Read what was there before in slices, so that keys are heard in between."""
        self._show(self.watched.drain(CATCH_UP_SECONDS))
        if self.watched.behind:
            self.set_timer(0.001, self._catch_up)

    def _tick(self) -> None:
        if not self.watched.behind:
            self._show(self.watched.drain(DRAIN_SECONDS))
            self.watched.store.columns.decode_for(DRAIN_SECONDS)

    def _show(self, changed: Topics) -> None:
        self.watched.look()
        if self._tabs.is_mounted:
            self._tabs.show(changed)
        now = time.monotonic()
        if now - self._figured > FIGURES_SECONDS or changed - {"steps"}:
            self._figured = now
            self._tabs.show_losses()
            self._header.show(self._standing())
            self._banner.show(self._warnings())
            self._notice_state()
            self._notice_warnings()

    def _standing(self) -> Standing:
        run, store = self.watched, self.watched.store
        preparing = None if run.is_over else store.preparing
        if run.behind:
            preparing = ("reading the run", 1 - run.behind)
        started = store.started
        return Standing(
            name=run.folder.path.name,
            device=f"{started['device']}  {started['dtype']}" if started else "",
            state=run.state,
            waits_for=" ".join(ASKING[each] for each in run.waiting if each in ASKING),
            figures=self._figures(),
            training=store.step / store.total_steps if store.total_steps else 0.0,
            preparing=preparing,
            evaluating=store.evaluating,
            next_evaluation=self._next_evaluation(),
        )

    def _figures(self) -> tuple[str, ...]:
        """The most telling first: those behind are left out where room is short."""
        store = self.watched.store
        if not store.total_steps:
            return ()
        speed = store.columns["samples_per_s"].values[-1:]
        times = store.columns["time"].values[-1:]
        left = None if self.watched.is_over else store.seconds_left()
        figures = [
            f"step {store.step:,}/{store.total_steps:,}",
            f"{duration(left)} left" if left is not None else "",
            f"epoch {store.epoch:.2f}",
            f"{speed[0]:,.0f} samples/s" if len(speed) else "",
            f"{duration(times[0])} so far" if len(times) else "",
            f"ends at {_clock(left)}" if left and self.watched.state == "running" else "",
        ]
        return tuple(filter(None, figures))

    def _next_evaluation(self) -> str:
        store = self.watched.store
        if not store.started or self.watched.is_over:
            return ""
        every, epoch = (
            store.started["config"]["training"]["eval_interval"],
            store.started["steps_per_epoch"],
        )
        due = min((store.step // each + 1) * each for each in (every, epoch))
        return f"next evaluation at step {min(due, store.total_steps):,}"

    def _warnings(self) -> list[str]:
        run, store = self.watched, self.watched.store
        warnings = []
        if run.state == LOST:
            warnings.append(f"the worker is gone without a word; see {run.folder.log}")
        if store.state == "paused" and store.reason not in ("", "asked to"):
            warnings.append(f"paused: {store.reason}; p goes on")
        if store.failure and store.has_ended:
            warnings.append(f"failed: {store.failure['message']}")
        if seconds := run.silence():
            warnings.append(f"the worker has said nothing for {duration(seconds)}")
        if unanswered := run.unanswered():
            warnings.append(f"no answer yet to: {', '.join(unanswered)}")
        return warnings + store.alarms

    # What is noticed once ---------------------------------------------------------------------

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
        run = self.watched
        failure = run.store.failure or {}
        message = failure.get("message") or "The worker is gone without a word."
        trace = failure.get("traceback") or _tail(run.folder.log)
        self.app.push_screen(CrashDialog(message, trace, run.folder.log, run.folder.path))

    def _notice_warnings(self) -> None:
        """Warnings in the log are shown once, over the screen, while the run is live."""
        for line in self.watched.store.log:
            if line.level == "warning" and line.message not in self._warned:
                self._warned.add(line.message)
                if not self.watched.is_over:
                    self.notify(line.message, severity="warning", timeout=10)

    # Control ----------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys that make no sense now are not offered."""
        state = self.watched.state
        if action == "resume":
            return state == "paused"
        if action == "pause":
            return state != "paused" and not self.watched.is_over
        if action in ("evaluate", "save", "stop", "abort"):
            return not self.watched.is_over
        return True

    def action_pause(self) -> None:
        """Pause the training."""
        self._ask("pause")

    def action_resume(self) -> None:
        """Go on with it."""
        self._ask("resume")

    def action_evaluate(self) -> None:
        """Evaluate now."""
        self._ask("evaluate")

    def action_save(self) -> None:
        """Write a checkpoint now."""
        self._ask("save")

    def action_stop(self) -> None:
        """Save and end, once that is confirmed."""
        self._confirm("Stop the training?", STOP, "Stop", "stop")

    def action_abort(self) -> None:
        """End at once, once that is confirmed."""
        self._confirm("End the training at once?", ABORT, "End at once", "abort")

    def _confirm(self, title: str, text: str, yes: str, command: Command) -> None:
        def answer(confirmed: bool | None) -> None:
            if confirmed:
                self._ask(command)

        danger = command == "abort"
        self.app.push_screen(ConfirmDialog(title, text, yes, danger=danger), answer)

    def _ask(self, command: Command) -> None:
        if not self.watched.send(command):
            self.notify(f"{command}: the command cannot be written", severity="error")
        self._header.show(self._standing())

    # Panes ------------------------------------------------------------------------------------

    def action_tab(self, number: int) -> None:
        """Show a tab and go to its first pane."""
        self.query_one(TabbedContent).active = TABS[number - 1].lower()
        self.call_after_refresh(self._enter_tab)

    def _enter_tab(self) -> None:
        tab = self.query_one(TabbedContent).active_pane
        inside = tab.query("*") if tab else ()
        first = next((each for each in inside if each.focusable), None)
        if first:
            first.focus()

    @on(Chart.ExportRequested)
    def _export(self, event: Chart.ExportRequested) -> None:
        suggested = self.watched.folder.path / f"{_slug(event.chart.title)}.csv"

        def write(path: Path | None) -> None:
            if path:
                self._write_table(path, event.chart.columns())

        self.app.push_screen(ExportDialog(event.chart.title, suggested), write)

    @work(thread=True)
    def _write_table(self, path: Path, table: Table) -> None:
        try:
            write_columns(path, *table)
        except OSError as error:
            self.notify(f"{path}: {error.strerror}", severity="error")
        else:
            self.notify(f"{len(table[1][0]):,} rows written to {path}")

    @on(ToolMatrix.Opened)
    def _open_cell(self, event: ToolMatrix.Opened) -> None:
        title = f"true {event.true_name} → predicted {event.predicted_name}"
        self._open_samples(title, event.lines, event.count)

    @on(MovingSamples.Opened)
    def _open_sample(self, event: MovingSamples.Opened) -> None:
        self._open_samples(f"sample {event.line}", [event.line], 1)

    def _open_samples(self, title: str, lines: list[int], count: int) -> None:
        started = self.watched.store.started
        path = Path(started["data"]["val"]["path"]) if started else self.watched.folder.path
        load = SampleFile(path).load
        self.app.push_screen(SamplesDialog(title, lines, count, load))

    # Leaving ----------------------------------------------------------------------------------

    def leave(self) -> None:
        """Leave; if the training depends on this screen, ask what becomes of it."""
        self.remembered.change(**self._tabs.remembered())
        if not self.watched.is_ours:
            self.dismiss()
            return
        self.app.push_screen(ClosingDialog(), self._close)

    def _close(self, choice: str | None) -> None:
        if choice == "keep":
            self.watched.let_go()
            self.dismiss()
        elif choice == "stop":
            self._ask("stop")
            self.set_interval(TICK_SECONDS, self._leave_when_over)

    def _leave_when_over(self) -> None:
        if self.watched.is_over:
            self.dismiss()


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() + seconds).strftime("%H:%M")


def _slug(title: str) -> str:
    return "-".join(title.lower().replace("/", " ").split())


def _tail(path: Path, lines: int = 40) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])
