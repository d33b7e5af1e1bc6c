"""What training workers tell that were started to be maltreated."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from typing import Any

from tests import forking
from tests.e2e.runs import wait_for_event
from tests.events import Record
from trm_engine.runs.folder import RunFolder

Worker = subprocess.Popen[bytes]
Begin = Callable[..., Worker]
ENDLESS = {"max_steps": forking.ENDLESS, "num_epochs": 100_000, "eval_interval": 100_000}


def wait_for_state(run: RunFolder, state: str, after: int = -1) -> Record:
    """The first event of that state after another one."""
    return wait_for_later(run, "state", after, state=state)


def wait_for_later(run: RunFolder, kind: str, after: int, **content: Any) -> Record:
    """The first event of that kind and content after another one."""
    return wait_for_event(run, kind, content, after)
