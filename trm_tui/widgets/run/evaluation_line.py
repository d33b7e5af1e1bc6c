"""EvaluationLine: the evaluation that is looked at in one row, where there is no room for more."""

from __future__ import annotations

from typing import Any

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from trm_engine.runs.best import score_told
from trm_tui.text.figures import MARKS, change, figure, grade, share_text

FIGURES = {
    "exact": ("exact_match",),
    "+values": ("exact_match_values",),
    "decision": ("decision", "accuracy"),
    "tool": ("tool", "accuracy"),
    "slots": ("slots", "accuracy"),
    "values": ("slots", "value_accuracy"),
    "arguments": ("arguments", "accuracy"),
}
GAP = "  "


class EvaluationLine(Widget):
    """The headline numbers, as many as there is room for."""

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
        self._now: dict[str, Any] | None = None
        self._before: dict[str, Any] | None = None

    def show(self, now: dict[str, Any] | None, before: dict[str, Any] | None) -> None:
        """Show one ``eval`` event, compared with another."""
        self._now, self._before = now, before
        self.refresh()

    def render(self) -> RenderResult:
        """One row."""
        if not self._now:
            return Text("no evaluation yet", self._look("none"))
        score = score_told(self._now)
        best = (f" ★ {score}" if score else " ★") if self._now.get("best") else ""
        line = Text(f"step {self._now['step']:,}{best}", self._look("none"))
        for name, path in FIGURES.items():
            part = self._figure(name, path)
            if line.cell_len + len(GAP) + part.cell_len > self.content_size.width:
                break
            line.append(GAP).append_text(part)
        return line

    def _figure(self, name: str, path: tuple[str, ...]) -> Text:
        assert self._now
        share = figure(self._now["metrics"], *path)
        before = figure(self._before and self._before["metrics"], *path)
        look = grade(share)
        text = Text(f"{name} ")
        text.append(f"{MARKS[look]}{share_text(share)}{change(share, before)[0]}", self._look(look))
        return text

    def _look(self, name: str) -> Style:
        style = self.get_component_rich_style(f"evaluation-line--{name}", partial=True)
        return Style(color=style.color)
