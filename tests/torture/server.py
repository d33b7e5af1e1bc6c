"""The process that ``Forks`` talks to: it imports everything once, then forks for each task.

One question a line on standard input, one answer a line on standard output.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any

MODULES = (
    "torch._dynamo",  # torch imports it when the first optimizer is made
    "trm_engine.worker.__main__",
    "trm_engine.worker.infer",
    "trm_engine.worker.serve",
    "trm_engine.worker.train",
    "trm_tui.cli",
    "trm_tui.commands.inspect",
    "trm_tui.plain.viewer",
    "trm_tui.commands.train",
    "trm_tui.commands.watch",
    "tests.torture.crash",
    "tests.torture.batch",
)
FAILED = 1

Job = dict[str, Any]


def main() -> None:
    """Fork until standard input ends."""
    for name in MODULES:
        importlib.import_module(name)
    import torch

    torch.set_num_threads(1)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps(_answer(question)), flush=True)


def _answer(question: Job) -> Job:
    if "start" in question:
        pid = os.fork()
        if not pid:
            _live(question)
        return {"pid": pid}
    pid, status = os.waitpid(question["status_of"], os.WNOHANG)
    return {"status": os.waitstatus_to_exitcode(status) if pid else None}


def _live(question: Job) -> None:
    """All that a child does; it never returns."""
    status = FAILED
    try:
        _begin(question["cwd"], question["job"])
        status = TASKS[question["start"]](question["job"]) or 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(OSError):  # it may be on a disk that is full on purpose
                stream.flush()
        os._exit(status)


def _begin(cwd: str, job: Job) -> None:
    """Become a process as a shell starts one: session, folder, streams, environment, limits."""
    os.setsid()
    os.chdir(cwd)
    os.dup2(os.open(job.get("stdin") or os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND), number)
    os.closerange(3, 64)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr.reconfigure(line_buffering=True)
    os.environ.update(job.get("env", {}))
    if size := job.get("longest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    if more := job.get("memory"):
        limit = _address_space() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _address_space() -> int:
    """Bytes that this process has reserved, used or not."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


def _command(job: Job) -> int:
    """A command line, in the process of its own that this is."""
    from tests.torture import crash

    crash.arm(job.get("crash"))
    crash.bend_clock(job.get("clock"))
    argv = [os.fsdecode(bytes.fromhex(each)) for each in job["argv"]]
    sys.argv = [job["entry"], *argv]
    if job["entry"] == "worker":
        from trm_engine.worker.__main__ import main as worker

        return worker()
    from trm_tui.cli import main as trm

    trm()
    return 0


def _batch(job: Job) -> int:
    from tests.torture.batch import run

    return run(job)


TASKS: dict[str, Callable[[Job], int]] = {"command": _command, "batch": _batch}
