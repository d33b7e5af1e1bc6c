"""Open the app on a screen. When a run's screen closes, print the run's outcome."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from trm_tui.exit_status import INTERRUPTED

if TYPE_CHECKING:
    from textual.screen import Screen

    from trm_engine.runs.folder import RunFolder
    from trm_tui.sessions.run import AttachedRun
    from trm_tui.settings import Remembered


def has_screen() -> bool:
    """Whether there is a terminal that can show a screen."""
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    return is_terminal and os.environ.get("TERM", "dumb") != "dumb"


def show_run(
    folder: RunFolder, worker: subprocess.Popen[bytes] | None = None, since: float = 0.0
) -> int:
    """Show a run. Returns the exit status.

    ``worker`` is its process if this command started it, at ``since`` (Unix seconds).

    Raises:
        RunError: the run failed by an error that the user can fix.
    """
    from trm_tui.sessions.run import AttachedRun

    run = AttachedRun(folder, worker, since)
    return open_app(partial(_train_screen, run)) or _farewell(run)


def _farewell(run: AttachedRun) -> int:
    """Print the outcome of the run. Returns the exit status.

    Raises:
        RunError: the run failed by an error that the user can fix, or its folder is gone.
    """
    from trm_tui.plain.farewell import Ending, Farewell
    from trm_tui.text.console import table_console

    run.held.check()
    farewell = Farewell(run.folder, run.config, table_console())
    if run.is_ours:
        farewell.say_it_stops()
        return INTERRUPTED
    if not run.is_over:
        farewell.say_it_goes_on()
        return 0
    if not run.was_live:
        return 0
    exit_status = run.worker.wait() if run.worker else None
    return farewell.conclude(Ending(run.state, run.store.failure, exit_status))


def open_app(first: Callable[[Remembered], Screen[Any]]) -> int:
    """Open the app on the screen that ``first`` returns. Returns the exit status."""
    os.environ.setdefault("TEXTUAL_FPS", "120")  # read at import: faster response to keys
    gc.disable()  # the first paint is a third faster
    from trm_tui.app import TrmApp

    app = TrmApp(first)
    app.run()
    return app.return_code or 0


def _train_screen(run: AttachedRun, remembered: Remembered) -> Screen[Any]:
    from trm_tui.screens.train import TrainScreen

    return TrainScreen(run, remembered)
