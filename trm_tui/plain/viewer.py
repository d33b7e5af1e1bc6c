"""PlainViewer: shows a run's events as tables and progress bars, or as lines without a terminal.

The viewer only reads events, and turns Ctrl+C into a command to the worker.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from rich.console import Console
from rich.text import Text

from trm_engine.config import Config
from trm_engine.files.held import HeldFolder
from trm_engine.printable import printable
from trm_engine.runs.best import reported_score
from trm_engine.runs.commands import try_to_send
from trm_engine.runs.events import ENDED, EventReader
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import (
    EvalProgress,
    Evaluated,
    Event,
    LogMessage,
    Progress,
    RunFailed,
    RunStarted,
    StateChanged,
    Steps,
)
from trm_tui.plain.farewell import INTERRUPTED, Ending, Farewell
from trm_tui.plain.progress import Bars, Lines, Pace
from trm_tui.plain.tables import EvaluationTables, run_table
from trm_tui.text.console import table_console

POLL_SECONDS = 0.1
LOOK_SECONDS = 1.0
ASK_AGAIN_SECONDS = 1.0
ABORT_SECONDS = 2.0
EXIT_SECONDS = 10.0
LOG_COLOURS = {"warning": "yellow", "error": "red"}


class PlainViewer:
    """Shows one run while its worker runs. Create it before the worker, to miss no event."""

    def __init__(
        self,
        folder: RunFolder,
        config: Config,
        console: Console | None = None,
        from_end: bool = True,
    ) -> None:
        self.folder = folder
        self.config = config
        self.console = console or table_console()
        self.state: str | None = None
        self.presses = 0
        self._display = (Bars if self.console.is_terminal else Lines)(self.console)
        self._reader = EventReader(folder.events, from_end)
        self._pace = Pace()
        self._failure: RunFailed | None = None
        self._held = HeldFolder(folder.path)

    def follow(self, worker: subprocess.Popen[bytes]) -> int:
        """Show the run until its worker ends. Returns the exit status.

        Raises:
            RunError: the run failed by an error that the user can fix, or its folder was removed.
        """
        with self._display, self._signals():
            self._display.preparing("starting", 0.0)
            self._display.refresh()
            forced = self._watch(worker)
        self._held.check()
        ending = Ending(self.state, self._failure, worker.returncode, forced, self.presses > 0)
        return Farewell(self.folder, self.config, self.console).conclude(ending)

    def watch(self) -> int:
        """Show a run of another process until it ends or Ctrl+C. Ctrl+C does not stop the run.

        Raises:
            RunError: the run failed by an error that the user can fix, or its folder was removed.
        """
        farewell = Farewell(self.folder, self.config, self.console)
        with self._display, self._signals():
            is_live = True
            while is_live and not self.presses:
                is_live = self.folder.is_live()
                self._drain()
                self._sleep(LOOK_SECONDS if is_live else 0.0)
        self._held.check()
        if is_live:
            farewell.say_it_goes_on()
            return INTERRUPTED
        return farewell.conclude(Ending(self.state, self._failure))

    def _sleep(self, seconds: float) -> None:
        """Show events for some seconds, or until Ctrl+C."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.presses:
            time.sleep(POLL_SECONDS)
            self._drain()

    def _watch(self, worker: subprocess.Popen[bytes]) -> bool:
        """Show events until the worker exits. Returns whether it was forced to."""
        asked, over_since = 0.0, 0.0
        while True:
            has_exited = worker.poll() is not None
            self._drain()
            now = time.monotonic()
            if self.state in ENDED:
                over_since = over_since or now
            if has_exited or (over_since and now - over_since > EXIT_SECONDS):
                return False
            if self.presses > 1:
                self._end_at_once(worker)
                return True
            if self.presses and self.state != "stopping" and now - asked > ASK_AGAIN_SECONDS:
                if not asked:
                    self._show("Saving; Ctrl+C again ends at once.", "bold")
                self._ask_to_stop(worker)
                asked = now
            time.sleep(POLL_SECONDS)

    def _drain(self) -> None:
        events = self._reader.read()
        for event in events:
            self._show_event(event)
        if events:
            self._display.refresh()

    # Events ---------------------------------------------------------------------------------

    def _show_event(self, event: Event) -> None:
        match event:
            case Progress():
                self._display.preparing(event.what, event.share, event.seconds_left)
            case EvalProgress():
                self._display.evaluating(event.done, event.total)
            case Steps():
                if self._pace.take(event):
                    self._display.training(self._pace)
            case RunStarted():
                self._pace = Pace(event.total_steps, event.last_kept, event.t)
                self._display.show(run_table(event, self.folder.path))
                self._display.training(self._pace)
            case Evaluated():
                self._show_evaluation(event)
            case StateChanged():
                self._show_state(event)
            case LogMessage():
                prefix = f"{event.level}: " if event.level in LOG_COLOURS else ""
                self._show(prefix + event.message, LOG_COLOURS.get(event.level, ""))
            case RunFailed():
                self._failure = event

    def _show_evaluation(self, event: Evaluated) -> None:
        title = f"Epoch {_epoch(event.epoch)} Evaluation Results\nstep {event.step:,}"
        self._display.show(Text(""))
        self._display.show(EvaluationTables(event.metrics, title))
        if event.best:
            score = reported_score(event)
            self._show(f"The best so far{f': {score}' if score else ''}.", "green")
        if event.overfitting:
            self._show(f"warning: {event.overfitting}", LOG_COLOURS["warning"])

    def _show_state(self, event: StateChanged) -> None:
        self.state = event.state
        reason = f": {event.reason}" if event.reason else ""
        if self.state == "paused" or (self.state == "stopping" and not self.presses):
            self._show(f"{self.state}{reason}", "bold")

    def _show(self, message: str, style: str = "") -> None:
        self._display.show(Text(printable(message), style))

    # Stopping -------------------------------------------------------------------------------

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """Count SIGINT and SIGTERM in ``presses`` instead of exiting."""

        def press(_number: int, _frame: FrameType | None) -> None:
            self.presses += 1

        before = {each: signal.signal(each, press) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)

    def _ask_to_stop(self, worker: subprocess.Popen[bytes]) -> None:
        """Send the stop command. If it cannot be written, close the worker's input."""
        if not self._send("stop") and worker.stdin:
            worker.stdin.close()

    def _end_at_once(self, worker: subprocess.Popen[bytes]) -> None:
        self._show("Ending at once.", "bold")
        self._send("abort")
        for kill_with in (None, signal.SIGTERM, signal.SIGKILL):
            if kill_with:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(worker.pid, kill_with)
            with suppress(subprocess.TimeoutExpired):
                worker.wait(ABORT_SECONDS)
                break
        self._drain()

    def _send(self, name: str) -> bool:
        return try_to_send(self._held, self.folder.commands, name)


def _epoch(epoch: float) -> str:
    return f"{epoch:.2f}".rstrip("0").rstrip(".")
