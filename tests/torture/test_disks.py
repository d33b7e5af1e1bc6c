"""Disks that fill at any moment and have room again: nothing is lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from tests.forks import SECONDS, Fork, Forks
from tests.torture import chance
from tests.torture.runs import Undisturbed, assert_quiet, assert_undisturbed, begin, finish
from trm_engine.runs.commands import send_command
from trm_engine.runs.folder import RunFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="needs prlimit or tmpfs")

Count = Callable[[str, int], None]
Change = Callable[[Fork], None]
DISK = 3 << 20


@pytest.mark.parametrize("case", chance.cases(0.03))
def test_a_limit_to_files(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path, record_property: Count
) -> None:
    rng = chance.rng_of("limit", case)

    def fill(worker: Fork) -> None:
        _limit(worker, rng.choice((10, 5_000, 20_000, 60_000)))

    run = undisturbed.new(tmp_path, "averaged", own_cache=rng.random() < 0.3)
    starve(forks, run, rng, fill, _limit, undisturbed["averaged"].seconds)
    record_property("full disks", 1)
    assert_undisturbed(run, undisturbed["averaged"])


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system that is soon full."""
    place = tmp_path / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", str(place)]
    mounted = (
        subprocess.run(["mount", *options], capture_output=True) if os.geteuid() == 0 else None
    )
    if not mounted or mounted.returncode:
        pytest.skip("nothing may be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("case", chance.cases(0.03))
def test_a_disk_that_fills(
    case: int, forks: Forks, undisturbed: Undisturbed, small_disk: Path, record_property: Count
) -> None:
    rng = chance.rng_of("disk", case)
    filler = small_disk / "filler"

    def fill(_: Fork) -> None:
        left = rng.choice((0, 0, 10, 5_000, 100_000))
        with suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        with suppress(OSError):
            os.truncate(filler, max(0, filler.stat().st_size - left))

    def free(_: Fork) -> None:
        filler.unlink(missing_ok=True)

    run = undisturbed.new(small_disk, "averaged", own_cache=rng.random() < 0.3)
    starve(forks, run, rng, fill, free, undisturbed["averaged"].seconds)
    record_property("full disks", 1)
    assert_undisturbed(run, undisturbed["averaged"])


def starve(
    forks: Forks, run: RunFolder, rng: Random, fill: Change, free: Change, seconds: float
) -> None:
    """Train to the end; now and then there is no room, and now and then a kill comes then."""
    for _ in range(rng.randint(1, 3)):
        worker = begin(forks, run)
        time.sleep(rng.uniform(0, seconds))
        fill(worker)
        time.sleep(rng.uniform(0, seconds / 2))
        is_killed = rng.random() < 0.25 and worker.poll() is None
        if is_killed:
            worker.kill()
        free(worker)
        status = let_go_on(run, worker)
        assert status in (0, -9 if is_killed else 2), run.log.read_text()
        assert_quiet(run)
        if run.state() == "finished":
            return
    finish(forks, run)


def let_go_on(run: RunFolder, worker: Fork) -> int:
    """Tell the worker that there is room until it has ended."""
    until = time.monotonic() + SECONDS
    while worker.poll() is None:
        send_command(run.commands, "resume")
        time.sleep(0.2)
        assert time.monotonic() < until, "the run does not go on, though there is room"
    return worker.wait()


def _limit(worker: Fork, size: int = resource.RLIM_INFINITY) -> None:
    """Let no file of the worker grow beyond ``size``."""
    with suppress(ProcessLookupError):
        resource.prlimit(worker.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
