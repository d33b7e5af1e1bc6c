"""Run control: what a run does on command, and the only place where one ends a run."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from trm_engine.errors import Abort, RunError
from trm_engine.runs.schema.events import LogMessage, NewEvent, StateChanged
from trm_engine.training.distributed import ProcessGroup

PAUSE_SECONDS = 0.1


class Report(Protocol):
    """Writes one event; ``sync`` waits until all events so far are on the disk."""

    def __call__(self, event: NewEvent) -> None: ...

    def sync(self) -> None: ...


class Commands(Protocol):
    """Takes the commands given since the last call; ``wants`` looks for some without taking any."""

    def __call__(self) -> list[str]: ...

    def wants(self, *wanted: str) -> bool: ...


class Stop(Exception):
    """The run was asked to save and end."""


def abort_if_asked(commands: Commands, *wanted: str) -> None:
    """End the run at once if one of these commands waits.

    Raises:
        Abort: it does.
    """
    if commands.wants(*wanted):
        raise Abort


class RunControl:
    """Pauses, resumes and ends a run on command.

    Args:
        commands: those given to the run. Only the main process has any.
        report: tells the states that follow.
        group: the processes of the run. All obey the same commands after the same update.
    """

    def __init__(self, commands: Commands, report: Report, group: ProcessGroup) -> None:
        self._commands = commands
        self._report = report
        self._group = group

    def obey(
        self,
        actions: Mapping[str, Callable[[], None]],
        on_pause: Callable[[], None] = lambda: None,
        on_resume: Callable[[], None] = lambda: None,
    ) -> None:
        """Obey the commands that wait, in order; while paused, wait for more.

        Args:
            actions: what to do on commands other than pause, resume, stop and abort.
            on_pause: called before the pause is reported.
            on_resume: called before the run goes on.

        Raises:
            Stop: the run was asked to save and end.
            Abort: the run was asked to end at once.
        """
        paused = False
        while True:
            for command in self._agreed():
                if command == "abort":
                    raise Abort
                if command == "stop":
                    raise Stop
                if command == "pause" and not paused:
                    on_pause()
                    self._report(StateChanged(state="paused", reason="asked to"))
                if command == "resume" and paused:
                    on_resume()
                    self._report(StateChanged(state="running"))
                if command in ("pause", "resume"):
                    paused = command == "pause"
                elif command in actions:
                    actions[command]()
            if not paused:
                return
            time.sleep(PAUSE_SECONDS)

    def abort_evaluation_if_asked(self) -> None:
        """End the run during an evaluation.

        With several processes the others wait for the evaluation, so an abort waits too.

        Raises:
            Abort: the run was asked to end at once.
        """
        if self._group.world_size == 1:
            abort_if_asked(self._commands, "abort")

    def wait_for_room(self, path: Path, error: OSError) -> None:
        """Pause until a resume command, because ``path`` cannot be written.

        Only the main process writes files; the others wait for it at their next sum.

        Raises:
            Abort: the run was asked to end at once.
            RunError: the run was asked to stop.
        """
        problem = f"{path} cannot be written: {error.strerror or error}"
        self._report(LogMessage(level="error", message=f"{problem}; make room, then resume"))
        self._report(StateChanged(state="paused", reason=problem))
        while True:
            commands = self._commands()
            if "abort" in commands:
                raise Abort
            if "stop" in commands:
                raise RunError(f"{problem}; what was saved before is whole")
            if "resume" in commands:
                self._report(StateChanged(state="running"))
                return
            time.sleep(PAUSE_SECONDS)

    def _agreed(self) -> list[str]:
        """The commands that the main process was given, in every process."""
        return self._group.agree(" ".join(self._commands())).split()
