"""Forks: processes that begin with everything imported, so that each costs milliseconds."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.forking import Executed, Forking, Job
from tests.support import ROOT

SECONDS = 300.0
"""No process of these tests works that long; who does hangs."""

SERVER = "from tests.fork_server import main; main()"


class Forks:
    """A server process that forks (``fork_server.py``), and what it forked."""

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self._ended: dict[int, int] = {}
        self._turn = threading.RLock()
        self._is_closed = False
        self._link, theirs = socket.socketpair()
        with theirs:
            self._server = Executed(
                [sys.executable, "-c", SERVER, str(theirs.fileno())],
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "120", "NO_COLOR": "1"},
                start_new_session=True,
                pass_fds=[theirs.fileno()],
            )

    def close(self) -> None:
        """End the server, and by force what still lives."""
        for pid in list(self._alive):
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            for pause in pauses():
                if self.status_of(pid) is not None:
                    break
                time.sleep(pause)
        with self._turn:
            self._is_closed = True
            self._link.close()
        self._server.wait()

    def start(self, task: str, place: Path, **job: Any) -> Fork:
        """A process for one task of ``server.TASKS``; its output goes to files in ``place``.

        A ``log`` among the job takes both outputs instead.
        """
        job = {"out": str(place / "stdout"), "err": str(place / "stderr"), **job}
        if log := job.pop("log", None):
            job["out"] = job["err"] = str(log)
        return Fork(self, self.fork({"task": task, "cwd": str(place), **job}), place)

    def fork(self, job: Job, files: Mapping[int, int] | None = None) -> int:
        """Start a job's process, with open files by its own numbers; returns its id."""
        files = files or {}
        question = {"start": job, "numbers": list(files)}
        pid: int = self.ask(question, list(files.values()))["pid"]
        self._alive.add(pid)
        self._ended.pop(pid, None)
        return pid

    def command(self, *argv: object, cwd: Path, entry: str = "trm", **job: Any) -> Fork:
        """`trm-tui` or (``entry`` "worker") `python -m trm_engine.worker` with these arguments."""
        return self.start(
            "command", cwd, entry=entry, argv=[os.fsencode(str(a)).hex() for a in argv], **job
        )

    def status_of(self, pid: int) -> int | None:
        """How a process ended; None while it lives. Several threads may ask at once."""
        with self._turn:
            if pid not in self._ended:
                if self._is_closed:
                    return -signal.SIGKILL
                status: int | None = self.ask({"status_of": pid})["status"]
                if status is None:
                    return None
                self._ended[pid] = status
                self._alive.discard(pid)
            return self._ended[pid]

    def knows(self, pid: int) -> bool:
        """Whether a process was begun here."""
        return pid in self._alive or pid in self._ended

    @property
    def pid(self) -> int:
        """The process that is the parent of all that is forked."""
        return self._server.pid

    def ask(self, question: dict[str, Any], files: Sequence[int] = ()) -> dict[str, Any]:
        """One question to the server."""
        with self._turn:
            socket.send_fds(self._link, [json.dumps(question).encode() + b"\n"], files)
            answer = self._link.recv(1 << 16)
            assert answer, "the server of forks is gone"
            return dict(json.loads(answer))


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
        for pause in pauses():
            if (status := self.poll()) is not None:
                return status
            if time.monotonic() > deadline:
                self.kill()
                raise AssertionError(f"process {self.pid} still works after {timeout:g} s: a hang")
            time.sleep(pause)
        raise AssertionError("pauses have no end")

    def kill(self) -> int:
        """kill -9 the process and what it started in its session."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        return self.wait()

    def send(self, number: int) -> None:
        """Send a signal to the process alone."""
        if self.poll() is None:
            os.kill(self.pid, number)


def popen_of(forks: Callable[[], Forks]) -> type[Forking]:
    """``subprocess.Popen`` for tests, whose commands of ours are forked by ``forks()``."""

    class Popen(Forking):
        def fork(self, job: Job, files: Mapping[int, int]) -> int:
            self._forks = forks()
            argv = _with_parent(job["argv"], self._forks.pid)
            return self._forks.fork({"task": "command", **job, "argv": argv}, files)

        def poll(self) -> int | None:
            if not self.is_forked:
                return super().poll()
            if self.returncode is None:
                self.returncode = self._forks.status_of(self.pid)
            return self.returncode

        def wait(self, timeout: float | None = None) -> int:
            if not self.is_forked:
                return super().wait(timeout)
            deadline = None if timeout is None else time.monotonic() + timeout
            for pause in pauses():
                if (status := self.poll()) is not None:
                    return status
                if deadline is not None and time.monotonic() > deadline:
                    raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
                time.sleep(pause)
            raise AssertionError("pauses have no end")

    return Popen


def waitpid_of(forks: Callable[[], Forks | None]) -> Callable[[int, int], tuple[int, int]]:
    """``os.waitpid``, by which asyncio waits, for what the server of forks began too."""
    real = os.waitpid

    def waitpid(pid: int, options: int) -> tuple[int, int]:
        server = forks()
        if server is None or not server.knows(pid):
            return real(pid, options)
        for pause in pauses():
            status = server.status_of(pid)
            if status is not None:
                return pid, -status if status < 0 else status << 8
            if options & os.WNOHANG:
                break
            time.sleep(pause)
        return 0, 0

    return waitpid


def _with_parent(argv: Sequence[str], parent: int) -> list[str]:
    """A command's arguments, in hex, with the process that is the parent of what is forked."""
    option = b"--parent".hex()
    places = [number for number, each in enumerate(argv) if each == option]
    changed = list(argv)
    for place in places[:1]:
        changed[place + 1] = str(parent).encode().hex()
    return changed


def pauses() -> Iterator[float]:
    """Seconds between looks: short ones first."""
    pause = 0.001
    while True:
        yield pause
        pause = min(2 * pause, 0.05)
