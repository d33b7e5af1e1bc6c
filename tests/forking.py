"""A ``subprocess.Popen`` for tests that forks `trm-tui` and its workers instead of executing them.

A process that begins with an import of torch works for seconds before it does anything. These
begin with everything imported. All the rest is as ever: arguments, streams, folder, environment,
session, signals and exit status are those of a process of its own. What Python itself does at its
start is not tested that way; tests marked ``executed`` start everything as a user does.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trm_engine.runs.launch import WORKER
from trm_engine.serving.settings import API_KEY, UPSTREAM_KEY

ROOT = Path(__file__).parents[1]
TRM = [sys.executable, "-c", "from trm_tui.cli import main; main()"]
CODE = [sys.executable, "-P", "-c"]
"""Python that runs the code which follows; without -P it is never forked."""

ENTRIES = {"trm": TRM, "worker": WORKER, "code": CODE}

Job = dict[str, Any]

ENDLESS = 100_000
"""Updates of a run that a test ends."""

Executed = subprocess.Popen
"""The class that executes everything; in tests ``subprocess.Popen`` is another one."""

_INHERITED = dict(os.environ)


def take_terminal() -> None:
    """Make standard input the terminal that controls this session; a ``preexec_fn``."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Forking(subprocess.Popen[Any]):
    """What is common where tests start processes and where these start others."""

    is_forked = False

    def fork(self, job: Job, files: Mapping[int, int]) -> int:
        """Fork a process for a job; ``files`` has our descriptor by the child's. Returns its id."""
        raise NotImplementedError

    def _execute_child(self, *given: Any) -> None:
        argv, _, preexec, _, pass_fds, cwd, env, *_ = given
        pipes = given[10:16]
        command = None if isinstance(argv, str | bytes) else _command(argv)
        is_plain = preexec in (None, take_terminal) and _is_ordinary(env)
        if command is None or not is_plain:
            super()._execute_child(*given)  # type: ignore[misc]
            return
        entry, arguments = command
        job = {
            "entry": entry,
            "argv": [os.fsencode(each).hex() for each in arguments],
            "environment": dict(os.environ if env is None else env),
            "has_terminal": preexec is take_terminal,
            "umask": _umask(),
        }
        ends = (pipes[0], pipes[3], pipes[5])
        files = {number: number if end < 0 else end for number, end in enumerate(ends)}
        files |= {number: number for number in pass_fds}
        job["cwd"] = os.fspath(cwd or os.getcwd())
        self.is_forked = True
        self.pid = self.fork(job, files)
        self._child_created = True
        self._close_pipe_fds(*pipes)  # type: ignore[attr-defined]


def _umask() -> int:
    """The umask of this process, which a child would inherit."""
    umask = os.umask(0o077)
    os.umask(umask)
    return umask


def _command(argv: Sequence[Any]) -> tuple[str, list[str]] | None:
    """The entry and the arguments of a command of ours."""
    words = [os.fsdecode(each) for each in argv]
    for entry, begin in ENTRIES.items():
        if words[: len(begin)] == begin:
            return entry, words[len(begin) :]
    return None


def _is_ordinary(env: Mapping[str, str] | None) -> bool:
    """Whether an environment changes nothing that Python or a library reads at its start."""
    env = os.environ if env is None else env
    changed = {name for name in env if env[name] != _INHERITED.get(name)}
    changed -= {API_KEY, UPSTREAM_KEY}  # read when a server starts
    if env.get("PYTHONPATH") == str(ROOT):
        changed -= {"PYTHONPATH"}
    return not any(name.startswith(("PYTHON", "LC_", "LANG", "TRM_")) for name in changed)
