"""What training workers tell that were started to be maltreated."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from tests.e2e.runs import SECONDS
from tests.events import Record, read_events
from tests.support import wait_until
from trm_engine.runs.folder import RunFolder

Worker = subprocess.Popen[bytes]
Begin = Callable[..., Worker]
ENDLESS = {"max_steps": 100_000, "num_epochs": 100_000, "eval_interval": 100_000}


def wait_for_state(run: RunFolder, state: str, after: int = -1) -> Record:
    """The first event of that state after another one."""
    return wait_for_later(run, "state", after, state=state)


def wait_for_later(run: RunFolder, kind: str, after: int, **content: Any) -> Record:
    """The first event of that kind and content after another one."""
    found: list[Record] = []

    def is_there() -> bool:
        found[:] = [
            event
            for event in read_events(run.events)
            if event["type"] == kind and event["seq"] > after and content.items() <= event.items()
        ]
        return bool(found)

    wait_until(is_there, SECONDS)
    return found[0]
