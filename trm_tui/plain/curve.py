"""The loss curve of a finished run as text."""

from __future__ import annotations

import math
from collections.abc import Sequence

MAX_WIDTH = 100
HEIGHT = 16
LOG_FROM = 10.0
"""The axis is logarithmic from this ratio of the largest to the smallest loss."""


def loss_curve(steps: Sequence[float], losses: Sequence[float], width: int, colour: bool) -> str:
    """The losses by step, at most 100 columns wide; "" if fewer than two are finite."""
    points = [
        (int(step), loss) for step, loss in zip(steps, losses, strict=True) if math.isfinite(loss)
    ]
    if len(points) < 2:
        return ""
    width = min(width, MAX_WIDTH)
    return _draw(_thinned(points, 2 * width), (points[0][0], points[-1][0]), width, colour)


def _thinned(points: list[tuple[int, float]], limit: int) -> list[tuple[float, float]]:
    """Reduce the points to at most ``limit``, by averaging over chunks of equal size."""
    size = math.ceil(len(points) / limit)
    stretches = [points[begin : begin + size] for begin in range(0, len(points), size)]
    return [
        (sum(x for x, _ in each) / len(each), sum(y for _, y in each) / len(each))
        for each in stretches
    ]


def _draw(
    points: list[tuple[float, float]], ends: tuple[int, int], width: int, colour: bool
) -> str:
    import plotext

    xs, ys = [x for x, _ in points], [y for _, y in points]
    is_log = min(ys) > 0 and max(ys) / min(ys) >= LOG_FROM
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, HEIGHT)
    plotext.plot(xs, ys, marker="braille", **({"color": "cyan"} if colour else {}))
    plotext.xlim(*ends)
    plotext.xticks(*_step_ticks(*ends))
    if is_log:
        plotext.yscale("log")
        plotext.yticks(*_decade_ticks(min(ys), max(ys)))
    plotext.title(f"Training loss by step{', log scale' if is_log else ''}")
    text = plotext.build()
    text = text if colour else plotext.uncolorize(text)
    return "\n".join(line.rstrip() for line in text.rstrip().splitlines())


def _step_ticks(first: int, last: int) -> tuple[list[int], list[str]]:
    ticks = sorted({round(first + (last - first) * share / 4) for share in range(5)})
    return ticks, [f"{tick:,}" for tick in ticks]


def _decade_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """1, 2 and 5 of each power of ten within the range."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    candidates = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    ticks = [tick for tick in candidates if low <= tick <= high]
    return ticks, [f"{tick:g}" for tick in ticks]
