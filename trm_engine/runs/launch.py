"""Launch: start the worker process of a run, tied to its viewer or on its own."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import IO

from trm_engine.files.private import private_files
from trm_engine.runs.commands import given_so_far
from trm_engine.runs.folder import RunFolder

WORKER = [sys.executable, "-P", "-m", "trm_engine.worker"]
"""-P: without it Python imports modules that lie in the current folder instead of libraries."""


@private_files()
def start_worker(
    folder: RunFolder,
    resume: bool = False,
    tied: bool = True,
    lock: int | None = None,
) -> subprocess.Popen[bytes]:
    """Start training in ``folder``, whose config.yaml is written already.

    The worker has a session of its own, so that keys pressed in the viewer's terminal do not reach
    it, and writes to worker.log. Tied, it saves and stops when the viewer's end of its standard
    input closes, which the viewer's death does too, unless it was sent "detach" before. It is
    handed ``lock`` (``hand_over``), or claims the run itself.
    """
    handed = () if lock is None else (lock,)
    flags = ["--resume"] * resume + ["--tied"] * tied
    flags += ["--commands-from", str(given_so_far(folder.commands))]
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
    stderr: IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a worker that answers on its standard output (``eval``, ``predict``).

    It ends when this process does, however that ends.
    """
    return subprocess.Popen(
        [*WORKER, task, "--parent", str(os.getpid()), *arguments],
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
    )


def _without_torchrun() -> dict[str, str]:
    """The environment without the mark of torchrun, under which a viewer may run by chance."""
    return {name: text for name, text in os.environ.items() if name != "TORCHELASTIC_RUN_ID"}
