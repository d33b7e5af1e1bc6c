"""AttachedRun: a run that a screen shows, with its events and commands."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterable
from functools import cached_property
from typing import TYPE_CHECKING

from trm_engine.errors import ConfigError
from trm_engine.files.held import HeldFolder
from trm_engine.runs.commands import COMMANDS, try_to_send
from trm_engine.runs.events import ENDED, EventReader
from trm_engine.runs.folder import LOST, RunFolder
from trm_engine.runs.schema.events import Event
from trm_tui.text.ending import UNREPORTED, exit_text, how_to_resume

if TYPE_CHECKING:
    from trm_engine.config import Config
    from trm_tui.store.run import RunStore, Topics

LOOK_SECONDS = 1.0
SILENCE_SECONDS = 60.0
SLOW_ANSWER_SECONDS = 20.0


class AttachedRun:
    """A run's store, updated from its events, and the commands to its worker.

    ``worker`` is the process if this process started it, at ``since`` (Unix seconds). It saves and
    stops when this process ends, unless it was detached. ``waiting`` maps unanswered commands to
    the time when they were sent. ``was_live`` is whether the worker was ever seen alive,
    ``is_removed`` whether the run folder was removed.
    """

    def __init__(
        self,
        folder: RunFolder,
        worker: subprocess.Popen[bytes] | None = None,
        since: float = 0.0,
    ) -> None:
        self.folder = folder
        self.worker = worker
        self.was_live = False
        self._since = since
        self._is_detached = False
        self.waiting: dict[str, float] = {}
        self._reader = EventReader(folder.events, stored=True)
        self._is_live = True
        self._looked = 0.0
        self.held = HeldFolder(folder.path)
        self.is_removed = False

    @cached_property
    def store(self) -> RunStore:
        """What the events say so far. It is made when it is first needed: numpy takes 0.1 s."""
        from trm_tui.store.run import RunStore

        return RunStore()

    @cached_property
    def config(self) -> Config:
        """The run's configuration, read when it is first needed: its modules take 0.1 s.

        Raises:
            ConfigError: it is missing, or a key or value is invalid.
        """
        return self.folder.read_config()

    @classmethod
    def checked(cls, folder: RunFolder) -> AttachedRun:
        """A run whose configuration is valid.

        Raises:
            ConfigError: it is missing, or a key or value is invalid.
        """
        run = cls(folder)
        run.config = folder.read_config()
        return run

    def how_to_resume(self) -> str:
        """The command that resumes the run, or why there is none."""
        try:
            return how_to_resume(self.folder, self.config)
        except ConfigError as error:
            return f"It cannot be resumed: {error}"

    @property
    def behind(self) -> float:
        """The unread share of the event file, 0 to 1."""
        return self._reader.behind

    @property
    def state(self) -> str:
        """The run's state; "lost" if its worker exited without reporting."""
        state = self.store.state
        if state is None or self.store.state_since < self._since:  # from an earlier start
            state = "starting"
        return state if state in ENDED or self._is_live or self.behind else LOST

    @property
    def is_over(self) -> bool:
        """Whether the run has ended or is lost."""
        return self.state in ENDED or self.state == LOST

    @property
    def is_ours(self) -> bool:
        """Whether this process started the worker and will stop it at its own end."""
        return self.worker is not None and not self.is_over and not self._is_detached

    def drain(self, seconds: float) -> Topics:
        """Apply new events for about ``seconds``. Returns what changed."""
        events = self._reader.read(seconds)
        changed: Topics = set()
        if self._reader.restarted:
            self.store.start_over()
            changed.add("restarted")
        changed |= self.store.take(events)
        if changed:
            self.store.catch_up()
            self._remove_answered(events)
        return changed

    @property
    def exit_status(self) -> int | None:
        """The exit status of a worker that this process started; None for others."""
        return self.worker.poll() if self.worker else None

    def look(self) -> Topics:
        """Check whether the worker is alive, at most once a second. Returns what changed."""
        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return set()
        self._looked = now
        self._is_live = self.worker.poll() is None if self.worker else self.folder.is_live()
        self.is_removed = self.held.is_removed()
        self.was_live |= not self.behind and not self.is_over
        if self.state == LOST and not self.is_removed:
            return self.store.note_loss(UNREPORTED.format(exit_text(self.exit_status)))
        return set()

    def send(self, name: str) -> bool:
        """Send a command to the worker. Returns False if it cannot be written.

        ``evaluate`` and ``save`` are not sent again while they wait.
        """
        command = COMMANDS[name]
        if command.is_cumulative and name in self.waiting:
            return True
        if not try_to_send(self.held, self.folder.commands, name):
            return False
        if command.answer:
            self.waiting[name] = time.monotonic()
        return True

    def silence(self) -> float | None:
        """Seconds since the last event, if the worker seems stuck; else None."""
        if self.store.state not in ("starting", "running", "stopping") or self.is_over:
            return None
        seconds = time.time() - self.store.last_event
        return seconds if self.store.last_event and seconds > SILENCE_SECONDS else None

    def unanswered(self) -> list[str]:
        """The commands that have waited too long for an answer."""
        now = time.monotonic()
        return [name for name, at in self.waiting.items() if now - at > SLOW_ANSWER_SECONDS]

    def detach(self) -> bool:
        """Let the worker continue after this process ends. Returns whether the command was sent."""
        self._is_detached = self.send("detach")
        return self._is_detached

    def _remove_answered(self, events: Iterable[Event]) -> None:
        if self.store.has_ended or self.store.state == "stopping":  # it reads no more commands
            self.waiting.clear()
        answers = {self.store.state, *map(type, events)}
        for name in [name for name in self.waiting if COMMANDS[name].answer in answers]:
            del self.waiting[name]
