"""`trm-tui serve`: a worker that serves a model over HTTP."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trm_engine.runs import launch
from trm_engine.runs.folder import find_checkpoint
from trm_tui.commands.evaluate import worker_options

API_KEY = "TRM_TUI_API_KEY"
PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
"""Signals that are meant for the worker. The terminal sends SIGINT to both."""


def serve(path: Path, options: dict[str, Any], api_key: str | None, raw: bool) -> int:
    """Run a worker that serves until it is asked to stop. Returns the exit status.

    The worker prints its address and what happens. It finds the checkpoint in the folder of a run
    by itself, for a better one may come.

    Raises:
        UserError: there is no such checkpoint.
    """
    find_checkpoint(path)
    secrets = {} if api_key is None else {API_KEY: api_key}
    given = [*worker_options(options, raw), "--", str(path)]
    worker = launch.start_inference("listen", *given, stdout=None, secrets=secrets)
    with _passed_on(worker):
        while True:
            try:
                status = worker.wait()
                break
            except KeyboardInterrupt:
                continue  # it was sent to the worker, too, which answers what waits and stops
    return 128 - status if status < 0 else status


@contextmanager
def _passed_on(worker: subprocess.Popen[bytes]) -> Iterator[None]:
    """Send the worker what this process is sent."""
    before = {each: signal.getsignal(each) for each in PASSED_ON}
    for each in PASSED_ON:
        signal.signal(each, lambda number, _: worker.send_signal(number))
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
