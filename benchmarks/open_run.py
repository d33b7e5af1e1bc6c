"""Seconds until a finished run of a million updates is on the screen, against reading its JSON."""

from __future__ import annotations

import json
import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.fake_run import write_finished
from benchmarks.viewer import cpu_seconds, last_paint, watch
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.stored_columns import path_of, write_stored

UPDATES = 1_000_000
TOGETHER = 10
EVALUATE_EVERY = 1000
ROUNDS = 3
BUDGET = 1.0
LAST_STEP = f"{UPDATES:,}/{UPDATES:,}"
BRAILLE = re.compile("[\u2801-\u28ff]{3}")


def measure() -> Iterator[str]:
    """Rows for a run whose worker was killed, and for one with what a worker stores at its end."""
    with tempfile.TemporaryDirectory() as place:
        run = RunFolder(Path(place) / "million")
        write_finished(run, UPDATES, TOGETHER, EVALUATE_EVERY)
        size = run.events.stat().st_size / 1e6
        row = _row(run, Path(place))
        yield f"{UPDATES:,} updates, {size:.0f} MB, without events.columns: {row}"
        began = time.perf_counter()
        write_stored(run.events)
        seconds, size = time.perf_counter() - began, path_of(run.events).stat().st_size / 1e6
        row = _row(run, Path(place))
        yield f"with it (budget {BUDGET:g} s): {row}; {size:.0f} MB, written in {seconds:.1f} s"


def _row(run: RunFolder, settings: Path) -> str:
    rounds = [(*_open(run, settings), _read(run)) for _ in range(ROUNDS)]
    opened, cpu, read = zip(*rounds, strict=True)
    return (
        f"full chart after {min(opened):.2f} s at best, {max(opened):.2f} s at worst of {ROUNDS}, "
        f"{min(cpu):.2f} s of CPU; json.loads of its lines {min(read):.2f} s: "
        f"{min(opened) / min(read):.2f} x"
    )


def _open(run: RunFolder, settings: Path) -> tuple[float, float]:
    """Seconds from the command to the last change of the picture, and of CPU until then."""
    with watch(run, settings) as terminal:
        terminal.wait_for(LAST_STEP)
        seconds = last_paint(terminal)
        terminal.wait_for(BRAILLE, timeout=0)
        return seconds, cpu_seconds(terminal)


def _read(run: RunFolder) -> float:
    began = time.perf_counter()
    with open(run.events, "rb") as file:
        for line in file:
            json.loads(line)
    return time.perf_counter() - began
