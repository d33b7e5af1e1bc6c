"""The confusion matrix of decisions, with precision, recall, F1 and accuracy."""

from __future__ import annotations

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip

from trm_engine.runs.schema.evaluation import BinaryFigures
from trm_tui.text.figures import MARKS, change, grade, pad, share_text
from trm_tui.widgets.awaits_evaluation import AwaitsEvaluation
from trm_tui.widgets.matrix.heat import heat, shade
from trm_tui.widgets.matrix.picture import compact

DECISIONS = ("tool_call", "direct_answer")
COUNTS = (("tp", "fn"), ("fp", "tn"))
RATIOS = {"precision": "precision", "recall": "recall", "f1": "F1", "accuracy": "accuracy"}
LABEL = max(map(len, DECISIONS)) + 1
CORNER = "actual╲pred."
WIDEST_CELL = 18
GAP = 4
RATIOS_WIDTH = 26
LOOKS = ("right", "wrong", "heading", "good", "fair", "poor", "none")

Line = list[Segment]


class DecisionMatrix(AwaitsEvaluation, can_focus=True):
    """Counts of tool_call (the positive class) and direct_answer; ratios with their change."""

    DEFAULT_CSS = """
    DecisionMatrix {
        height: auto;
        & > .decision-matrix--right { background: $heat; }
        & > .decision-matrix--wrong { background: $poor; }
        & > .decision-matrix--heading { color: $faint; }
        & > .decision-matrix--good { color: $good; }
        & > .decision-matrix--fair { color: $fair; }
        & > .decision-matrix--poor { color: $poor; }
        & > .decision-matrix--none { color: $faint; }
    }
    """
    COMPONENT_CLASSES = {f"decision-matrix--{look}" for look in LOOKS}

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.border_title = "Decisions"
        self._now: BinaryFigures | None = None
        self._before: BinaryFigures | None = None
        self._strips: list[Strip] | None = None

    def show(self, decision: BinaryFigures | None, previous: BinaryFigures | None = None) -> None:
        """Show the decisions of an evaluation, compared with those of the previous one."""
        self._now, self._before = decision, previous
        self._invalidate()

    def wait(self, text: str) -> None:
        """Say what the pane waits for."""
        super().wait(text)
        self._invalidate()

    # Painting

    def on_resize(self) -> None:
        self._invalidate()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._invalidate()

    def _invalidate(self) -> None:
        self._strips = None
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The height of headings, rows and ratios."""
        return 1 + len(COUNTS) + len(RATIOS)

    def render_line(self, y: int) -> Strip:
        """One line of the view."""
        if self._strips is None:
            self._strips = [self._strip(line) for line in self._lines()]
        return self._strips[y] if y < len(self._strips) else self._strip([])

    def _strip(self, line: Line) -> Strip:
        return Strip(line).adjust_cell_length(self.size.width, self.rich_style)

    def _lines(self) -> list[Line]:
        width, height = self.size
        if self._now is None:
            message = self._text(self.EMPTY.center(width), "heading")
            return [[] for _ in range((height - 1) // 2)] + [[message]]
        matrix, ratios = self._matrix(self._now), self._ratios(self._now)
        beside = width - GAP - RATIOS_WIDTH
        if beside >= LABEL + 2 * WIDEST_CELL:
            return _beside(matrix, ratios, Segment(" " * GAP, self.rich_style))
        blank: list[Line] = [[]] if height > len(matrix) + len(ratios) else []
        return [*matrix, *blank, *ratios]

    def _matrix(self, now: BinaryFigures) -> list[Line]:
        """Headings, and a row for each actual decision. A cell's shade is its share of the row."""
        cell = max(1, min(WIDEST_CELL, (self.size.width - LABEL) // 2))
        headings = "".join(pad(f"{name} ", cell, left=False) for name in DECISIONS)
        lines = [[self._text(pad(CORNER, LABEL) + headings, "heading")]]
        for actual, (name, counts) in enumerate(zip(DECISIONS, COUNTS, strict=True)):
            row = [self._text(pad(name, LABEL), "heading")]
            total = sum(getattr(now, count) for count in counts)
            for predicted, count in enumerate(counts):
                samples: int = getattr(now, count)
                text = f"{_number(samples, cell - 4)} {count.upper()} "
                style = self._shaded(samples / max(1, total), actual == predicted)
                row.append(Segment(pad(text, cell, left=False), style))
            lines.append(row)
        return lines

    def _shaded(self, share: float, right: bool) -> Style:
        if share == 0:
            return self._style("heading")
        shades = heat(
            self.background_colors[1],
            self.get_component_styles("decision-matrix--right").background,
            self.get_component_styles("decision-matrix--wrong").background,
        )
        return (shades.right if right else shades.wrong)[shade(share)]

    def _ratios(self, now: BinaryFigures) -> list[Line]:
        """Each ratio with its grade and its change."""
        lines = []
        for key, name in RATIOS.items():
            value = getattr(now, key)
            quality = grade(value)
            arrow, gain = change(value, getattr(self._before, key, None))
            look = "good" if arrow == "▲" else "poor" if arrow == "▼" else "heading"
            lines.append(
                [
                    self._text(pad(name, 10), "heading"),
                    self._text(f"{share_text(value)} {MARKS[quality]} ", quality),
                    self._text(f"{arrow} {gain}", look),
                ]
            )
        return lines

    def _text(self, text: str, look: str) -> Segment:
        return Segment(text, self._style(look))

    def _style(self, look: str) -> Style:
        return self.get_component_rich_style(f"decision-matrix--{look}")


def _beside(left: list[Line], right: list[Line], gap: Segment) -> list[Line]:
    """Put two blocks side by side. All lines of the left one have the same width."""
    blank = [Segment(" " * Strip(left[0]).cell_length, gap.style)]
    left = left + [blank] * (len(right) - len(left))
    return [[*one, gap, *other] for one, other in zip(left, right, strict=True)]


def _number(count: int, width: int) -> str:
    full = f"{count:,}"
    return full if len(full) <= width else compact(count)
