"""Training with the screen attached against without: one run, windows of time in turn."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np

from benchmarks.setup import prepared
from benchmarks.viewer import cpu_seconds, watch
from tests.events import read_events, step_columns
from tests.support import ROOT
from trm_engine.config import Config
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.runs.commands import send_command
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.launch import start_worker

WINDOW_SECONDS = 12.0
SETTLING_SECONDS = 3.0
PAIRS = 8
BUDGET = 0.03
LENGTHS = range(145, 161)
SAMPLES = 40_000

Window = tuple[float, float]


def measure() -> Iterator[str]:
    """Rows with the slowdown, and with how much two windows alike differ."""
    with tempfile.TemporaryDirectory() as place:
        run = RunFolder(Path(place) / "run")
        _write_equal_updates(run, Path(place))
        worker = start_worker(run, tied=False)
        try:
            _wait_for_updates(run, since=0.0)
            time.sleep(SETTLING_SECONDS)
            alone, attached, cpu = _take_turns(run, Path(place))
            _wait_for_updates(run, since=alone[-1][1])
        finally:
            send_command(run.commands, "abort")
            worker.wait(timeout=60)
        speeds = _Speeds(run)
        yield from _rows(
            [speeds.of(each) for each in alone], [speeds.of(each) for each in attached]
        )
        yield f"the screen took {cpu:.1%} of a core"


def _write_equal_updates(run: RunFolder, place: Path) -> None:
    """default.yaml on samples of like length, so that every update is the same work."""
    _, data = prepared()
    train, val = place / "train.jsonl", place / "val.jsonl"
    _of_like_length(data.train).written_to(train)
    _of_like_length(data.val).written_to(val)
    lines = train.read_bytes()
    train.write_bytes(lines * (SAMPLES // lines.count(b"\n")))
    never = 10**9
    config = Config.from_yaml(
        ROOT / "configs" / "default.yaml",
        [
            f"data.train_data={train}",
            f"data.val_data={val}",
            f"data.cache_dir={place / 'cache'}",
            "training.deep_share=1.0",
            f"training.eval_interval={never}",
            f"training.save_interval={never}",
        ],
    )
    run.create()
    config.to_yaml(run.config)


def _of_like_length(data: TRMToolCallingDataset) -> TRMToolCallingDataset:
    return data.subset(np.flatnonzero(np.isin(data.lengths, LENGTHS)))


def _wait_for_updates(run: RunFolder, since: float) -> None:
    """Wait until the events tell of updates after a time."""
    while not any(e["type"] == "steps" and e["t"] > since for e in read_events(run.events)):
        time.sleep(0.5)


def _take_turns(run: RunFolder, settings: Path) -> tuple[list[Window], list[Window], float]:
    """Windows without and with the screen, one more without; the screen's share of a core."""
    alone, attached, cpu = [_window()], [], []
    for _ in range(PAIRS):
        with watch(run, settings) as terminal:
            terminal.wait_for("1 Live")
            time.sleep(SETTLING_SECONDS)
            before = cpu_seconds(terminal)
            attached.append(_window())
            cpu.append((cpu_seconds(terminal) - before) / WINDOW_SECONDS)
            terminal.press("q")
            terminal.wait_exit()
        time.sleep(SETTLING_SECONDS)
        alone.append(_window())
    return alone, attached, statistics.mean(cpu)


def _window() -> Window:
    begin = time.time()
    time.sleep(WINDOW_SECONDS)
    return begin, time.time()


class _Speeds:
    """Samples a second in a window of time, from the events of the run."""

    def __init__(self, run: RunFolder) -> None:
        events = read_events(run.events)
        columns = step_columns(events)
        first = next(event for event in events if event["type"] == "steps")
        offset = first["t"] - first["columns"]["time"][-1]  # an event is written at its last update
        self._ends = np.array(columns["time"]) + offset
        self._samples = np.array(columns["samples"])

    def of(self, window: Window) -> float:
        """Over the whole updates in the window."""
        begin, end = np.searchsorted(self._ends, window)
        seconds = self._ends[end - 1] - self._ends[begin]
        return float(self._samples[begin + 1 : end].sum() / seconds)


def _rows(alone: list[float], attached: list[float]) -> Iterator[str]:
    around = [(before + after) / 2 for before, after in pairwise(alone)]
    ratios = [one / other for one, other in zip(attached, around, strict=True)]
    alike = [after / before for before, after in pairwise(alone)]
    slowdown = 1 - statistics.median(ratios)
    yield (
        f"{statistics.median(alone):.1f} samples/s alone, {statistics.median(attached):.1f} with "
        f"the screen: {slowdown:.1%} slower (budget {BUDGET:.0%}); {_spread(ratios)}"
    )
    yield f"two windows alone: {_spread(alike)}"


def _spread(ratios: list[float]) -> str:
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"ratio {middle:.3f}, quartiles {low:.3f} and {high:.3f} of {len(ratios)}"
