"""Fixtures of the tests that maltreat training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.runs import kill_group
from tests.faults.workers import Begin, Worker
from trm_engine.runs.launch import start_worker


@pytest.fixture
def begin() -> Iterator[Begin]:
    """``start_worker``; workers that still live when the test is over are killed."""
    workers: list[Worker] = []

    def start(*arguments: Any, **options: Any) -> Worker:
        workers.append(start_worker(*arguments, **options))
        return workers[-1]

    yield start
    for worker in workers:
        if worker.poll() is None:
            kill_group(worker)
        if worker.stdin:
            worker.stdin.close()
