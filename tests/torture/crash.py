"""Deaths at aimed moments, and clocks that jump: what a forked process does to itself."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, NoReturn

import torch


def die() -> NoReturn:
    """kill -9 of the own process, and of what it started."""
    os.killpg(os.getpid(), signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("outlived a kill -9")


def arm(aim: dict[str, Any] | None) -> None:
    """Die at the ``count``-th call (from 1) of one of ``POINTS``; ``sleepy`` threads wait longer,
    so that what they were to write is not written yet."""
    if aim:
        POINTS[aim["point"]](_Countdown(aim["count"]), Random(aim["count"]))
        if aim["sleepy"]:
            real = time.sleep
            time.sleep = lambda seconds: real(20 * seconds)


class _Countdown:
    """True at the n-th call, and never again."""

    def __init__(self, count: int) -> None:
        self._left = count

    def __call__(self) -> bool:
        self._left -= 1
        return self._left == 0


def _before(name: str) -> Callable[[_Countdown, Random], None]:
    """Die before the n-th call of a function of ``os``."""

    def set_up(is_due: _Countdown, _: Random) -> None:
        real = getattr(os, name)

        def replacement(*arguments: Any, **options: Any) -> Any:
            if is_due():
                die()
            return real(*arguments, **options)

        setattr(os, name, replacement)

    return set_up


def _after(name: str) -> Callable[[_Countdown, Random], None]:
    """Die right after the n-th call of a function of ``os``."""

    def set_up(is_due: _Countdown, _: Random) -> None:
        real = getattr(os, name)

        def replacement(*arguments: Any, **options: Any) -> Any:
            result = real(*arguments, **options)
            if is_due():
                die()
            return result

        setattr(os, name, replacement)

    return set_up


def _within_write(is_due: _Countdown, rng: Random) -> None:
    """Die when a part of the n-th write is written: events, commands."""
    real = os.write

    def write(descriptor: int, data: Any) -> int:
        if is_due():
            real(descriptor, bytes(data)[: rng.randint(0, len(data))])
            die()
        return real(descriptor, data)

    os.write = write  # type: ignore[assignment]


def _within_save(is_due: _Countdown, rng: Random) -> None:
    """Die when a part of the n-th checkpoint is written."""
    real = torch.save

    def save(state: Any, file: Any, *arguments: Any, **options: Any) -> None:
        if is_due():
            file = _Dying(file, rng.randrange(1, 60_000))
        real(state, file, *arguments, **options)

    torch.save = save  # type: ignore[assignment]


class _Dying:
    """A file whose writer dies after so many bytes."""

    def __init__(self, file: Any, left: int) -> None:
        self._file = file if hasattr(file, "write") else open(file, "wb")  # noqa: SIM115
        self._left = left

    def write(self, data: Any) -> int:
        data = bytes(data)
        self._file.write(data[: self._left])
        self._left -= len(data)
        if self._left <= 0:
            self._file.flush()
            die()
        return len(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _before_rename(is_due: _Countdown, _: Random) -> None:
    """Die before the n-th folder of the cache gets its name."""
    real = Path.rename

    def rename(path: Path, target: Any) -> Any:
        if is_due():
            die()
        return real(path, target)

    Path.rename = rename  # type: ignore[method-assign]


POINTS: dict[str, Callable[[_Countdown, Random], None]] = {
    "within a save": _within_save,
    "before fsync": _before("fsync"),
    "after fsync": _after("fsync"),
    "before replace": _before("replace"),
    "after replace": _after("replace"),
    "before unlink": _before("unlink"),
    "within a write": _within_write,
    "after a write": _after("write"),
    "before rename": _before_rename,
}


def bend_clock(jumps: dict[str, Any] | None) -> None:
    """Make ``time.time`` jump: after every ``every``-th call by up to ``hours``, either way."""
    if not jumps:
        return
    rng, real = Random(jumps["seed"]), time.time
    offset, calls = 0.0, 0

    def bent() -> float:
        nonlocal offset, calls
        calls += 1
        if calls % jumps["every"] == 0:
            offset = rng.uniform(-1, 1) * jumps["hours"] * 3600
        return real() + offset

    time.time = bent
