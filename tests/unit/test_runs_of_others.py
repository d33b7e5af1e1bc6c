"""Runs of another user of the machine: what cannot be looked into is passed over or unknown."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from trm_engine.config import Config
from trm_engine.files.jsonl import append, to_line
from trm_engine.runs.folder import RunFolder, claim, list_runs
from trm_engine.runs.summary import summarise

NOBODY = 65534


@contextmanager
def another_user() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def make(path: Path, mode: int) -> RunFolder:
    run = RunFolder(path)
    run.create()
    Config().to_yaml(run.config)
    append(run.events, to_line({"seq": 0, "t": 1.0, "type": "state", "state": "running"}))
    claim(run).close()
    for file in path.iterdir():
        file.chmod(0o644)
    path.chmod(mode)
    return run


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_an_unreadable_run_is_passed_over_and_a_live_one_of_others_is_not_lost() -> None:
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        live, dead = (make(Path(place) / name, 0o755) for name in ("live", "dead"))
        private = make(Path(place) / "private", 0o700)
        lock = claim(live)
        live.config.with_name("worker.lock").chmod(0o644)
        with another_user():
            states = {run.path.name: summarise(run).state for run in list_runs(place)}
            assert states == {"live": "running", "dead": "lost"}
            assert private.is_live()  # it cannot be known: it is not said to be lost
        lock.close()
        assert dead.state() == "lost"
