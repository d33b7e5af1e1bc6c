"""The real screen over a real, tiny training: open it, read it, end what it started."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.runs import tiny_run
from tests.e2e.terminal import Terminal
from tests.events import read_events
from tests.faults.command import TRM
from tests.support import ROOT
from trm_engine.runs.folder import RunFolder

STEP = re.compile(r"step ([\d,]+)/[\d,]+")


def tiny_config(place: Path, **training: Any) -> Path:
    """A configuration file that trains a tiny model."""
    _, config = tiny_run(place / "template", **training)
    path = place / "tiny.yaml"
    path.write_text(config.dump())
    return path


def open_screen(
    *arguments: object, cwd: Path, columns: int = 120, rows: int = 40, python_path: Path = ROOT
) -> Terminal:
    """`trm-tui` in a terminal; settings and caches are in the working folder."""
    environment = {
        "PYTHONPATH": os.pathsep.join(dict.fromkeys(map(str, (python_path, ROOT)))),
        "XDG_CONFIG_HOME": str(cwd / "config"),
        "XDG_CACHE_HOME": str(cwd / "cache"),
        "OMP_NUM_THREADS": "1",
    }
    return Terminal([*TRM, *arguments], columns, rows, env=environment, cwd=cwd)


def step_shown(terminal: Terminal) -> int:
    """The update that the header names."""
    found = STEP.search(terminal.wait_for(STEP))
    assert found
    return int(found[1].replace(",", ""))


def wait_for_more_steps(terminal: Terminal) -> None:
    """Wait until the header names a later update."""
    step = step_shown(terminal)
    goes_on = terminal.wait_until(lambda: step_shown(terminal) > step)
    assert goes_on, f"still at step {step}\n{terminal.picture()}"


def worker_of(run: RunFolder) -> int:
    """The process that trains."""
    started = [event for event in read_events(run.events) if event["type"] == "run_started"]
    return int(started[-1]["pid"])


def kill_worker(run: RunFolder) -> None:
    """kill -9 what trains, if anything does."""
    with suppress(ProcessLookupError, IndexError):
        if run.is_live():
            os.killpg(worker_of(run), signal.SIGKILL)
