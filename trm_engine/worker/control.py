"""Control: commands to a training worker, from its file, signals and the end of its viewer."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path

from trm_engine.files.held import HeldFolder
from trm_engine.runs.commands import CommandReader, commands_size, prioritised

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Control:
    """The commands of the main process.

    SIGTERM, SIGINT and SIGHUP mean stop. A tied worker also stops when its standard input closes,
    unless it was sent "detach" before.
    """

    def __init__(self, path: Path, tied: bool, begin: int | None = None) -> None:
        """Commands in the first ``begin`` bytes of the file are older than this worker."""
        self._folder = HeldFolder(path.parent)
        self._reader = CommandReader(path, commands_size(path) if begin is None else begin)
        self._asked_to_stop = False
        self._viewer_gone = threading.Event()
        self._detached = not tied
        self._waiting: list[str] = []
        for number in SIGNALS:
            signal.signal(number, self._ask_to_stop)
        if tied:
            viewer = sys.stdin.fileno()
            threading.Thread(target=self._watch, args=(viewer,), name="viewer", daemon=True).start()

    def __call__(self) -> list[str]:
        """The commands since the last call.

        Raises:
            RunError: the run's folder is gone.
        """
        commands, self._waiting = self._waiting + self._read(), []
        return prioritised(commands)

    def wants(self, *wanted: str) -> bool:
        """Whether one of these commands waits to be taken.

        Raises:
            RunError: the run's folder is gone.
        """
        self._waiting += self._read()
        return not set(wanted).isdisjoint(self._waiting)

    def _read(self) -> list[str]:
        self._folder.check()
        viewer_gone = self._viewer_gone.is_set()  # before reading: "detach" comes before the end
        commands = self._reader.read()
        if "detach" in commands:
            self._detached = True
        if self._asked_to_stop or (viewer_gone and not self._detached):
            self._asked_to_stop, self._detached = False, True
            commands.append("stop")
        return [command for command in commands if command != "detach"]

    def _ask_to_stop(self, *_: object) -> None:
        """Handle a signal. No lock: the next signal may interrupt this, and would wait for ever."""
        self._asked_to_stop = True

    def _watch(self, viewer: int) -> None:
        while os.read(viewer, 1024):
            pass
        self._viewer_gone.set()


class Follower:
    """The control of the other processes: they ignore signals, and the main one decides."""

    def __init__(self) -> None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)

    def __call__(self) -> list[str]:
        """No commands."""
        return []

    def wants(self, *wanted: str) -> bool:
        """Never."""
        return False
