"""Two processes that train together, one of which dies, or the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import psutil
import pytest

from tests.e2e.runs import last_checkpoint, tiny_run
from tests.events import read_events
from tests.faults.workers import wait_for_later
from tests.support import wait_until
from tests.torture import chance
from tests.torture.runs import COMMON, Reference, assert_undisturbed, models_of
from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker

Count = Callable[[str, int], None]
CASES = chance.cases(0.015, least=0)
SECONDS = 240.0
SETTINGS = {**COMMON, "nproc_per_node": 2, "max_steps": 12}


@pytest.fixture(scope="session")
def together(tmp_path_factory: pytest.TempPathFactory) -> tuple[Reference, Path]:
    """A run of two processes that nobody disturbed, and its token cache."""
    place = tmp_path_factory.mktemp("together")
    run, config = tiny_run(place / "run", **SETTINGS)
    began = time.monotonic()
    end(begin(run, config))
    events = read_events(run.events)
    seconds = time.monotonic() - began
    reference = Reference(last_checkpoint(run), models_of(run), events, seconds)
    return reference, place / "cache"


@pytest.mark.parametrize("case", CASES)
def test_a_run_of_two(
    case: int,
    together: tuple[Reference, Path],
    tmp_path: Path,
    record_property: Count,
    survivors: Callable[[RunFolder], list[psutil.Process]],
) -> None:
    rng = chance.rng_of("groups", case)
    reference, cache = together
    run, config = tiny_run(tmp_path / "run", **SETTINGS)
    config.data.cache_dir = str(cache)
    config.to_yaml(run.config)
    worker = begin(run, config)
    wait_for_later(run, rng.choice(("state", "run_started", "steps", "checkpoint")), -1)
    time.sleep(rng.uniform(0, reference.seconds / 3))
    kill(worker, rng)
    with suppress(subprocess.TimeoutExpired):
        worker.wait(timeout=SECONDS)
    wait_until(lambda: not survivors(run), SECONDS)
    record_property("kills", 1)
    if run.state() != "finished":
        end(begin(run, config))
    assert_undisturbed(run, reference)


def kill(worker: subprocess.Popen[bytes], rng: Random) -> None:
    """kill -9 of the agent, of one process of training, or of all; or a word to the agent."""
    kind = rng.choice(("agent", "one", "one", "all", "told"))
    with suppress(psutil.NoSuchProcess, ProcessLookupError):
        if kind == "agent":
            worker.kill()
        elif kind == "one":
            children = psutil.Process(worker.pid).children(recursive=True)
            if children:
                rng.choice(children).kill()
        elif kind == "all":
            os.killpg(worker.pid, signal.SIGKILL)
        else:
            worker.send_signal(rng.choice((signal.SIGTERM, signal.SIGINT)))


def begin(run: RunFolder, config: Config) -> subprocess.Popen[bytes]:
    saved = any((run.path / "checkpoints").glob("*.pt"))
    return start_worker(run, resume=saved, tied=False)


def end(worker: subprocess.Popen[bytes]) -> None:
    assert worker.wait(timeout=SECONDS) == 0


@pytest.fixture
def survivors() -> Iterator[Callable[[RunFolder], list[psutil.Process]]]:
    """The processes that work for a run; none is left when the test is over."""
    found: list[psutil.Process] = []

    def look(run: RunFolder) -> list[psutil.Process]:
        found[:] = [each for each in psutil.process_iter() if str(run.path) in _words(each)]
        return found

    yield look
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _words(process: psutil.Process) -> Any:
    try:
        return [] if process.status() == psutil.STATUS_ZOMBIE else process.cmdline()
    except psutil.Error:
        return []
