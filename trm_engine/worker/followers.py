"""Followers: the other processes of a training, started by its main one on the same machine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from trm_engine.runs.launch import WORKER
from trm_engine.worker.place import Place

END_SECONDS = 10.0
LOOK_SECONDS = 0.5


class Followers:
    """The other processes of a training on this machine.

    Each is connected to this one by a pair of sockets. They have no address, so nothing else can
    connect. A follower ends when this process ends, even when it is killed.
    """

    def __init__(self, run: Path, resume: bool, world_size: int) -> None:
        """Start them.

        Raises:
            OSError: the system has no room for so many processes. Those that run are ended.
        """
        self._links: list[socket.socket] = []
        self._processes: list[subprocess.Popen[bytes]] = []
        self._run = str(run)
        self._command = [*WORKER, "train", *["--resume"] * resume]
        self._world_size = world_size
        self._is_ending = threading.Event()
        try:
            for rank in range(1, world_size):
                self._start(rank)
        except OSError:
            self.end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def place(self) -> Place:
        """The main process's place."""
        return Place(world_size=self._world_size, links=tuple(self._links))

    def watch(self, on_loss: Callable[[str], None]) -> None:
        """Call ``on_loss`` with a message, from a thread, when one of them has failed."""
        threading.Thread(target=self._watch, args=(on_loss,), name="others", daemon=True).start()

    def end(self) -> None:
        """Wait until they have ended; kill those that do not end by themselves."""
        self._is_ending.set()
        for link in self._links:
            link.close()
        deadline = time.monotonic() + END_SECONDS  # for all of them together
        for process in self._processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            process.kill()
            process.wait()

    def _start(self, rank: int) -> None:
        ours, theirs = socket.socketpair()
        self._links.append(ours)
        with theirs:
            link = str(theirs.fileno())
            place = ("--rank", str(rank), "--of", str(self._world_size), "--link", link)
            process = subprocess.Popen(
                [*self._command, *place, "--parent", str(os.getpid()), "--", self._run],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        self._processes.append(process)

    def _watch(self, on_loss: Callable[[str], None]) -> None:
        while not self._is_ending.wait(LOOK_SECONDS):
            for rank, process in enumerate(self._processes, 1):
                if process.poll():
                    on_loss(f"process {rank} of this training has ended ({ending(process)})")
                    return


def ending(process: subprocess.Popen[bytes]) -> str:
    """How a process ended."""
    status = process.returncode
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
