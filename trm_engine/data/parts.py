"""Parts: arrays of many rows that several processes write, a range of the rows each.

The joined folder is byte for byte what one process would have written. The processes are
interpreters of their own, started as ``python -m trm_engine.data.parts``: they need no guard in the
caller's script and share nothing with its threads. One whose parent is gone ends.
"""

from __future__ import annotations

import os
import pickle
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

from trm_engine.data.cache import CHUNK, ArrayWriter, read_arrays

PROCESS = [sys.executable, "-P", "-m", "trm_engine.data.parts"]
ROWS_A_PROCESS = 3000
"""A process that is given fewer rows takes longer to start than to write them."""
MOST_PROCESSES = 32
ROWS_JOINED = 1 << 16

Done = Callable[[int], None]


class Job(Protocol):
    """Writes the arrays of some rows into a folder, and tells how many are done. Picklable."""

    def __call__(self, rows: range, folder: Path, done: Done) -> None: ...


def build_in_parts(
    job: Job,
    rows: int,
    borders: Mapping[str, str],
    folder: Path,
    progress: Callable[[float], None],
    processes: int | None = None,
) -> None:
    """Have the arrays of ``rows`` rows written to ``folder``, on all cores if there are many.

    ``borders`` names the arrays that hold row numbers of another array, and that array.
    ``progress`` is called with the share done; what it raises ends the processes.
    """
    count = processes or min(_cores(), MOST_PROCESSES, rows // ROWS_A_PROCESS)
    if count <= 1:
        job(range(rows), folder, lambda done: progress(done / rows))
        return
    edges = [rows * part // count for part in range(count + 1)]
    parts = [
        _Part(job, range(begin, end), folder / f"part-{begin}") for begin, end in pairwise(edges)
    ]
    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(part)
        _wait(parts, lambda done: progress(done / rows))
        for part in parts:
            part.finish()
    _join([part.folder for part in parts], borders, folder)


def _cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass
class _Part:
    """A range of the rows, and the process that writes it while the part is entered."""

    job: Job
    rows: range
    folder: Path
    done: int = 0

    def __enter__(self) -> _Part:
        self.folder.mkdir()
        self._process = subprocess.Popen(
            PROCESS, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        assert self._process.stdin
        assert self._process.stdout
        self.output = self._process.stdout
        with suppress(BrokenPipeError), self._process.stdin as pipe:  # `finish` sees that it ended
            pickle.dump((self.job, self.rows, self.folder), pipe)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self.output.close()

    def finish(self) -> None:
        """Wait for the process. If it has failed, do its work here, so that the error is seen."""
        if self._process.wait() == 0:
            return
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        self.job(self.rows, self.folder, lambda done: None)


def _wait(parts: list[_Part], done: Done) -> None:
    """Read what the processes say until all have ended; ``done`` is told the rows so far."""
    with selectors.DefaultSelector() as selector:
        for part in parts:
            selector.register(part.output, selectors.EVENT_READ, part)
        while selector.get_map():
            for key, _ in selector.select():
                said = os.read(key.fd, CHUNK)
                if said:
                    key.data.done = int.from_bytes(said[-8:], "little")
                else:
                    selector.unregister(key.fileobj)
            done(sum(part.done for part in parts))


def _join(folders: list[Path], borders: Mapping[str, str], target: Path) -> None:
    """Join the arrays of the parts, and remove the parts."""
    with ArrayWriter(target) as joined:
        for folder in folders:
            arrays = read_arrays(folder)
            shifts = {name: joined.rows(other) for name, other in borders.items()}
            for name, rows in arrays.items():
                for begin in range(0, len(rows), ROWS_JOINED):
                    joined.append(name, rows[begin : begin + ROWS_JOINED] + shifts.get(name, 0))
            shutil.rmtree(folder)


def main() -> None:
    """Write one part: the job comes on standard input, the rows done go to standard output."""
    job, rows, folder = pickle.load(sys.stdin.buffer)
    say = sys.stdout.buffer

    def done(count: int) -> None:
        say.write(count.to_bytes(8, "little"))
        say.flush()

    job(rows, folder, done)


if __name__ == "__main__":
    main()
