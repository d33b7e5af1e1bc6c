"""OwnServer: the worker that answers on a socket, and those that replace it if it is killed.

The socket is opened here and kept. So the address stays open while a worker that was killed is
replaced, and connections wait.
"""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from trm_engine.printable import one_line
from trm_engine.runs import launch
from trm_engine.serving.settings import API_KEY

ENDINGS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Signals that end a server because somebody wants it to."""
MOST_DEATHS, DEATHS_SECONDS = 5, 60.0
"""A worker that dies more often in this time is not started again."""
LINES = 200
"""Lines of a worker that are kept."""
GREETING = ("model ", "upstream ", "texts ", "key ", "listening on ")
"""How lines begin that a worker prints at its start; a screen shows the same."""


class OwnServer:
    """A server that this process starts and stops.

    Args:
        given: arguments of the worker.
        key: what clients must send, if anything.
        listener: the socket.
        is_quiet: keep the worker's lines instead of letting it print them.

    Attributes:
        status: the exit status once it has ended, else None.
        lines: its newest lines, if it is quiet.
    """

    def __init__(
        self,
        given: Sequence[str],
        key: str | None,
        listener: socket.socket,
        is_quiet: bool = False,
    ) -> None:
        self.status: int | None = None
        self.lines: deque[str] = deque(maxlen=LINES)
        self._given = [*given[:-2], "--listener", str(listener.fileno()), *given[-2:]]
        self._secrets = {} if key is None else {API_KEY: key}
        self._listener = listener
        self._is_quiet = is_quiet
        self._stopping = False  # no Event: a signal handler sets it
        self._deaths: deque[float] = deque(maxlen=MOST_DEATHS)
        self._news: deque[str] = deque(maxlen=LINES)
        self._ended = threading.Event()
        self._worker = self._start()

    def run(self) -> int:
        """Wait for the end of the server. Returns its exit status."""
        while True:
            status = self._wait()
            if status >= 0 or -status in ENDINGS or self._stopping or not self._may_start():
                self.status = 128 - status if status < 0 else status
                self._ended.set()
                return self.status
            self._say(f"killed by {signal.Signals(-status).name}; starting again")
            self._worker = self._start()
            if self._is_stopping():  # since it died
                self._worker.terminate()

    def _is_stopping(self) -> bool:
        return self._stopping

    def send(self, number: int) -> None:
        """Send the worker a signal."""
        if number == signal.SIGTERM:
            self._stopping = True
        self._worker.send_signal(number)

    def stop(self) -> None:
        """Have it answer what waits, and end. ``run`` is on another thread."""
        self.send(signal.SIGTERM)
        self._ended.wait()

    def news(self) -> list[str]:
        """The lines since the last call, without those of a start."""
        new = []
        with suppress(IndexError):
            while True:
                new.append(self._news.popleft())
        return [line for line in new if not line.startswith(GREETING)]

    def _start(self) -> subprocess.Popen[bytes]:
        worker = launch.start_inference(
            "listen",
            *self._given,
            stdin=subprocess.DEVNULL if self._is_quiet else None,
            stdout=subprocess.PIPE if self._is_quiet else None,
            stderr=subprocess.STDOUT if self._is_quiet else None,
            secrets=self._secrets,
            pass_fds=[self._listener.fileno()],
        )
        if self._is_quiet:
            threading.Thread(target=self._read, args=(worker,), daemon=True).start()
        return worker

    def _read(self, worker: subprocess.Popen[bytes]) -> None:
        for line in worker.stdout or ():
            self._note(one_line(line.decode("utf-8", "replace").rstrip()))

    def _note(self, line: str) -> None:
        self.lines.append(line)
        self._news.append(line)

    def _say(self, line: str) -> None:
        if self._is_quiet:
            self._note(line)
        else:
            print(line, file=sys.stderr, flush=True)

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
