"""The process that ``Forks`` talks to: it imports everything once, then forks for each task.

One question a line on a socket, with open files for the process to start; one answer a line.
"""

from __future__ import annotations

import atexit
import fcntl
import gc
import importlib
import json
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

from tests.forking import ENDLESS, Forking, Job, take_terminal

MODULES = (
    "numpy.ma",
    "numpy.typing",
    "plotext",
    "pydantic.dataclasses",
    "rich._unicode_data.unicode17-0-0",
    "safetensors.numpy",
    "tokenizers",
    "torch._dynamo",  # torch imports it when the first optimizer is made
    "torch.profiler._cupti_monitor",
    "torch.utils.serialization.config",
    "typer._adapters",
    "trm_engine.worker.__main__",
    "trm_engine.worker.evaluate",
    "trm_engine.worker.infer",
    "trm_engine.worker.serve",
    "trm_engine.worker.start",
    "trm_engine.worker.train",
    "trm_tui.cli",
    "trm_tui.commands.evaluate",
    "trm_tui.commands.inspect",
    "trm_tui.commands.playground",
    "trm_tui.commands.predict",
    "trm_tui.commands.train",
    "trm_tui.commands.watch",
    "trm_tui.plain.inspect_tables",
    "trm_tui.plain.viewer",
    "trm_tui.screens.inspect",
    "trm_tui.screens.playground",
    "trm_tui.screens.runs",
    "trm_tui.screens.server",
    "trm_tui.screens.train",
    "trm_tui.sessions.run",
    "tests.torture.crash",
    "tests.torture.batch",
)
FAILED = 1
ABOVE = 512
"""Numbers of open files that no process of these has at its start."""


def main() -> None:
    """Fork until whoever asks is gone."""
    for name in MODULES:
        importlib.import_module(name)
    import torch

    from trm_engine.data.tokenizer import _case_folding

    torch.set_num_threads(1)
    _case_folding()  # kept
    _slow_endless_training()
    gc.set_threshold(20_000, 10, 10)  # as in the tests' own processes
    gc.freeze()
    with socket.socket(fileno=int(sys.argv[1])) as link:
        while message := _next(link):
            question, files = message
            link.sendall(json.dumps(_answer(question, files)).encode() + b"\n")
            for file in files:
                os.close(file)


def _slow_endless_training() -> None:
    """Training that a test ends leaves most of the processor to the tests."""
    from trm_engine.training.update import Updater

    update: Callable[..., object] = Updater.__call__

    def wait_and_update(self: Updater, *arguments: object) -> object:
        if self._config.training.max_steps == ENDLESS:
            time.sleep(0.1)
        return update(self, *arguments)

    Updater.__call__ = wait_and_update  # type: ignore[assignment]


def _next(link: socket.socket) -> tuple[Job, list[int]] | None:
    """A question, and the open files that come with it."""
    text, files = b"", []
    while not text.endswith(b"\n"):
        part, more, _, _ = socket.recv_fds(link, 1 << 16, 16)
        if not part:
            return None
        text, files = text + part, files + more
    return json.loads(text), files


def _answer(question: Job, files: list[int]) -> Job:
    if "start" in question:
        job, numbers = question["start"], question["numbers"]
        return {"pid": fork(job, dict(zip(numbers, files, strict=True)))}
    pid, status = os.waitpid(question["status_of"], os.WNOHANG)
    return {"status": os.waitstatus_to_exitcode(status) if pid else None}


class Popen(Forking):
    """For what is forked, and starts workers in its turn."""

    def fork(self, job: Job, files: Mapping[int, int]) -> int:
        return fork({"task": "command", **job}, files)


def fork(job: Job, files: Mapping[int, int]) -> int:
    """Start the process of a job. ``files`` has our open files by its numbers."""
    pid = os.fork()
    if not pid:
        _live(job, files)
    return pid


def _live(job: Job, files: Mapping[int, int]) -> None:
    """All that a child does; it never returns."""
    status = FAILED
    try:
        _begin(job, files)
        status = TASKS[job["task"]](job) or 0
    except SystemExit as error:
        status = error.code if isinstance(error.code, int) else int(error.code is not None)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        with suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
            atexit._run_exitfuncs()
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(OSError, ValueError):  # it may be on a disk that is full on purpose
                stream.flush()
        os._exit(status)


def _begin(job: Job, files: Mapping[int, int]) -> None:
    """Become a process as a shell starts one: session, folder, streams, environment, limits."""
    os.setsid()
    atexit._clear()
    _forget_signals()
    os.chdir(job["cwd"])
    if "umask" in job:
        os.umask(job["umask"])
    _open(job, files)
    if job.get("has_terminal"):
        take_terminal()
    if "environment" in job:
        os.environ.clear()
    os.environ.update(job.get("environment", {}), **job.get("env", {}))
    if size := job.get("longest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    if more := job.get("memory"):
        limit = _address_space() + more
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    subprocess.Popen = Popen  # type: ignore[misc]


def _forget_signals() -> None:
    """Handle signals as a new process does."""
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _open(job: Job, files: Mapping[int, int]) -> None:
    """Have the given files and no others."""
    given = {number: fcntl.fcntl(file, fcntl.F_DUPFD, ABOVE) for number, file in files.items()}
    if not given:
        given[0] = os.open(job.get("stdin") or os.devnull, os.O_RDONLY)
        for number, name in ((1, "out"), (2, "err")):
            given[number] = os.open(job[name], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for number, file in given.items():
        os.dup2(file, number, inheritable=True)
    for number in range(3, ABOVE):
        if number not in files:
            with suppress(OSError):
                os.close(number)
    os.closerange(ABOVE, 2 * ABOVE)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.stderr.reconfigure(line_buffering=True)
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr


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
    if job["entry"] == "code":
        code, *sys.argv[1:] = argv
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})
        return 0
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
