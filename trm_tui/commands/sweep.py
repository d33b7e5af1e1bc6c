"""`trm-tui sweep`: search for good settings. The same command continues a sweep."""

from __future__ import annotations

import subprocess
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from trm_engine.config import Config
from trm_engine.errors import RunError
from trm_engine.files.atomic import write_atomically
from trm_engine.runs import launch
from trm_engine.runs.folder import RunFolder
from trm_engine.sweeps.plan import SweepPlan, read_plan
from trm_tui.commands.train import has_checkpoints, write_run
from trm_tui.exit_status import INTERRUPTED
from trm_tui.screens.show import has_screen, open_app

if TYPE_CHECKING:
    from textual.screen import Screen

    from trm_tui.sessions.sweep import SweepSession
    from trm_tui.settings import Remembered

TICK_SECONDS = 0.5
SAVE_SECONDS = 60.0
"""How long running trials may take to save their checkpoints at the end."""


def run_sweep(
    config: Path,
    plan_file: Path,
    out: Path | None,
    trials: int | None,
    workers: int | None,
    plain: bool,
) -> int:
    """Run a sweep until it is over or left. Returns the exit status.

    Raises:
        UserError: configuration, plan or folder cannot be used.
    """
    from trm_tui.sessions.sweep import SweepSession

    plan = read_plan(plan_file)
    if trials:
        plan.trials = trials
    if workers:
        plan.workers = workers
    base = Config.from_yaml(config)
    folder = out or Path("outputs") / f"{config.stem}-{plan_file.stem}"
    _keep_plan(folder, plan, plan_file)
    metric = plan.metric or base.training.best_metric
    session = SweepSession(folder, plan, metric, partial(_start, config))
    try:
        if not plain and has_screen():
            open_app(partial(_sweep_screen, session))
        else:
            _follow(session)
    finally:
        session.end()
        session.close(SAVE_SECONDS)
        _print_result(session)
    return 0 if session.is_complete else INTERRUPTED


def _keep_plan(folder: Path, plan: SweepPlan, plan_file: Path) -> None:
    """Keep the plan beside the trials. A sweep goes on with the same settings only."""
    kept = folder / "sweep.yaml"
    if kept.exists():
        if read_plan(kept).settings != plan.settings:
            raise RunError(f"{folder}: this sweep varies other settings; choose another --out")
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(kept, plan_file.read_bytes())
    except OSError as error:
        raise RunError(f"{folder}: cannot be written: {error.strerror}") from None


def _start(config: Path, folder: RunFolder, settings: list[str]) -> subprocess.Popen[bytes] | None:
    """Start or resume the training of a trial, unless it has finished."""
    if folder.exists() and folder.state() == "finished":
        return None
    is_resumed = folder.exists() and has_checkpoints(folder)
    if is_resumed:
        _, lock = write_run(folder, folder.config, {}, [], is_resumed=True)
    else:
        _, lock = write_run(folder, config, {}, settings, is_resumed=False)
    return launch.start_worker(folder, resume=is_resumed, lock=lock)


def _sweep_screen(session: SweepSession, remembered: Remembered) -> Screen[None]:
    from trm_tui.screens.sweep import SweepScreen

    return SweepScreen(session, remembered)


def _follow(session: SweepSession) -> None:
    """Print a line for each trial that ends. Ctrl+C stops; the same command goes on."""
    from trm_tui.plain.sweep_tables import trial_line

    try:
        while not session.is_over:
            for trial in session.tick():
                print(trial_line(session, trial), flush=True)
            time.sleep(TICK_SECONDS)
    except KeyboardInterrupt:
        print("The running trials save a checkpoint and stop.", flush=True)


def _print_result(session: SweepSession) -> None:
    from trm_tui.plain.sweep_tables import result_tables
    from trm_tui.text.console import table_console

    console = table_console()
    for table in result_tables(session):
        console.print(table)
