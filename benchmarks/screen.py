"""Key to paint, CPU and drops of the screen while 1,000 updates a second come; its first paint."""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.fake_run import write_finished
from benchmarks.viewer import COLUMNS, ROWS, cpu_seconds, watch
from tests.e2e.terminal import Terminal
from trm_engine.runs.folder import RunFolder

RATE = 1000
SECONDS = 30.0
SETTLING_SECONDS = 3.0
ALONE_SECONDS = 6.0
"""How long its CPU is measured before keys are pressed."""
EVALUATE_EVERY = 2500
KEY_SECONDS = 0.25, 0.4
"""From key to key, at random: no rhythm that the screen could fall in with."""
ROUNDS = 5
BUDGETS = "budgets: p95 30 ms, max 100 ms, 10 % of a core, nothing dropped"
FIRST_PAINT_BUDGET = 0.5
ONE_TEXT = """
from textual.app import App
from textual.widgets import Static
class OneText(App):
    def compose(self):
        yield Static("hello")
OneText().run()
"""

KEYS = (
    ("+", "following, zoomed"),
    ("0", "following ·"),
    ("y", "· log"),
    ("y", ""),
    ("]", "~0\\.97"),
    ("[", "~0\\.9 "),
    ("x", "· time"),
    ("left", r"time \d"),
    ("escape", ""),
    ("x", "· epoch"),
    ("x", "· step"),
    ("space", "frozen"),
    ("space", "following"),
    ("0", ""),
)
"""Keys, and what their effect alone makes appear; "" is the way back of one, not measured."""


def measure() -> Iterator[str]:
    """Rows for keys, load and first paint."""
    with tempfile.TemporaryDirectory() as place:
        run = RunFolder(Path(place) / "live")
        with _producer(run) as producer, watch(run, Path(place)) as terminal:
            load = _under_load(producer, terminal)
        yield from load.rows()
        yield _first_paint(Path(place))


@dataclass
class Load:
    """What was seen while events came.

    ``keys``: milliseconds from key to paint, by key; ``unanswered``: keys without effect;
    ``alone`` and ``cpu``: share of a core, without keys and with them; ``rows_shown``: updates that
    the screen knows of in the end.
    """

    keys: dict[str, list[float]]
    unanswered: list[str]
    alone: float
    cpu: float
    bytes_per_s: float
    rows_shown: int

    def rows(self) -> Iterator[str]:
        """As a person reads it."""
        total = round(RATE * SECONDS)
        times = [each for times in self.keys.values() for each in times]
        p50, p95 = np.percentile(times, [50, 95])
        yield (
            f"{RATE:,} updates a second, 6 charts at {COLUMNS} × {ROWS}, {len(times)} keys: "
            f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {max(times):.0f} ms"
        )
        yield (
            f"{self.alone:.1%} of a core without keys, {self.cpu:.1%} with them, "
            f"{self.bytes_per_s / 1000:.0f} kB/s, "
            f"{total - self.rows_shown} of {total:,} updates dropped"
        )
        yield BUDGETS
        slowest = (f"{key} {max(times):.0f}" for key, times in self.keys.items())
        yield f"the slowest of each key, ms: {', '.join(slowest)}"
        if self.unanswered:
            yield f"without effect: {' '.join(self.unanswered)}"


@contextmanager
def _producer(run: RunFolder) -> Iterator[subprocess.Popen[str]]:
    """A process that is the worker of a live run."""
    command = [sys.executable, "-m", "benchmarks.fake_run", run.path, RATE, SECONDS, EVALUATE_EVERY]
    with subprocess.Popen(
        list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as producer:
        try:
            _hear(producer, "ready")
            yield producer
        finally:
            producer.kill()


def _under_load(producer: subprocess.Popen[str], terminal: Terminal) -> Load:
    _focus_a_chart(terminal)
    assert producer.stdin
    producer.stdin.write("go\n")
    producer.stdin.flush()
    time.sleep(SETTLING_SECONDS)
    began, cpu = time.perf_counter(), cpu_seconds(terminal)
    time.sleep(ALONE_SECONDS)
    alone = (cpu_seconds(terminal) - cpu) / (time.perf_counter() - began)
    began, cpu, written = time.perf_counter(), cpu_seconds(terminal), len(terminal.raw)
    keys: dict[str, list[float]] = {}
    unanswered: list[str] = []
    while time.perf_counter() - began < SECONDS - ALONE_SECONDS - 3 * SETTLING_SECONDS:
        for key, effect in KEYS:
            _press(terminal, key, effect, keys, unanswered)
    seconds = time.perf_counter() - began
    cpu, written = cpu_seconds(terminal) - cpu, len(terminal.raw) - written
    _hear(producer, "done")
    shown = _rows_shown(terminal)
    return Load(keys, unanswered, alone, cpu / seconds, written / seconds, shown)


def _focus_a_chart(terminal: Terminal) -> None:
    terminal.wait_for("1 Live")
    terminal.press("2")
    terminal.wait_for("Memory")
    for _ in range(3):  # past the tabs, if they have the focus
        terminal.press("y")
        if terminal.wait_until(lambda: terminal.shows("· log"), 1):
            terminal.press("y")
            return
        terminal.press("tab")
    raise AssertionError(f"no chart has the focus\n{terminal.picture()}")


def _press(
    terminal: Terminal, key: str, effect: str, keys: dict[str, list[float]], unanswered: list[str]
) -> None:
    before = len(terminal.chunks)
    pressed = terminal.press(key)
    if effect:
        painted = terminal.wait_for_bytes(re.compile(effect.encode()), before)
        if painted is None:
            unanswered.append(key)
        else:
            keys.setdefault(key, []).append(1000 * (painted - pressed))
    time.sleep(max(0.0, pressed + random.uniform(*KEY_SECONDS) - time.perf_counter()))


def _rows_shown(terminal: Terminal) -> int:
    """The rows that an export of a chart writes, once the last step is shown."""
    total = round(RATE * SECONDS)
    terminal.wait_for(f"step {total:,}/{total:,}")
    terminal.press("w")
    terminal.wait_for("enter writes")
    terminal.press("enter")
    screen = terminal.wait_for(re.compile(r"[\d,]+ rows"))
    found = re.search(r"([\d,]+) rows", screen)
    return int(found[1].replace(",", "")) if found else 0


def _hear(producer: subprocess.Popen[str], word: str) -> None:
    assert producer.stdout
    said = producer.stdout.readline().strip()
    assert said == word, f"the producer said {said!r}, not {word!r}"


def _first_paint(place: Path) -> str:
    """Seconds to the name of a finished run on the screen, and to the text of an app with one."""
    run = RunFolder(place / "finished")
    write_finished(run, 1000, 10, 200)
    settings = {"XDG_CONFIG_HOME": str(place)}
    app = [sys.executable, "-c", ONE_TEXT]
    runs: list[tuple[float, float]] = []
    for _ in range(ROUNDS):
        with watch(run, place) as terminal:
            painted = _painted(terminal, b"finished")
        with Terminal(app, COLUMNS, ROWS, env=settings) as terminal:
            runs.append((painted, _painted(terminal, b"hello")))
    paint, alone = map(statistics.median, zip(*runs, strict=True))
    return (
        f"first paint after {paint:.2f} s (budget {FIRST_PAINT_BUDGET:g} s); "
        f"an app of Textual with one text {alone:.2f} s: {paint / alone:.2f} x"
    )


def _painted(terminal: Terminal, word: bytes) -> float:
    """Seconds until a word is on the screen."""
    painted = terminal.wait_for_bytes(re.compile(word))
    assert painted is not None, f"no {word!r}\n{terminal.picture()}"
    return painted - terminal.began
