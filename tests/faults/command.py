"""The real command line in a process of its own, and what it leaves behind."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.forking import TRM
from tests.support import ROOT

SECONDS = 120.0


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    status: int
    out: str
    err: str


def start(*arguments: object, cwd: Path, longest_file: int | None = None) -> subprocess.Popen[str]:
    """`trm-tui` with these arguments; its token cache is ``cache`` in the working folder.

    A file that would grow beyond ``longest_file`` bytes cannot be written, as on a full disk.
    """

    def limit() -> None:
        import resource

        size = resource.RLIM_INFINITY if longest_file is None else longest_file
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(cwd / "cache"),
        "OMP_NUM_THREADS": "1",
        "COLUMNS": "120",
    }
    return subprocess.Popen(
        [*TRM, *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit if longest_file is not None else None,
    )


def trm(*arguments: object, cwd: Path, longest_file: int | None = None) -> Ended:
    """Run a command to its end."""
    process = start(*arguments, cwd=cwd, longest_file=longest_file)
    out, err = process.communicate(timeout=SECONDS)
    return Ended(process.returncode, out, err)


def refused(*arguments: object, cwd: Path, longest_file: int | None = None) -> str:
    """What a command says that must end with status 2, without a traceback, and leave nothing.

    The token cache may gain what is whole.
    """
    before = files(cwd)
    ended = trm(*arguments, cwd=cwd, longest_file=longest_file)
    assert ended.status == 2, (ended.out, ended.err)
    assert "Traceback" not in ended.out + ended.err
    assert files(cwd) == before
    assert half_written(cwd) == []
    return ended.out + ended.err


def files(folder: Path) -> dict[str, bytes]:
    """Every file below a folder and what it holds; folders hold nothing, the cache is left out."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else b""
        for path in sorted(folder.rglob("*"))
        if "cache" not in path.relative_to(folder).parts
    }


def half_written(folder: Path) -> list[Path]:
    """Files and folders that were to be renamed when they are whole."""
    return [path for path in folder.rglob("*") if path.name[0] == "." or ".new" in path.name]
