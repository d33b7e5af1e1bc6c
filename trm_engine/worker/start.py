"""Start a training: claim its folder, bring up its other processes, tell how it ended."""

from __future__ import annotations

import argparse
import os
import socket
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from trm_engine.config import Config
from trm_engine.errors import Abort, ConfigError, LostProcess, UserError
from trm_engine.runs.events import EventWriter, Silent
from trm_engine.runs.folder import RunFolder, claim, claim_checkpoints
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
    silent = Silent()
    return _reporting(silent, lambda: _train(folder, arguments, silent, Follower(), place))


def _place(arguments: argparse.Namespace) -> Place:
    """Which of a training's processes this one is. The environment counts only if it is asked for.

    Raises:
        ConfigError: torchrun did not start this process, or did and was not asked for.
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
    """Be the main process of a training: the one that writes.

    Raises:
        RunError: another worker has the run.
    """
    lock = claim(folder, is_handed=arguments.lock is not None)
    if arguments.lock:  # it stays open until this process ends
        os.set_inheritable(arguments.lock, False)
    events = EventWriter(folder.events)
    control = Control(folder.commands, arguments.tied, arguments.commands_from)
    try:
        return _reporting(events, lambda: _train_claimed(folder, arguments, events, control, place))
    finally:
        events.close()
        lock.close()


def _train_claimed(
    folder: RunFolder,
    arguments: argparse.Namespace,
    events: EventWriter,
    control: Control,
    place: Place,
) -> str:
    config = folder.read_config()
    with claim_checkpoints(folder, config):
        folder.remove_leftovers(config)
        return _train_with_others(config, folder, arguments, events, control, place)


def _train_with_others(
    config: Config,
    folder: RunFolder,
    arguments: argparse.Namespace,
    events: EventWriter,
    control: Control,
    place: Place,
) -> str:
    if place.by_torchrun:
        return _train(folder, arguments, events, control, place)
    processes = config.training.nproc_per_node
    with Followers(folder.path, arguments.resume, processes) as followers:
        followers.watch(lambda message: _lose(message, events))
        return _train(folder, arguments, events, control, followers.place)


def _train(
    folder: RunFolder,
    arguments: argparse.Namespace,
    report: Report,
    control: Control | Follower,
    place: Place,
) -> str:
    """Import what training needs, torch among it, and train. Returns the state it ends in."""
    from trm_engine.worker.train import train

    return train(folder, arguments.resume, report, control, place)


def _reporting(report: Report, train: Callable[[], str]) -> int:
    """Train, and tell how it ended; returns the exit status."""
    report("state", state="starting")
    try:
        state = train()
    except Abort:
        report("state", state="stopped", reason="at once, without saving")
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
    report("state", state=state)
    return 0


def _note(error: Exception) -> None:
    """Put an error into the log, if there is room: the exit status tells of it in any case."""
    with suppress(OSError):
        print(error, flush=True)


def _tell_failure(report: Report, message: str, user_error: bool, traceback: str = "") -> None:
    report("failed", message=message, traceback=traceback, user_error=user_error)
    report("state", state="failed", reason=message)


def _lose(message: str, events: EventWriter) -> None:
    """Tell that another process has ended. The main one notices at its next sum, but not in NCCL,
    which waits for ever: then this process ends too."""
    events.write("log", level="error", message=message)
    distributed = sys.modules.get("torch.distributed.distributed_c10d")  # it may be half imported
    if getattr(distributed, "is_initialized", bool)():
        time.sleep(LOSS_SECONDS)
        _tell_failure(events, message, user_error=False)
        events.close()
        os._exit(1)
