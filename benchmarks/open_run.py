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

UPDATES = 1_000_000
TOGETHER = 10
EVALUATE_EVERY = 1000
ROUNDS = 3
BUDGET = 2.0
LAST_STEP = f"{UPDATES:,}/{UPDATES:,}"
BRAILLE = re.compile("[\u2801-\u28ff]{3}")


def measure() -> Iterator[str]:
    """One row."""
    with tempfile.TemporaryDirectory() as place:
        run = RunFolder(Path(place) / "million")
        write_finished(run, UPDATES, TOGETHER, EVALUATE_EVERY)
        opened, cpu, read = [], [], []
        for _ in range(ROUNDS):
            seconds, cpu_taken = _open(run, Path(place))
            opened.append(seconds)
            cpu.append(cpu_taken)
            read.append(_read(run))
        size = run.events.stat().st_size / 1e6
    yield (
        f"{UPDATES:,} updates, {size:.0f} MB: full chart after {min(opened):.2f} s at best, "
        f"{max(opened):.2f} s at worst of {ROUNDS} (budget {BUDGET:g} s), {min(cpu):.2f} s of CPU; "
        f"json.loads of its lines {min(read):.2f} s: {min(opened) / min(read):.2f} x"
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
