"""Milliseconds to draw the live chart (4 curves, 120x30), against plotext with 1,000 points."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import plotext
from rich.style import Style

from benchmarks.setup import seconds
from trm_tui.store.trace import Points, Trace
from trm_tui.widgets.chart.canvas import BRAILLE
from trm_tui.widgets.chart.frame import compose
from trm_tui.widgets.chart.scene import Scene, style_names

WIDTH, HEIGHT, CURVES = 120, 30, 4
SIZES = (1_000, 100_000, 1_000_000)
NEW = 100
SMOOTHING = 0.9


def measure() -> Iterator[str]:
    """One row for each number of points, and one for the cost of new ones."""
    tasks: dict[str, Callable[[], object]] = {"plotext": _plotext}
    for size in SIZES:
        traces = [_trace(Points(_losses(size, seed))) for seed in range(CURVES)]
        tasks[f"{size:,} points"] = partial(_draw, traces)
    growing = Points(_losses(SIZES[-1], 0))
    tasks["growing"] = partial(_grow, _trace(growing), growing)
    times = seconds(tasks, rounds=15)
    for name in list(tasks)[1:-1]:
        ratio = times["plotext"] / times[name]
        yield f"{name}: {1000 * times[name]:.2f} ms; plotext with 1,000 takes {ratio:.0f} x as long"
    yield f"{NEW} values more in a curve: {1000 * times['growing']:.2f} ms"


def _losses(size: int, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 0.3, size)
    return (0.1 + 3 * np.exp(-np.linspace(0, 8, size))) * np.exp(noise)


def _trace(losses: Points) -> Trace:
    return Trace("loss", losses, {"step": Points(np.arange(1, len(losses) + 1))})


def _draw(traces: list[Trace]) -> None:
    window = 1.0, float(traces[0].along("step")[-1])
    scene = Scene(traces, "step", window, SMOOTHING, BRAILLE)
    compose(scene, WIDTH, HEIGHT).grid.strips([Style()] * len(style_names()))


def _grow(trace: Trace, losses: Points) -> None:
    losses.extend(_losses(NEW, 0))
    trace.smoothed(SMOOTHING)


def _plotext() -> None:
    plotext.clear_figure()
    plotext.plot_size(WIDTH, HEIGHT)
    for seed in range(CURVES):
        plotext.plot(_losses(SIZES[0], seed).tolist(), marker="braille")
    plotext.build()
