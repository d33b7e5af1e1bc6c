"""ConfidenceCurves: the reliability diagram of an evaluation, and its risk against coverage."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from trm_engine.runs.schema.confidence import Coverage, Reliability
from trm_engine.runs.schema.evaluation import Evaluation
from trm_tui.text.figures import share_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.chart.ticks import level_ticks, linear_ticks

MARK = "●"
LEAST_HEIGHT, LEAST_WIDTH = 7, 24
BESIDE_WIDTH = 72
TICKS = 5
"""About so many ticks on the horizontal axis."""
HIGHEST_FLOOR = 0.99
"""The accuracy axis begins there or lower."""
_BRAILLE = re.compile("[\u2801-\u28ff]+")
_MARK = re.compile(MARK)

Curve = tuple[Sequence[float], Sequence[float]]
"""Places on the two axes."""


NO_FIGURES = "This evaluation has no figures of confidence"


class ConfidenceCurves(AwaitsEvaluation, can_focus=True):
    """How far confidence can be trusted, and what is gained by answering only if sure."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "Confidence"
    DEFAULT_CSS = """
    ConfidenceCurves {
        height: 1fr;
        & > .confidence--faint { color: $faint; }
        & > .confidence--strong { text-style: bold; }
        & > .confidence--curve { color: $series-1; }
        & > .confidence--mark { color: $accent; text-style: bold; }
    }
    """
    COMPONENT_CLASSES = {f"confidence--{name}" for name in ("faint", "strong", "curve", "mark")}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._evaluation: Evaluation | None = None

    def show(self, evaluation: Evaluation | None) -> None:
        """Show an evaluation; None for none yet."""
        self._evaluation = evaluation
        self.refresh()

    def render(self) -> RenderableType:
        """The figures in words, and the diagrams that fit: side by side, stacked, or none."""
        width, height = self.size
        found = self._evaluation
        if found is None or not found.coverage.curve:
            text = self.EMPTY if found is None else NO_FIGURES
            return Text(text, self._look("faint"), justify="center")
        words = Text("\n".join(summary_of(found)), self._look("strong"))
        room = height - len(words.wrap(self.app.console, max(width, 1)))
        return Group(words, *self._plots(found, width, room))

    def _plots(self, found: Evaluation, width: int, height: int) -> list[Text]:
        if width < LEAST_WIDTH or height < LEAST_HEIGHT:
            return []
        beside = width >= BESIDE_WIDTH
        each = (width // 2 - 1, height) if beside else (width, height // 2)
        if not beside and height < 2 * LEAST_HEIGHT:
            return [self._coloured(reliability_plot(found.decision_confidence, width, height))]
        plots = (
            reliability_plot(found.decision_confidence, *each),
            coverage_plot(found.coverage, *each),
        )
        if beside:
            return [self._coloured(_side_by_side(*plots, each[0] + 2))]
        return [self._coloured(plot) for plot in plots]

    def _coloured(self, plot: str) -> Text:
        text = Text(plot, self._look("faint"), no_wrap=True, overflow="crop")
        text.highlight_regex(_BRAILLE, style=self._look("curve"))
        text.highlight_regex(_MARK, style=self._look("mark"))
        return text

    def _look(self, name: str) -> Any:
        return self.get_component_rich_style(f"confidence--{name}", partial=True)


def summary_of(evaluation: Evaluation) -> list[str]:
    """Calibration and coverage in a line each."""
    decision, coverage = evaluation.decision_confidence, evaluation.coverage
    before = "" if decision.raw_ece is None else f" ({share_text(decision.raw_ece)} uncalibrated)"
    lines = [f"Decision: calibration error {share_text(decision.ece)}{before}."]
    target, answered = f"{coverage.target:.4g}", share_text(coverage.answered)
    if coverage.threshold is None:
        lines.append(f"No threshold keeps an accuracy of {target}.")
    else:
        sure = f"confidence ≥ {coverage.threshold:.3f}"
        lines.append(f"{MARK} {answered} of the samples are answered at accuracy {target}: {sure}.")
    return lines


def reliability_plot(reliability: Reliability, width: int, height: int) -> str:
    """Accuracy by the decision's confidence, with the diagonal of a calibrated model."""
    bins = reliability.bins
    at = [each.confidence or 0.0 for each in bins], [each.accuracy or 0.0 for each in bins]
    ideal = ([0.5, 1.0], [0.5, 1.0])
    return _plot("Decision: accuracy by confidence", ideal, at, (width, height), True)


def coverage_plot(coverage: Coverage, width: int, height: int) -> str:
    """Accuracy of whole answers by the share answered; the target's place is marked."""
    curve = (
        [point.coverage or 0.0 for point in coverage.curve],
        [point.accuracy or 0.0 for point in coverage.curve],
    )
    kept = ([coverage.answered], [coverage.target]) if coverage.answered else ([], [])
    return _plot("Accuracy by share answered", curve, kept, (width, height), False)


def _plot(title: str, line: Curve, marks: Curve, size: tuple[int, int], linked: bool) -> str:
    """A line and marks as text without colour, at most ``size`` cells."""
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(*size)
    plotext.plot(*line, marker="braille")
    if marks[0]:
        plotext.scatter(*marks, marker=MARK)
    lowest = min(*line[1], *marks[1], HIGHEST_FLOOR)
    begin = min(*line[0], *marks[0]) if linked else 0.0
    plotext.ylim(lowest, 1)
    plotext.xlim(begin, 1)
    levels, places = level_ticks(lowest, 1.0, size[1]), linear_ticks(begin, 1.0, TICKS)
    for label, ticks in ((plotext.yticks, levels), (plotext.xticks, places)):
        label([tick.at for tick in ticks], [tick.label for tick in ticks])
    plotext.title(title)
    lines = plotext.uncolorize(plotext.build()).splitlines()
    return "\n".join(text.rstrip() for text in lines[: size[1]])


def _side_by_side(left: str, right: str, width: int) -> str:
    rows = zip(left.splitlines(), right.splitlines(), strict=False)
    return "\n".join(f"{one:<{width}}{two}" for one, two in rows)
