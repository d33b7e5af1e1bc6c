"""HistogramView: the distribution of a tensor's values, raw and averaged (EMA)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.segment import Segment
from rich.style import Style
from textual.content import Content
from textual.strip import Strip
from textual.widget import Widget

from trm_engine.printable import one_line
from trm_engine.runs.schema.model_file import TensorHistogram
from trm_engine.wording import counted
from trm_tui.text.figures import pad

Line = list[tuple[str, str]]
"""Parts of a line: text and style name."""

GAP = 2
MIN_WIDTH, MIN_HEIGHT = 34, 7
"""The second plot is left out if the plots would be smaller."""

AXES = 2
"""Columns and rows of a plot's frame."""

FILLED = frozenset("▀▄█▌▐▖▗▘▙▚▛▜▝▞▟")
COLUMNS_PER_CELL = 2
"""Histogram columns in a cell."""

TINY = 1e-9

NO_TENSOR, WAITING = "No tensor selected", "Counting values…"


class HistogramView(Widget, can_focus=True):
    """One or two histograms of a tensor on the same axes, side by side or stacked."""

    ALLOW_MAXIMIZE = True
    DEFAULT_CSS = """
    HistogramView {
        & > .histogram--faint { color: $faint; }
        & > .histogram--name { text-style: bold; }
        & > .histogram--alarm { color: $poor; text-style: bold; }
        & > .histogram--raw { color: $series-1; }
        & > .histogram--ema { color: $series-2; }
    }
    """
    COMPONENT_CLASSES = {
        "histogram--faint",
        "histogram--name",
        "histogram--alarm",
        "histogram--raw",
        "histogram--ema",
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.border_title = "Distribution"
        self._named = False
        self._histograms: list[TensorHistogram] = []
        self._strips: list[Strip] = []
        self._drawn_for: tuple[int, int] | None = None

    def show(
        self,
        title: str,
        histogram: TensorHistogram | None,
        ema_histogram: TensorHistogram | None = None,
    ) -> None:
        """Show the histograms of a tensor. None means that they are not computed yet."""
        self._named = bool(title)
        self.border_title = Content(one_line(title) or "Distribution")
        self._histograms = [each for each in (histogram, ema_histogram) if each is not None]
        self._invalidate()

    def render_line(self, y: int) -> Strip:
        """One line. The widget is drawn once per size."""
        size = self.size.width, self.size.height
        if self._drawn_for != size:
            lines = self._lines(*size)
            self._strips = [self._strip(line, size[0]) for line in lines]
            self._drawn_for = size
        if y < len(self._strips):
            return self._strips[y]
        return Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        """Redraw with new colours."""
        super().notify_style_update()
        self._drawn_for = None

    def _invalidate(self) -> None:
        self._drawn_for = None
        self.refresh()

    def _lines(self, width: int, height: int) -> list[Line]:
        if self._histograms:
            return lay_out(self._histograms, width, height)
        note = WAITING if self._named else NO_TENSOR
        return [[] for _ in range((height - 1) // 2)] + [[(note.center(width), "faint")]]

    def _strip(self, line: Line, width: int) -> Strip:
        segments = [Segment(text, self._style(look)) for text, look in line]
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _style(self, look: str) -> Style:
        return self.get_component_rich_style(f"histogram--{look}") if look else self.rich_style


def lay_out(histograms: Sequence[TensorHistogram], width: int, height: int) -> list[Line]:
    """The lines of one or two histograms."""
    if len(histograms) == 2:
        if width >= 2 * MIN_WIDTH + GAP:
            half = (width - GAP) // 2
            pictures = [_picture(each, histograms, half, height) for each in histograms]
            gap = [(" " * GAP, "")]
            return [left + gap + right for left, right in zip(*pictures, strict=True)]
        if height >= 2 * MIN_HEIGHT:
            return [
                line
                for each in histograms
                for line in _picture(each, histograms, width, height // 2)
            ]
    return _picture(histograms[0], histograms[:1], width, height)


def columns(histogram: TensorHistogram, low: float, high: float, count: int) -> list[int]:
    """The histogram in ``count`` columns from ``low`` to ``high``: the maximum bin of each."""
    edges, counts = histogram.edges, histogram.counts
    if not counts:
        return [0] * count
    bins, first, width = len(counts), edges[0], edges[-1] - edges[0]
    heights = []
    for column in range(count):
        ends = (low + (high - low) * end / count for end in (column, column + 1))
        begin, end = ((end - first) / width * bins for end in ends)
        # TINY: rounding can move an end over the edge of a bin.
        inside = counts[max(int(begin + TINY), 0) : max(int(end + 1 - TINY), 0)]
        heights.append(max(inside, default=0))
    return heights


def _picture(
    histogram: TensorHistogram, together: Sequence[TensorHistogram], width: int, height: int
) -> list[Line]:
    """One histogram with its heading, ``height`` lines of ``width`` cells."""
    lines = [_heading(histogram, width)]
    if height > AXES + 2 and any(each.counts for each in together):
        lines += _plot(histogram, together, width, height - 1)
    blank: Line = [(" " * width, "")]
    return (lines + [blank] * height)[:height]


def _heading(histogram: TensorHistogram, width: int) -> Line:
    """Name, number of values, and numbers of NaN and Inf."""
    name = "EMA" if histogram.which == "ema" else "raw"
    counts = ((histogram.nan, "NaN"), (histogram.inf, "Inf"))
    broken = " ".join(f"{count:,} {word}" for count, word in counts if count)
    alarm = f"! {broken}  " if broken else ""
    room = max(width - len(name) - 2 - len(alarm), 0)
    none = "" if histogram.counts else ", none finite"
    values = counted(histogram.count, "value") + none
    parts = [(f"{name}  ", "name"), (alarm, "alarm"), (pad(values, room), "faint")]
    return list(_cut(parts, width))


def _cut(parts: Line, width: int) -> Iterator[tuple[str, str]]:
    for text, look in parts:
        yield pad(text, min(width, len(text))), look
        width -= min(width, len(text))


def _plot(
    histogram: TensorHistogram, together: Sequence[TensorHistogram], width: int, height: int
) -> list[Line]:
    import plotext

    filled = [each for each in together if each.counts]
    low = min(each.edges[0] for each in filled)
    high = max(each.edges[-1] for each in filled)
    top = max(max(each.counts) for each in filled)
    ticks = {tick: f"{tick:,}" for tick in (0, top // 2, top)}
    room = width - AXES - max(map(len, ticks.values()))
    if room < 1:
        return []
    heights = columns(histogram, low, high, COLUMNS_PER_CELL * room)
    places = [low + (high - low) * x / max(len(heights) - 1, 1) for x in range(len(heights))]
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    # Empty columns go below the axis, so that a count of 1 is visible.
    plotext.plot(places, [each or -top for each in heights], marker="hd", fillx=True)
    plotext.xlim(low, high)
    plotext.ylim(0, top)
    plotext.yticks(list(ticks), list(ticks.values()))
    plotext.xticks(*_value_ticks(low, high))
    text = plotext.uncolorize(plotext.build())
    look = "ema" if histogram.which == "ema" else "raw"
    return [_coloured(pad(line, width), look) for line in text.splitlines()[:height]]


def _value_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Both ends, and 0 if it is not too close to them."""
    margin = 0.2 * (high - low)
    ticks = [low, *([0.0] if low + margin < 0 < high - margin else []), high]
    return ticks, [f"{tick:.3g}" for tick in ticks]


def _coloured(line: str, look: str) -> Line:
    """Colour the bars, and make the axes faint."""
    parts: Line = []
    for character in line:
        kind = look if character in FILLED else "faint"
        if parts and parts[-1][1] == kind:
            parts[-1] = (parts[-1][0] + character, kind)
        else:
            parts.append((character, kind))
    return parts
