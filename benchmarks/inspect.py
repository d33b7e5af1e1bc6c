"""Key to paint in the browser of 20,000 judged samples; a model of 40 million on the screen."""

from __future__ import annotations

import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import torch

from benchmarks.fake_inspect import write_samples
from benchmarks.setup import prepared, spread
from benchmarks.viewer import COLUMNS, ROWS, last_paint
from tests.e2e.terminal import Terminal
from trm_engine.checkpoints.file import FORMAT_VERSION, save_atomically
from trm_engine.config import ModelConfig
from trm_engine.models import EMA
from trm_engine.training.prepare import build_model
from trm_tui.store.judged import PARTS

SAMPLES = 20_000
REPEATS = 4
KEY_SECONDS = 0.3, 0.45
"""From key to key, at random; long enough for what the key before made follow."""
BUDGET = "budget: p95 50 ms"
ROUNDS = 3
OPEN_BUDGET = 2.0
LARGE = {"hidden_size": 1024, "num_heads": 8, "num_layers": 2}

ANYTHING = "."
LISTED = f"of {SAMPLES:,}"
KEYS = (
    *(("down", ANYTHING),) * 6,
    *(("pagedown", ANYTHING),) * 4,
    ("end", ANYTHING),
    ("home", ANYTHING),
    ("t", "answer wrong"),
    *(("t", f"{part} wrong") for part in PARTS),
    ("t", "right: "),
    ("t", "all: "),
    ("t", "wrong: "),
    ("o", "most confident"),
    ("o", "least confident"),
    ("o", "in file order"),
    ("o", "highest loss"),
    ("/", ""),
    ("7", LISTED),
    ("1", LISTED),
    ("3", LISTED),
    ("escape", LISTED),
)
"""Keys, and what their effect makes appear; "" is not measured."""


def measure() -> Iterator[str]:
    """Rows for keys by key, and for a large file."""
    with tempfile.TemporaryDirectory() as place:
        yield from _browse(Path(place))
        yield _open_large(Path(place))


def _browse(place: Path) -> Iterator[str]:
    data = place / "samples.jsonl"
    write_samples(data, SAMPLES)
    command = [sys.executable, "-m", "benchmarks.fake_inspect", data, SAMPLES]
    keys: dict[str, list[float]] = {}
    painted: list[float] = []
    with Terminal(command, COLUMNS, ROWS, env={"XDG_CONFIG_HOME": str(place)}) as terminal:
        terminal.wait_for("8 Errors")
        terminal.press("8")
        terminal.wait_for(LISTED)
        last_paint(terminal)
        for key, effect in KEYS * REPEATS:
            _press(terminal, key, effect, keys, painted)
    times = [each for times in keys.values() for each in times]
    yield f"{SAMPLES:,} judged samples at {COLUMNS} × {ROWS}, {len(times)} keys ({BUDGET})"
    yield f"to the first paint {spread(painted)}; to the rows that are asked for {spread(times)}"
    slowest = (f"{key} {max(times):.0f}" for key, times in keys.items())
    yield f"the slowest of each key, ms: {', '.join(slowest)}"


def _press(
    terminal: Terminal, key: str, effect: str, keys: dict[str, list[float]], first: list[float]
) -> None:
    before = len(terminal.chunks)
    pressed = terminal.press(key)
    if effect:
        painted = terminal.wait_for_bytes(re.compile(effect.encode(), re.DOTALL), before)
        assert painted is not None, f"{key} has no effect\n{terminal.picture()}"
        keys.setdefault(key, []).append(1000 * (painted - pressed))
        first.append(1000 * (terminal.chunks[before][0] - pressed))
    time.sleep(max(0.0, pressed + random.uniform(*KEY_SECONDS) - time.perf_counter()))


def _open_large(place: Path) -> str:
    """Seconds from the command to the list of tensors with their figures, and to import torch."""
    path = place / "large.pt"
    parameters = _write_large(path)
    listed, imported = [], []
    for _ in range(ROUNDS):
        listed.append(_seconds_to_list(path, place))
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import torch"], check=True)
        imported.append(time.perf_counter() - began)
    seconds, torch = statistics.median(listed), statistics.median(imported)
    return (
        f"{parameters / 1e6:.1f} million parameters, {path.stat().st_size / 1e6:.0f} MB: listed "
        f"after {seconds:.2f} s, import torch {torch:.2f} s: {seconds / torch:.2f} x, "
        f"{seconds - torch:.2f} s more (budget {OPEN_BUDGET:g} s)"
    )


def _write_large(path: Path) -> int:
    """A checkpoint with an average; returns its number of parameters."""
    config, data = prepared()
    config.model = ModelConfig(**LARGE)
    model = build_model(config, data, torch.device("cpu"))
    checkpoint = {
        "format_version": FORMAT_VERSION,
        "model_state_dict": model.state_dict(),
        "ema_state_dict": EMA(model).state_dict(),
        "global_step": 1,
        "epoch": 0,
        "config": config.to_dict(),
        "labels": data.train.labels.to_dict(),
        "tokenizer": data.tokenizer.model_bytes,
    }
    save_atomically(checkpoint, path)
    return sum(each.numel() for each in model.parameters())


def _seconds_to_list(path: Path, settings: Path) -> float:
    command = [sys.executable, "-m", "trm_tui", "inspect", path, "--device", "cpu"]
    with Terminal(command, COLUMNS, ROWS, env={"XDG_CONFIG_HOME": str(settings)}) as terminal:
        terminal.wait_for("2 Param.")
        terminal.press("2")
        terminal.wait_for(re.compile(r"embedding.*\d"))
        return terminal.chunks[-1][0] - terminal.began
