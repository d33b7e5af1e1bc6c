"""Forks: processes that begin with everything imported, so that each costs milliseconds."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from tests.support import ROOT

SECONDS = 300.0
"""No process of these tests works that long; who does hangs."""

SERVER = "from tests.torture.server import main; main()"


class Forks:
    """A server process that forks (``server.py``), and what it forked."""

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self._server = subprocess.Popen(
            [sys.executable, "-c", SERVER],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "NO_COLOR": "1"},
            start_new_session=True,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for pid in self._alive:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
        self._server.communicate()

    def start(self, task: str, place: Path, **job: Any) -> Fork:
        """A process for one task of ``server.TASKS``; its output goes to files in ``place``.

        A ``log`` among the job takes both outputs instead.
        """
        job = {"out": str(place / "stdout"), "err": str(place / "stderr"), **job}
        if log := job.pop("log", None):
            job["out"] = job["err"] = str(log)
        answer = self.ask(start=task, cwd=str(place), job=job)
        self._alive.add(answer["pid"])
        return Fork(self, answer["pid"], place)

    def command(self, *argv: object, cwd: Path, entry: str = "trm", **job: Any) -> Fork:
        """`trm-tui` or (``entry`` "worker") `python -m trm_engine.worker` with these arguments."""
        return self.start(
            "command", cwd, entry=entry, argv=[os.fsencode(str(a)).hex() for a in argv], **job
        )

    def status_of(self, pid: int) -> int | None:
        """How a process ended; None while it lives."""
        status: int | None = self.ask(status_of=pid)["status"]
        if status is not None:
            self._alive.discard(pid)
        return status

    def ask(self, **question: Any) -> dict[str, Any]:
        """One question to the server."""
        assert self._server.stdin and self._server.stdout
        self._server.stdin.write(json.dumps(question) + "\n")
        self._server.stdin.flush()
        answer: dict[str, Any] = json.loads(self._server.stdout.readline())
        return answer


class Fork:
    """One process, as ``subprocess.Popen`` shows one; it leads a session of its own."""

    def __init__(self, forks: Forks, pid: int, place: Path) -> None:
        self.pid = pid
        self.place = place
        self.returncode: int | None = None
        self._forks = forks

    @property
    def out(self) -> bytes:
        return (self.place / "stdout").read_bytes()

    @property
    def err(self) -> bytes:
        return (self.place / "stderr").read_bytes()

    def poll(self) -> int | None:
        """The exit status, minus the signal's number if one killed it; None while it lives."""
        if self.returncode is None:
            self.returncode = self._forks.status_of(self.pid)
        return self.returncode

    def wait(self, timeout: float = SECONDS) -> int:
        """The exit status; who does not end is killed, and the test fails."""
        deadline = time.monotonic() + timeout
        pause = 0.001
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"process {self.pid} still works after {timeout:g} s: a hang")
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        return status

    def kill(self) -> int:
        """kill -9 the process and what it started in its session."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def send(self, number: int) -> None:
        """Send a signal to the process alone."""
        if self.poll() is None:
            os.kill(self.pid, number)
