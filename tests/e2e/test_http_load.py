"""A server under load: nothing that was accepted is lost, nothing grows, nothing is printed."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from collections.abc import Iterator
from functools import partial
from importlib import import_module
from pathlib import Path

import psutil
import pytest

from tests.e2e.asked import ASKED, SECRET, malformed
from tests.e2e.load import PATHS, asked_by, repeated, request_of
from tests.e2e.servers import SECONDS, Served, served, together, worker_of
from tests.forking import TRM
from tests.inspected import finished_run
from tests.support import TOOLS, dialogues, wait_until
from trm_engine.data.dataset import TRMToolCallingDataset

openai = partial(import_module, "openai")  # slow to import

CLIENTS = 64
MANY = int(os.environ.get("REQUESTS", "20000"))
BODIES, RELOADS, KILLS = 10_000, 20, 3
WARM_UP = 2_000
MOST_GROWTH = 16 << 20
"""Bytes: 0.8 KiB for each of 20,000 requests, far less than one of them has."""


@pytest.fixture(scope="module")
def folder(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset).path


@pytest.fixture
def server(folder: Path) -> Iterator[Served]:
    with served(folder) as server:
        yield server


def conversations() -> list[bytes]:
    """Requests for calls, all of them valid."""
    return [
        request_of(PATHS[0], json.dumps({"messages": each["history"], "tools": TOOLS}).encode())
        for each in dialogues(10)
    ]


def memory_of(server: Served) -> int:
    return psutil.Process(server.process.pid).memory_info().rss


def report(said: str, **figures: float) -> None:
    """Print figures for those who ask for them (`make load`)."""
    print(f"\n{said}: " + ", ".join(f"{name} {value:,.4g}" for name, value in figures.items()))


@pytest.mark.slow
def test_many_clients(server: Served) -> None:
    asked = conversations()
    asked_by(CLIENTS, server.url, repeated(asked, WARM_UP))
    before, began = memory_of(server), time.perf_counter()
    statuses = asked_by(CLIENTS, server.url, repeated(asked, MANY))
    seconds, growth = time.perf_counter() - began, memory_of(server) - before
    report(
        f"{MANY:,} requests of {CLIENTS} clients",
        failed=MANY - statuses[200],
        per_second=MANY / seconds,
        memory_mb=before / 1e6,
        growth_mb=growth / 1e6,
    )
    assert statuses == {200: MANY}
    assert growth < MOST_GROWTH


@pytest.mark.slow
def test_malformed_bodies_leave_nothing_behind(server: Served) -> None:
    dice = random.Random(18)

    def bodies(count: int) -> Iterator[bytes]:
        return (request_of(PATHS[each % len(PATHS)], malformed(dice)) for each in range(count))

    asked_by(8, server.url, bodies(WARM_UP))
    before = memory_of(server)
    statuses = asked_by(8, server.url, bodies(BODIES))
    growth = memory_of(server) - before
    report(f"{BODIES:,} malformed bodies", refused=BODIES - statuses[200], growth_mb=growth / 1e6)
    assert set(statuses) <= {200, 400, 422}
    assert statuses.total() == BODIES
    assert statuses[400] > BODIES / 4
    assert growth < MOST_GROWTH
    assert asked_by(1, server.url, conversations()) == {200: len(conversations())}
    printed = "".join(server.lines)
    assert "Traceback" not in printed
    assert SECRET not in printed


@pytest.mark.slow
def test_reloads_under_load(folder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(folder, run)
    best = run / "checkpoints" / "best.pt"
    done = threading.Event()
    asked = conversations()

    def until_done() -> Iterator[bytes]:
        while not done.is_set():
            yield from asked

    def change() -> None:
        try:
            for number in range(1, RELOADS + 1):
                shutil.copy(best, tmp_path / "next.pt")
                (tmp_path / "next.pt").replace(best)
                wait_until(lambda: reloads() >= number, SECONDS)  # noqa: B023
        finally:
            done.set()

    def reloads() -> int:
        return sum(line.startswith("reloaded") for line in server.lines)

    with served(run) as server:
        statuses, _ = together(lambda: asked_by(CLIENTS, server.url, until_done()), change)
        report(
            f"{RELOADS} reloads", requests=statuses.total(), failed=statuses.total() - statuses[200]
        )
        assert set(statuses) == {200}
        assert server.stop() == 0


@pytest.mark.parametrize(
    ("kills", "clients"), [(1, 4), pytest.param(KILLS, 16, marks=pytest.mark.slow)]
)
def test_clients_that_try_again_lose_nothing_when_the_server_is_killed(
    folder: Path, kills: int, clients: int
) -> None:
    """The address stays open, so that a client's second try waits for the new process."""
    done = threading.Event()
    answers: list[int] = []

    def ask() -> None:
        with openai().OpenAI(base_url=f"{server.url}/v1", api_key="none") as client:
            while not done.is_set():
                answer = client.chat.completions.create(model="m", messages=ASKED)
                answers.append(len(answer.choices))

    def kill() -> None:
        try:
            for number in range(1, kills + 1):
                enough = len(answers) + clients
                wait_until(lambda: len(answers) >= enough, SECONDS)  # noqa: B023
                worker_of(server).kill()
                wait_until(lambda: starts() > number, SECONDS)  # noqa: B023
            enough = len(answers) + clients
            wait_until(lambda: len(answers) >= enough, SECONDS)
        finally:
            done.set()

    def starts() -> int:
        return sum("listening on" in line for line in server.lines)

    def client() -> bool:
        ask()
        return True

    with served(folder, command=[*TRM, "serve"]) as server:
        finished = together(kill, *[client] * clients)[1:]
        report(f"{kills} kills", answered=len(answers), clients_failed=finished.count(None))
        assert finished == [True] * clients
        assert sum("killed by SIGKILL" in line for line in server.lines) == kills
        assert server.stop() == 0


def test_a_server_that_always_dies_is_given_up(folder: Path) -> None:
    with served(folder, command=[*TRM, "serve"]) as server:

        def starts() -> int:
            return sum("listening on" in line for line in server.lines)

        for number in range(1, 7):
            wait_until(lambda: starts() == number, SECONDS)  # noqa: B023
            worker_of(server).kill()
        assert server.process.wait(SECONDS) == 128 + 9
