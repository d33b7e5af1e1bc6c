"""Workers that answer somebody: when that process is gone, so are they, whatever they do."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.e2e.runs import SECONDS
from tests.support import ROOT, wait_until

# Starts a worker as a viewer does. The worker is kept busy in a call that never looks around:
# reading a checkpoint that is a pipe nobody writes to.
VIEWERS = {
    "eval": "start_inference('eval', sys.argv[1], sys.argv[2])",
    "predict": "start_inference('predict', sys.argv[1], '-', stdin=subprocess.PIPE)",
    "serve": "asyncio.run(InferenceServer().ask('summary', path=sys.argv[1]))",
}
VIEWER = """
import asyncio, subprocess, sys, time
from trm_engine.runs.launch import start_inference
from trm_engine.inspection.client import InferenceServer
worker = {start}
time.sleep(600)
"""


@pytest.mark.parametrize("task", list(VIEWERS))
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGHUP])
def test_a_worker_ends_with_the_process_that_asks_it(
    tmp_path: Path, task: str, number: signal.Signals
) -> None:
    os.mkfifo(tmp_path / "checkpoint.pt")
    viewer = subprocess.Popen(
        [sys.executable, "-c", VIEWER.format(start=VIEWERS[task]), tmp_path / "checkpoint.pt", "x"],
        cwd=ROOT,
    )
    process = psutil.Process(viewer.pid)
    wait_until(lambda: any(is_busy(child) for child in process.children()), SECONDS)
    [worker] = process.children()
    viewer.send_signal(number)
    viewer.wait(timeout=SECONDS)
    wait_until(lambda: has_exited(worker), SECONDS)


def is_busy(worker: psutil.Process) -> bool:
    """Whether a worker watches its parent, which it does before all else."""
    return "trm_engine.worker" in worker.cmdline() and worker.num_threads() > 1


def has_exited(worker: psutil.Process) -> bool:
    try:
        return worker.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
