"""EvaluationLine: the selected evaluation in one row."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult

from trm_engine.runs.best import reported_score
from trm_engine.runs.schema.evaluation import SHARES, Metric
from trm_engine.runs.schema.events import Evaluated
from trm_tui.text.figures import MARKS, change, grade, share_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation

IN_ORDER = sorted(SHARES, key=lambda metric: metric.rank or 0)
GAP = "  "


class EvaluationLine(AwaitsEvaluation):
    """The headline metrics, as many as fit."""

    DEFAULT_CSS = """
    EvaluationLine { height: 1; padding: 0 1; }
    EvaluationLine .evaluation-line--none { color: $faint; }
    EvaluationLine .evaluation-line--good { color: $good; }
    EvaluationLine .evaluation-line--fair { color: $fair; }
    EvaluationLine .evaluation-line--poor { color: $poor; }
    """
    COMPONENT_CLASSES = {f"evaluation-line--{each}" for each in MARKS}

    def __init__(self) -> None:
        super().__init__()
        self._now: Evaluated | None = None
        self._before: Evaluated | None = None
        self._which = ""

    def show(self, now: Evaluated | None, before: Evaluated | None, which: str = "") -> None:
        """Show one ``eval`` event, compared with another. ``which`` names it."""
        self._now, self._before, self._which = now, before, which
        self.refresh()

    def render(self) -> RenderResult:
        """One row."""
        if not self._now:
            return Text(self.EMPTY, self._look("none"))
        score = reported_score(self._now)
        best = (f" ★ {score}" if score else " ★") if self._now.best else ""
        which = self._which or f"step {self._now.step:,}"
        look = "fair" if self.has_class("-earlier") else "none"
        line = Text(f"{which}{best}", self._look(look))
        for metric in IN_ORDER:
            part = self._figure(metric, self._now)
            if line.cell_len + len(GAP) + part.cell_len > self.content_size.width:
                break
            line.append(GAP).append_text(part)
        return line

    def _figure(self, metric: Metric, now: Evaluated) -> Text:
        share = metric.of(now.metrics)
        before = metric.of(self._before.metrics if self._before else None)
        look = grade(share)
        text = Text(f"{metric.short} ")
        text.append(f"{MARKS[look]}{share_text(share)}{change(share, before)[0]}", self._look(look))
        return text

    def _look(self, name: str) -> Style:
        style = self.get_component_rich_style(f"evaluation-line--{name}", partial=True)
        return Style(color=style.color)
