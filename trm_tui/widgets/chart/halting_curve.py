"""HaltingCurve: accuracy and mean steps over the halting threshold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from trm_engine.runs.schema.evaluation import Halting
from trm_tui.text.figures import NOTHING, share_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.chart.ticks import level_ticks

HEADLINES = {"exact_match": "Exact match", "mean_steps": "Mean steps"}
MIN_HEIGHT, MIN_WIDTH = 6, 24
MARK = "●"
TICK_CELLS = 8
_BRAILLE = re.compile("[\u2801-\u28ff]+")
_MARK = re.compile(MARK)


class HaltingCurve(AwaitsEvaluation, can_focus=True):
    """Exact match and mean steps over the halting threshold. The cheapest point is marked."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Halting"
    DEFAULT_CSS = """
    HaltingCurve {
        height: 1fr;
        & > .halting--faint { color: $faint; }
        & > .halting--strong { text-style: bold; }
        & > .halting--exact_match { color: $series-1; }
        & > .halting--mean_steps { color: $series-2; }
        & > .halting--mark { color: $accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {
        f"halting--{name}" for name in ("faint", "strong", "exact_match", "mean_steps", "mark")
    }

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._curve: Sequence[Halting] = ()
        self._cheapest: Halting | None = None

    def show(self, curve: Sequence[Halting], cheapest: Halting | None) -> None:
        """Show the points, by rising threshold. ``cheapest`` is one of them, or None."""
        self._curve, self._cheapest = list(curve), cheapest
        self.refresh()

    def render(self) -> RenderableType:
        """A summary in words, and the curves that fit."""
        width, height = self.size
        if not any(point.exact_match is not None for point in self._curve):
            return Text(self.EMPTY, self._look("faint"), justify="center")
        words = Text(summary_of(self._curve, self._cheapest), self._look("strong"))
        room = height - len(words.wrap(self.app.console, max(width, 1))) - 1
        plots = self._plots(width, room)
        return Group(words, Text(), *plots) if plots else words

    def _plots(self, width: int, height: int) -> list[Text]:
        """Both curves, the first alone or none, depending on the room."""
        if width < MIN_WIDTH or height < MIN_HEIGHT:
            return []
        names = list(HEADLINES)[: 2 if height >= 2 * MIN_HEIGHT else 1]
        marked = self._marked()
        return [
            self._coloured(plot_of(self._curve, name, marked, width, height // len(names)), name)
            for name in names
        ]

    def _marked(self) -> int | None:
        """The position of the cheapest point on the curve."""
        thresholds = [point.threshold for point in self._curve]
        at = self._cheapest.threshold if self._cheapest else None
        return thresholds.index(at) if at in thresholds else None

    def _coloured(self, plot: str, name: str) -> Text:
        text = Text(plot, self._look("faint"), no_wrap=True, overflow="crop")
        text.highlight_regex(_BRAILLE, style=self._look(name))
        text.highlight_regex(_MARK, style=self._look("mark"))
        return text

    def _look(self, name: str) -> Any:
        return self.get_component_rich_style(f"halting--{name}", partial=True)


def summary_of(curve: Sequence[Halting], cheapest: Halting | None) -> str:
    """The cheapest threshold, with its accuracy and mean steps."""
    highest = f"at q ≥ {curve[-1].threshold:g} it is {_figures(curve[-1])}"
    if cheapest is None:
        return f"Halting lowers exact match at every threshold; {highest}."
    lowest = f"q ≥ {cheapest.threshold:g} is the lowest threshold that loses almost no accuracy"
    return f"{MARK} {lowest}: exact match {_figures(cheapest)} per sample; {highest}."


def plot_of(
    curve: Sequence[Halting], name: str, marked: int | None, width: int, height: int
) -> str:
    """A curve as text without colour, at most ``width`` x ``height`` cells.

    Thresholds are drawn at equal distances: the evaluation chooses more of them where q changes.
    """
    import plotext

    values = [getattr(point, name) for point in curve]
    places = [place for place, value in enumerate(values) if value is not None]
    heights = [value for value in values if value is not None]
    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.plot(places, heights, marker="braille")
    if marked in places:
        plotext.scatter([marked], [values[marked]], marker=MARK)
    ticks = _tick_places(len(curve), width)
    plotext.xticks(ticks, [f"{curve[place].threshold:g}" for place in ticks])
    levels = level_ticks(min(heights), max(heights), height)
    plotext.yticks([level.at for level in levels], [level.label for level in levels])
    plotext.title(f"{HEADLINES[name]} by halting threshold")
    lines = plotext.uncolorize(plotext.build()).splitlines()
    return "\n".join(line.rstrip() for line in lines[:height])


def _tick_places(count: int, width: int) -> list[int]:
    """Positions of ticks from the first point to the last, with room for their labels."""
    most = max(min(count, width // TICK_CELLS), 2)
    return sorted({round(number * (count - 1) / (most - 1)) for number in range(most)})


def _figures(point: Halting) -> str:
    steps = point.mean_steps
    share = share_text(point.exact_match, 4)
    return f"{share} in {NOTHING if steps is None else f'{steps:.2f}'} steps"
