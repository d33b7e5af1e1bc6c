"""Typing in the playground: key to paint while the model computes, last key to the new answer."""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.setup import spread
from benchmarks.viewer import COLUMNS, ROWS
from tests.e2e.terminal import Terminal
from trm_tui.screens.playground import DEBOUNCE_SECONDS

CONFIG = Path(__file__).parents[1] / "configs" / "default.yaml"
TEXT = "hello, how much do i owe for my contract this month, and is there a cheaper plan "
KEY_SECONDS = 0.08, 0.2
"""From key to key, at random, as a fast typist: answers are computed in between."""
PAUSES = 20
"""Times that the typist stops, to wait for an answer."""
ANSWERED = re.compile(rb"answered in")
BUDGETS = "budgets: key to paint p95 50 ms; last key to answer 60 ms beyond the debounce"


def measure() -> Iterator[str]:
    """Rows for keys and for answers, with the model of configs/default.yaml, on the CPU."""
    with tempfile.TemporaryDirectory() as place:
        run = _model(Path(place))
        with _playground(run, Path(place)) as terminal:
            terminal.wait_for("answered in", 60)
            keys = [_key_to_paint(terminal, letter) for letter in TEXT]
            answers = [_key_to_answer(terminal) for _ in range(PAUSES)]
    yield f"{len(keys)} keys while it computes: {spread(keys)}"
    yield (
        f"last key to the new answer, {DEBOUNCE_SECONDS * 1000:.0f} ms of debounce in it: "
        f"{spread(answers)}"
    )
    yield BUDGETS


def _model(place: Path) -> Path:
    """A run whose model has the default size; what it has learnt does not matter."""
    run = place / "run"
    changes = ("training.max_steps=2", "data.builtin_conversations=100", "training.device=cpu")
    command = [sys.executable, "-m", "trm_tui", "train", CONFIG, "--plain", "--output-dir", run]
    settings = [part for change in changes for part in ("--set", change)]
    subprocess.run([*map(str, command), *settings], check=True, capture_output=True)
    return run


def _playground(run: Path, place: Path) -> Terminal:
    """The playground on a conversation of a few turns."""
    command = [sys.executable, "-m", "trm_tui", "playground", run, "--device", "cpu"]
    sample = ("--sample", f"{run / 'validation.jsonl'}:{_line_that_a_user_ends(run)}")
    names = ("XDG_CONFIG_HOME", "XDG_STATE_HOME")
    return Terminal([*command, *sample], COLUMNS, ROWS, env=dict.fromkeys(names, str(place)))


def _line_that_a_user_ends(run: Path) -> int:
    """A validation sample of five turns or more, the last one a user's."""
    with (run / "validation.jsonl").open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            history = json.loads(line)["history"]
            if len(history) >= 5 and history[-1]["role"] == "user":
                return number
    raise AssertionError("there is none")


def _key_to_paint(terminal: Terminal, letter: str) -> float:
    """Milliseconds from a key to the first output after it."""
    time.sleep(random.uniform(*KEY_SECONDS))
    before = len(terminal.chunks)
    pressed = terminal.press(letter)
    terminal.wait_until(lambda: len(terminal.chunks) > before)
    return 1000 * (terminal.chunks[before][0] - pressed)


def _key_to_answer(terminal: Terminal) -> float:
    """Milliseconds from a key, after a rest, to the header that tells of the new answer."""
    time.sleep(1.0)
    before = len(terminal.chunks)
    pressed = terminal.press(random.choice("abcdefgh"))
    answered = terminal.wait_for_bytes(ANSWERED, before)
    assert answered is not None, terminal.picture()
    return 1000 * (answered - pressed)
