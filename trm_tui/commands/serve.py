"""`trm-tui serve`: a worker that serves a model over HTTP.

This process opens the socket and keeps it. So the address stays open while a worker that was killed
is replaced, and connections wait.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from trm_engine.runs import launch
from trm_engine.runs.folder import find_checkpoint
from trm_engine.serving.listening import listening
from trm_engine.serving.settings import API_KEY, refuse_open_address
from trm_tui.commands.evaluate import worker_options

PASSED_ON = (signal.SIGTERM, signal.SIGHUP)
"""Signals that are meant for the worker. The terminal sends SIGINT to both."""
ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that end a server because somebody wants it to."""
MOST_DEATHS, DEATHS_SECONDS = 5, 60.0
"""A worker that dies more often in this time is not started again."""


def serve(path: Path, options: dict[str, Any], api_key: str | None, raw: bool) -> int:
    """Serve until asked to stop. Returns the exit status.

    The worker prints its address and what happens. It finds the checkpoint in the folder of a run
    by itself, for a better one may come.

    Raises:
        UserError: there is no such checkpoint, or the address cannot be used.
    """
    find_checkpoint(path)
    key = os.environ.get(API_KEY) if api_key is None else api_key
    refuse_open_address(options["--host"], key)
    with listening(options["--host"], options["--port"]) as listener:
        given = [*worker_options(options, raw), "--listener", str(listener.fileno())]
        return Server([*given, "--", str(path)], key, listener).run()


class Server:
    """The worker that answers on a socket, and those that replace it if it is killed."""

    def __init__(self, given: Sequence[str], key: str | None, listener: socket.socket) -> None:
        self._given = given
        self._secrets = {} if key is None else {API_KEY: key}
        self._listener = listener
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._worker = self._start()

    def run(self) -> int:
        """Wait for the worker's end. Returns its exit status."""
        with self._signals_passed_on():
            while True:
                status = self._wait()
                if status >= 0 or -status in ENDINGS or not self._may_start():
                    return 128 - status if status < 0 else status
                print(f"killed by {signal.Signals(-status).name}; starting again", file=sys.stderr)
                self._worker = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        return launch.start_inference(
            "listen",
            *self._given,
            stdout=None,
            secrets=self._secrets,
            pass_fds=[self._listener.fileno()],
        )

    def _wait(self) -> int:
        while True:
            try:
                return self._worker.wait()
            except KeyboardInterrupt:
                continue  # it was sent to the worker, too, which answers what waits and stops

    def _may_start(self) -> bool:
        """Note a death. Returns whether the worker may be started again."""
        now = time.monotonic()
        is_often = len(self._deaths) == MOST_DEATHS and now - self._deaths[0] < DEATHS_SECONDS
        self._deaths.append(now)
        return not is_often

    @contextmanager
    def _signals_passed_on(self) -> Iterator[None]:
        """Send the worker what this process is sent."""
        before = {each: signal.getsignal(each) for each in PASSED_ON}
        for each in PASSED_ON:
            signal.signal(each, lambda number, _: self._worker.send_signal(number))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
