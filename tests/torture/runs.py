"""Runs that are disturbed, and the undisturbed ones that they must equal."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from tests.e2e.runs import assert_same, last_checkpoint, tiny_run
from tests.events import Record, read_events
from tests.forks import Fork, Forks
from tests.mutations import cut, flip, zero_block
from tests.torture.judge import (
    assert_printable,
    assert_same_learning,
    assert_same_story,
    assert_tidy,
)
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.errors import CheckpointError
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.summary import summarise

COMMON: dict[str, Any] = {
    "save_interval": 5,
    "eval_interval": 7,
    "keep_checkpoints": 2,
    "log_interval": 3,
    "max_steps": 24,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "averaged": COMMON,
    "per step": {
        **COMMON,
        "supervision": "per_step",
        "deep_share": 0.5,
        "gradient_accumulation_steps": 2,
        "dtype": "bfloat16",
        "value_exchange": 0.5,
        "word_dropout": 0.1,
        "capital_dropout": 0.2,
        "save_interval": 2,
        "eval_interval": 4,
        "max_steps": 9,
    },
}


@dataclass(frozen=True)
class Reference:
    """What a run is that nobody disturbed."""

    checkpoint: dict[str, Any]
    models: dict[str, Any]
    events: list[Record]
    seconds: float


class Undisturbed:
    """The reference of each variant, made when it is asked for."""

    def __init__(self, forks: Forks, place: Path) -> None:
        self._forks = forks
        self._place = place
        self._made: dict[str, Reference] = {}

    def __getitem__(self, variant: str) -> Reference:
        if variant not in self._made:
            place = self._place / variant
            place.mkdir()
            run = self.new(place, variant)
            began = time.monotonic()
            assert begin(self._forks, run).wait() == 0, run.log.read_text()
            seconds = time.monotonic() - began
            self._made[variant] = Reference(
                last_checkpoint(run), models_of(run), read_events(run.events), seconds
            )
        return self._made[variant]

    def new(self, place: Path, variant: str, own_cache: bool = False) -> RunFolder:
        """A run of this variant that nobody has begun; it shares the token cache of all."""
        run, config = tiny_run(place / "run", **VARIANTS[variant])
        if not own_cache:
            config.data.cache_dir = str(self._place / "cache")
            config.to_yaml(run.config)
        return run


def begin(forks: Forks, run: RunFolder, **job: Any) -> Fork:
    """A worker for a run: it goes on if something was saved."""
    saved = any((run.path / "checkpoints").glob("*.pt"))
    flags = ["--resume"] if saved else []
    return forks.command(
        "train", run.path, *flags, entry="worker", cwd=run.path.parent, log=run.log, **job
    )


def models_of(run: RunFolder) -> dict[str, Any]:
    """The weights alone that a run leaves at its end."""
    import torch

    return {path.name: torch.load(path, weights_only=True) for path in (run.model, run.model_ema)}


def assert_sound(run: RunFolder, but: Collection[Path] = ()) -> None:
    """What a kill leaves can be looked at, and every checkpoint is whole, ``but`` some."""
    for path in (run.path / "checkpoints").glob("*.pt"):
        if path not in but:
            load_checkpoint(path)
    summarise(run)
    read_events(run.events)


def assert_undisturbed(run: RunFolder, reference: Reference, story: bool = True) -> None:
    """The run is over, and it is the reference, bit for bit, its events too."""
    assert run.state() == "finished", run.log.read_text()
    assert_same_learning(last_checkpoint(run), reference.checkpoint)
    assert_same(models_of(run), reference.models)
    if story:
        assert_same_story(read_events(run.events), reference.events)
    assert_quiet(run)
    assert_tidy(run.path)


def assert_quiet(run: RunFolder) -> None:
    """The worker had no traceback to tell of."""
    log = run.log.read_bytes() if run.log.exists() else b""
    assert b"Traceback" not in log, log.decode(errors="replace")
    assert_printable(log)


def finish(forks: Forks, run: RunFolder) -> None:
    """Let the run go on to its end."""
    assert begin(forks, run).wait() == 0, run.log.read_text()


# Kills --------------------------------------------------------------------------------------------


def kill_at_random(forks: Forks, run: RunFolder, rng: Random, seconds: float) -> bool:
    """kill -9 a worker at any time. Returns whether it lived until then."""
    worker = begin(forks, run)
    until = time.monotonic() + rng.uniform(0, 0.7 * seconds)
    while time.monotonic() < until and worker.poll() is None:
        time.sleep(0.005)
    return killed(worker)


def kill_at_a_save(forks: Forks, run: RunFolder, rng: Random, seconds: float) -> bool:
    """kill -9 a worker while an unfinished file lies in its folders."""
    worker = begin(forks, run)
    left = rng.randint(1, 4)
    seen: set[str] = set()
    while worker.poll() is None:
        for folder in (run.path / "checkpoints", run.path):
            new = {path.name for path in folder.glob("*.new")} | {
                path.name for path in folder.glob(".*")
            }
            left -= len(new - seen)
            seen = new
            if left <= 0:
                return killed(worker)
    return killed(worker)


def kill_from_within(forks: Forks, run: RunFolder, rng: Random, seconds: float) -> bool:
    """A worker that dies at the n-th write, save, rename ..."""
    from tests.torture.crash import POINTS

    point = rng.choice(list(POINTS))
    most = 25 if "write" in point else 10
    count = round(most ** rng.random())
    aim = {"point": point, "count": count, "sleepy": rng.random() < 0.5}
    return killed(begin(forks, run, crash=aim), wait=True)


def killed(worker: Fork, wait: bool = False) -> bool:
    """Whether a worker died by kill -9, now or by itself."""
    status = worker.wait() if wait else worker.kill()
    assert status in (0, -9), f"the worker ended with {status}"
    return status == -9


KILLS: tuple[Callable[[Forks, RunFolder, Random, float], bool], ...] = (
    kill_at_random,
    kill_at_a_save,
    kill_from_within,
    kill_from_within,
)


# Damage between two starts ------------------------------------------------------------------------


def damage(run: RunFolder, rng: Random) -> list[Path]:
    """What a crash of the machine does beside: torn lines, and a newest checkpoint with a hole.

    Returns the checkpoints that are damaged now.
    """
    kind = rng.choice(("nothing", "nothing", "torn event", "torn command", "checkpoint"))
    if kind == "torn event":
        with open(run.events, "ab") as file:
            file.write(
                rng.choice((b'{"v":1,"seq":', b"\0" * 700, b'{"v":1,"seq":7,"t":1.0,"type"'))
            )
    elif kind == "torn command":
        with open(run.commands, "ab") as file:
            file.write(rng.choice((b'{"command":"st', b"\0" * 90, b"[" * 100_000)))
    elif kind == "checkpoint":
        saved = sorted((run.path / "checkpoints").glob("*.pt"), key=lambda p: p.stat().st_mtime)
        if len(saved) > 1:
            hurt(saved[-1], rng)
            return [saved[-1]]
    return []


def hurt(path: Path, rng: Random) -> None:
    """Damage a checkpoint so that it cannot be read any more."""
    good = path.read_bytes()
    while True:
        path.write_bytes(rng.choice((flip, cut, zero_block))(good, rng))
        try:
            load_checkpoint(path)
        except CheckpointError:
            return
