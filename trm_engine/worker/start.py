"""Start a training: claim its folder, start its other processes, report how it ended."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from trm_engine.errors import Abort, ConfigError, LostProcess, UserError
from trm_engine.runs.events import EventWriter, Silent
from trm_engine.runs.folder import RunFolder, claim, claim_checkpoints
from trm_engine.runs.schema.events import LogMessage, RunFailed, StateChanged
from trm_engine.runs.schema.fields import State
from trm_engine.worker.control import Control, Follower
from trm_engine.worker.followers import Followers
from trm_engine.worker.place import Place

if TYPE_CHECKING:
    from trm_engine.training.run_control import Report

LOSS_SECONDS = 10.0
UNDER_TORCHRUN = (
    "torchrun started this process: add --torchrun after `train`, which makes it one of several "
    "that train together; their network must be a private one"
)


@dataclass(frozen=True)
class Job:
    """The part of one process in a training.

    Attributes:
        folder: the run's folder.
        resume: whether to go on from the last checkpoint.
        report: takes the events; those of the main process are written.
        control: the commands to obey.
        place: which of the processes this one is.
    """

    folder: RunFolder
    resume: bool
    report: Report
    control: Control | Follower
    place: Place

    def train(self) -> State:
        """Import what training needs, torch among it, and train. Returns the run's last state."""
        from trm_engine.worker.train import train

        return train(self.folder, self.resume, self.report, self.control, self.place)


def train_run(arguments: argparse.Namespace) -> int:
    """Train the run in a folder. Returns the exit status: 0, 1 failed, 2 user error."""
    folder = RunFolder(Path(arguments.run))
    try:
        place = _place(arguments)
        if place.is_main:
            return _lead(folder, arguments, place)
    except UserError as error:
        _note(error)
        return 2
    job = Job(folder, arguments.resume, Silent(), Follower(), place)
    return _reporting(job.report, job.train)


def _place(arguments: argparse.Namespace) -> Place:
    """Which of a training's processes this one is; torchrun's environment counts only on request.

    Raises:
        ConfigError: torchrun was asked for and did not start this process, or the other way round.
    """
    if arguments.rank:
        link = socket.socket(fileno=arguments.link)
        return Place(arguments.rank, arguments.of, arguments.rank, (link,))
    if arguments.torchrun:
        try:
            return Place.of_torchrun()
        except (KeyError, ValueError):
            raise ConfigError("--torchrun: torchrun did not start this process") from None
    if "TORCHELASTIC_RUN_ID" in os.environ:
        raise ConfigError(UNDER_TORCHRUN)
    return Place()


def _lead(folder: RunFolder, arguments: argparse.Namespace, place: Place) -> int:
    """Be the main process, the one that writes. Returns the exit status.

    Raises:
        RunError: another worker has the run.
    """
    lock = claim(folder, is_handed=arguments.lock is not None)
    if arguments.lock:  # it stays open until this process ends
        os.set_inheritable(arguments.lock, False)
    events = EventWriter(folder.events)
    control = Control(folder.commands, arguments.tied, arguments.commands_from)
    job = Job(folder, arguments.resume, events, control, place)
    try:
        return _reporting(events, lambda: _train_with_others(job, events))
    finally:
        events.close()
        _store_columns(folder)
        lock.close()


def _store_columns(folder: RunFolder) -> None:
    """Let a long run open fast. Nothing depends on it, and the disk may be full."""
    from trm_engine.runs.stored_columns import write_stored

    with suppress(OSError):
        write_stored(folder.events)


def _train_with_others(job: Job, events: EventWriter) -> State:
    """Start the other processes of this machine, unless torchrun does, and train with them."""
    config = job.folder.read_config()
    with claim_checkpoints(job.folder, config):
        job.folder.remove_leftovers(config)
        if job.place.by_torchrun:
            return job.train()
        processes = config.training.nproc_per_node
        with Followers(job.folder.path, job.resume, processes) as followers:
            followers.watch(lambda message: _lose(message, events))
            return replace(job, place=followers.place).train()


def _reporting(report: Report, train: Callable[[], State]) -> int:
    """Train, and report how it ended. Returns the exit status."""
    report(StateChanged(state="starting"))
    try:
        state = train()
    except Abort:
        report(StateChanged(state="stopped", reason="at once, without saving"))
        return 0
    except LostProcess as error:
        _tell_failure(report, str(error), user_error=False)
        return 1
    except (UserError, OSError) as error:  # OSError: the disk is full, a folder is gone
        _tell_failure(report, str(error), user_error=True)
        _note(error)
        return 2
    except (Exception, KeyboardInterrupt) as error:
        message = "".join(traceback.format_exception_only(error)).strip()
        _tell_failure(report, message, user_error=False, traceback=traceback.format_exc())
        traceback.print_exc()
        return 1
    report(StateChanged(state=state))
    return 0


def _note(error: Exception) -> None:
    """Print an error into worker.log, if there is room; the exit status tells of it anyway."""
    with suppress(OSError):
        print(error, flush=True)


def _tell_failure(report: Report, message: str, user_error: bool, traceback: str = "") -> None:
    report(RunFailed(message=message, traceback=traceback, user_error=user_error))
    report(StateChanged(state="failed", reason=message))


def _lose(message: str, events: EventWriter) -> None:
    """Report that another process has ended.

    The main process notices that at its next sum, except with NCCL, which waits for ever. Then this
    process ends too.
    """
    events.write(LogMessage(level="error", message=message))
    distributed = sys.modules.get("torch.distributed.distributed_c10d")  # it may be half imported
    if getattr(distributed, "is_initialized", bool)():
        time.sleep(LOSS_SECONDS)
        _tell_failure(events, message, user_error=False)
        events.close()
        os._exit(1)
