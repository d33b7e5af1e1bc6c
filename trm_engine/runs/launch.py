"""Launch: starts worker processes, tied to their viewer or independent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from trm_engine.files.private import private_files
from trm_engine.runs.commands import commands_size
from trm_engine.runs.folder import RunFolder

WORKER = [sys.executable, "-P", "-m", "trm_engine.worker"]
"""With -P, modules in the current folder cannot hide libraries."""


@private_files()
def start_worker(
    folder: RunFolder,
    resume: bool = False,
    tied: bool = True,
    lock: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start training in ``folder``, which already contains config.yaml.

    The worker has its own session, so that signals from the viewer's terminal do not reach it, and
    writes to worker.log. A ``tied`` worker saves and stops when its standard input closes, as it
    does when the viewer dies, unless it received "detach" before. The worker inherits ``lock``
    (see ``hand_over``) or claims the run itself.
    """
    handed = () if lock is None else (lock,)
    flags = ["--resume"] * resume + ["--tied"] * tied
    flags += ["--commands-from", str(commands_size(folder.commands))]
    flags += [f"--lock={descriptor}" for descriptor in handed]
    with open(folder.log, "ab") as log:
        worker = subprocess.Popen(
            [*WORKER, "train", *flags, "--", str(folder.path)],
            stdin=subprocess.PIPE if tied else subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=_without_torchrun(),
            pass_fds=handed,
            start_new_session=True,
        )
    for descriptor in handed:
        os.close(descriptor)
    return worker


def start_inference(
    task: str,
    *arguments: str,
    stdin: int | IO[bytes] | None = None,
    stdout: int | IO[bytes] | None = subprocess.PIPE,
    stderr: int | IO[bytes] | None = None,
    secrets: Mapping[str, str] | None = None,
    pass_fds: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start a worker that writes its results to standard output (``eval``, ``predict``).

    It ends when this process ends. ``secrets`` are variables of its environment: command lines are
    seen by every user of the machine. It inherits the descriptors ``pass_fds``.
    """
    return subprocess.Popen(
        [*WORKER, task, "--parent", str(os.getpid()), *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        env={**os.environ, **secrets} if secrets else None,
        pass_fds=pass_fds,
    )


def _without_torchrun() -> dict[str, str]:
    """The environment without torchrun's variable, in case the viewer runs under torchrun."""
    return {name: text for name, text in os.environ.items() if name != "TORCHELASTIC_RUN_ID"}
