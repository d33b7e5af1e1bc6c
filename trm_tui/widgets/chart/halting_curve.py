"""HaltingCurve: what stopping early costs and saves, over the threshold at which it stops."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text
from textual.widget import Widget

from trm_tui.plain.tables import NOTHING
from trm_tui.text.figures import figure, share_text

Point = Mapping[str, Any]

HEADLINES = {"exact_match": "Exact match", "mean_steps": "Mean steps"}
DECIMALS = {"exact_match": 4, "mean_steps": 2}
LEAST_HEIGHT, LEAST_WIDTH = 6, 24
MARK = "●"
TICK_CELLS = 8
_BRAILLE = re.compile("[\u2801-\u28ff]+")
_MARK = re.compile(MARK)


class HaltingCurve(Widget, can_focus=True):
    """Exact matches and mean steps over the halting threshold; the cheapest point is marked."""

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
        self._curve: Sequence[Point] = ()
        self._cheapest: Point | None = None

    def show(self, curve: Sequence[Point], cheapest: Point | None) -> None:
        """Show points of a halting curve by rising threshold, and which of them is cheapest."""
        self._curve, self._cheapest = list(curve), cheapest
        self.refresh()

    def render(self) -> RenderableType:
        """What halting comes to in words, and both curves where there is room."""
        width, height = self.size
        if not any(figure(point, "exact_match") is not None for point in self._curve):
            return Text("No evaluation yet", self._look("faint"), justify="center")
        words = Text(in_words(self._curve, self._cheapest), self._look("strong"))
        room = height - len(words.wrap(self.app.console, max(width, 1))) - 1
        plots = self._plots(width, room)
        return Group(words, Text(), *plots) if plots else words

    def _plots(self, width: int, height: int) -> list[Text]:
        """Both curves, one above the other; the first alone, or none, where there is no room."""
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return []
        names = list(HEADLINES)[: 2 if height >= 2 * LEAST_HEIGHT else 1]
        marked = self._marked()
        return [
            self._coloured(plot_of(self._curve, name, marked, width, height // len(names)), name)
            for name in names
        ]

    def _marked(self) -> int | None:
        """The position of the cheapest point on the curve."""
        thresholds = [point["threshold"] for point in self._curve]
        at = self._cheapest["threshold"] if self._cheapest else None
        return thresholds.index(at) if at in thresholds else None

    def _coloured(self, plot: str, name: str) -> Text:
        text = Text(plot, self._look("faint"), no_wrap=True, overflow="crop")
        text.highlight_regex(_BRAILLE, style=self._look(name))
        text.highlight_regex(_MARK, style=self._look("mark"))
        return text

    def _look(self, name: str) -> Any:
        return self.get_component_rich_style(f"halting--{name}", partial=True)


def in_words(curve: Sequence[Point], cheapest: Point | None) -> str:
    """What the cheapest threshold is, what it saves and what it costs."""
    highest = f"at q ≥ {curve[-1]['threshold']:g} it is {_told(curve[-1])}"
    if cheapest is None:
        return f"Halting costs exact matches at every threshold; {highest}."
    lowest = f"q ≥ {cheapest['threshold']:g} is the lowest threshold that costs next to nothing"
    return f"{MARK} {lowest}: exact match {_told(cheapest)} a sample; {highest}."


def plot_of(curve: Sequence[Point], name: str, marked: int | None, width: int, height: int) -> str:
    """A curve as text without colour, ``width`` x ``height`` cells at most.

    Thresholds are the same distance apart, as they are chosen closer where more happens.
    """
    import plotext

    values = [figure(point, name) for point in curve]
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
    plotext.xticks(ticks, [f"{curve[place]['threshold']:g}" for place in ticks])
    levels = sorted({min(heights), (min(heights) + max(heights)) / 2, max(heights)})
    plotext.yticks(levels, [f"{level:.{DECIMALS[name]}f}" for level in levels])
    plotext.title(f"{HEADLINES[name]} by halting threshold")
    lines = plotext.uncolorize(plotext.build()).splitlines()
    return "\n".join(line.rstrip() for line in lines[:height])


def _tick_places(count: int, width: int) -> list[int]:
    """Positions from the first point to the last, with room for their labels."""
    most = max(min(count, width // TICK_CELLS), 2)
    return sorted({round(number * (count - 1) / (most - 1)) for number in range(most)})


def _told(point: Point) -> str:
    steps = figure(point, "mean_steps")
    share = share_text(figure(point, "exact_match"), 4)
    return f"{share} in {NOTHING if steps is None else f'{steps:.2f}'} steps"
