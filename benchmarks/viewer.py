"""What benchmarks of the screen share: `trm-tui watch` in a pseudo-terminal, and its use of CPU."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil

from tests.e2e.terminal import Terminal
from trm_engine.runs.folder import RunFolder

COLUMNS, ROWS = 160, 48
QUIET_SECONDS = 1.0


def watch(run: RunFolder, settings: Path) -> Terminal:
    """The screen of a run in a terminal of 160 × 48; ``settings`` is where it remembers things."""
    command = [sys.executable, "-m", "trm_tui", "watch", run.path]
    return Terminal(command, COLUMNS, ROWS, env={"XDG_CONFIG_HOME": str(settings)})


def last_paint(terminal: Terminal) -> float:
    """Seconds from the start to the newest output, once nothing has followed it for a while."""
    while time.perf_counter() - terminal.chunks[-1][0] < QUIET_SECONDS:
        time.sleep(0.05)
    return terminal.chunks[-1][0] - terminal.began


def cpu_seconds(terminal: Terminal) -> float:
    """CPU time that the command took so far."""
    times = psutil.Process(terminal.process.pid).cpu_times()
    return times.user + times.system
