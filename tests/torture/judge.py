"""What must hold after each case: of what was printed, of events, of weights, of a folder."""

from __future__ import annotations

import re
import signal
from pathlib import Path
from typing import Any

from tests.e2e.runs import LEARNT, assert_same, learning_columns
from tests.events import Record, last_kept
from tests.faults.command import half_written

UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]"
)
"""What a terminal obeys, or what hides text; tabs and line breaks are ours."""

NATIVE_DEATHS = (signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGFPE, signal.SIGILL)


def assert_well_ended(
    status: int, out: bytes, err: bytes, allowed: tuple[int, ...] = (0, 2)
) -> None:
    """The right exit status, and nothing printed that is not to be printed."""
    said = f"status {status}\n{out!r:.2000}\n{err!r:.4000}"
    assert b"Traceback" not in out + err, f"a traceback: {said}"
    assert status in allowed, f"not one of {allowed}: {said}"
    assert_printable(out)
    assert_printable(err)
    if status == 2:
        assert (out + err).strip(), f"nothing says why: {said}"


def assert_printable(printed: bytes) -> None:
    """Nothing that a terminal obeys, and text in UTF-8."""
    try:
        text = printed.decode("utf-8")
    except UnicodeDecodeError as error:
        raise AssertionError(f"not UTF-8 at {error.start}: {printed!r:.500}") from None
    found = UNSAFE.search(text)
    assert not found, f"raw {found[0]!r} is printed: {text[max(0, found.start() - 100) :]!r:.300}"


def assert_same_learning(saved: dict[str, Any], expected: dict[str, Any]) -> None:
    """Two checkpoints hold the same model and go on alike, bit for bit."""
    for key in LEARNT:
        assert_same(saved[key], expected[key], key)


def assert_same_story(events: list[Record], expected: list[Record]) -> None:
    """Two runs tell of the same updates and evaluations, times and memory aside."""
    numbers = [event["seq"] for event in events]
    assert numbers == list(range(len(events))), f"seq: {_first_gap(numbers)}"
    columns, wanted = learning_columns(events), learning_columns(expected)
    assert columns.keys() == wanted.keys()
    for name in wanted:
        assert columns[name] == wanted[name], (
            f"column {name}: {_difference(columns[name], wanted[name])}"
        )
    told, wanted_told = evaluations(events), evaluations(expected)
    steps, wanted_steps = [step for step, _ in told], [step for step, _ in wanted_told]
    assert steps == wanted_steps, f"evaluations at {steps}, not at {wanted_steps}"
    for (step, metrics), (_, other) in zip(told, wanted_told, strict=True):
        assert_same(metrics, other, f"evaluation at {step}")


def evaluations(events: list[Record]) -> list[tuple[int, Any]]:
    """The evaluations that count: what a later start did again is left out."""
    found: list[tuple[int, Any]] = []
    for event in events:
        if event["type"] == "run_started":
            found = [each for each in found if each[0] <= last_kept(event)]
        elif event["type"] == "eval":
            found.append((event["step"], {"best": event["best"], **event["metrics"]}))
    return found


def assert_tidy(folder: Path) -> None:
    """Nothing unfinished is left."""
    left = half_written(folder)
    assert left == [], f"left behind: {left}"


def _first_gap(numbers: list[int]) -> str:
    place = next(n for n, number in enumerate(numbers) if number != n)
    return f"{numbers[place]} stands where {place} should"


def _difference(values: list[Any], wanted: list[Any]) -> str:
    if len(values) != len(wanted):
        return f"{len(values)} updates, not {len(wanted)}"
    place = next(
        n for n, (one, other) in enumerate(zip(values, wanted, strict=True)) if one != other
    )
    return f"update {place + 1} has {values[place]}, not {wanted[place]}"
