"""ProblemList and ProblemText: what is wrong with a data file, most costly first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult

from trm_engine.data.problems.view import FoundProblem
from trm_engine.printable import one_line
from trm_tui.keys import FIGURES, ROWS, bindings
from trm_tui.text.figures import MARKS, Grade
from trm_tui.widgets.data.figures import percent
from trm_tui.widgets.table.columns import Cells, Column, Layout
from trm_tui.widgets.table.drawing import Drawing
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys
from trm_tui.widgets.table.selecting import SelectingList, SelectingRows, having

NONE = "No problems"
READING = "reading…"
MOST_NOTES = 100
GRADES: dict[str, Grade] = {"high": "poor", "medium": "fair", "low": "none"}
COST_MARKS = {"high": MARKS["good"], "medium": MARKS["fair"], "low": MARKS["poor"]}
"""The more is filled, the higher the cost."""


class ProblemRows(SelectingRows):
    """One row a kind of problem."""

    EMPTY = READING

    def __init__(self) -> None:
        super().__init__()
        self._samples = 0

    def show(self, problems: Sequence[FoundProblem], samples: int, empty: str) -> None:
        """Show problems of a file with so many samples."""
        self._samples = samples
        self.put(problems, empty, keep_row=True)

    def columns(self) -> Sequence[Column]:
        """Cost, title, samples, share."""
        return [
            Column("mark", "", 1),
            Column("cost", "cost", 6, rank=3, left=True),
            Column("title", "problem", 24, most=60, left=True),
            Column("samples", "samples", 8),
            Column("share", "share", 7, rank=1),
        ]

    def cells(self, row: int, layout: Layout) -> Cells:
        """One kind of problem."""
        problem = self._items[row]
        grade = GRADES[problem.kind.cost]
        share = problem.samples / max(self._samples, 1)
        return {
            "mark": (COST_MARKS[problem.kind.cost], grade),
            "cost": (problem.kind.cost, grade),
            "title": (problem.kind.title, ""),
            "samples": (f"{problem.samples:,}", ""),
            "share": (percent(share), "none"),
        }


class ProblemList(SelectingList[ProblemRows]):
    """The problems of a data file."""

    BORDER_TITLE = "Problems"
    DEFAULT_CSS = "ProblemList { height: 1fr; }"
    BINDINGS = bindings(FIGURES)

    class Selected(SelectingList.Selected):
        """The cursor is on another problem."""

    class Opened(SelectingList.Opened):
        """Request to go to the samples."""

    def __init__(self, **options: Any) -> None:
        super().__init__(ProblemRows(), "words of a problem", **options)
        self._problems: Sequence[FoundProblem] = ()
        self._samples = 0

    def show(self, problems: Sequence[FoundProblem], samples: int) -> None:
        """Show the problems of a file."""
        self._problems, self._samples = problems, samples
        self.narrow(self.words)

    def say(self, status: str) -> None:
        """Show a status while the file is read."""
        self._rows.show([], 0, status)

    def narrow(self, words: str) -> None:
        """Show only problems with these words."""
        shown = having(words, self._problems, _text)
        self._rows.show(shown, self._samples, "No such problem" if words else NONE)


class Explanation(Drawing):
    """The text about a problem."""

    DEFAULT_CSS = """
    Explanation > .explanation--faint { color: $faint; }
    Explanation > .explanation--heading { color: $primary; text-style: bold; }
    """
    COMPONENT_CLASSES = {"explanation--faint", "explanation--heading"}

    def __init__(self) -> None:
        super().__init__()
        self._problem: FoundProblem | None = None
        self._notes: Sequence[str] = ()

    def show(self, problem: FoundProblem | None, notes: Sequence[str]) -> None:
        """Explain a problem, or show notes about the file if there is none."""
        self._problem, self._notes = problem, notes
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """Explanation, repair, and what was found."""
        faint = self.look("explanation--faint")
        notes = [Text(one_line(note), faint) for note in self._notes]
        if self._problem is None:
            return Group(*notes)
        return Group(*self._parts(self._problem), *notes)

    def _parts(self, problem: FoundProblem) -> Iterator[RenderableType]:
        heading = self.look("explanation--heading")
        yield Text(problem.kind.explanation)
        yield Text.assemble(("Repair: ", heading), problem.kind.repair)
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(justify="right", no_wrap=True)
        table.add_column(overflow="fold")
        counts = list(problem.table.note_counts().items())
        for note, count in counts[:MOST_NOTES]:
            table.add_row(f"{count:,}", Text(one_line(note)))
        if len(counts) > MOST_NOTES:
            table.add_row("", Text(f"and {len(counts) - MOST_NOTES:,} more"))
        yield Text("Found", heading)
        yield table


class ProblemText(ScrollKeys):
    """Explains the selected problem."""

    ALLOW_MAXIMIZE = True
    BORDER_TITLE = "What it means"
    DEFAULT_CSS = "ProblemText { height: 1fr; }"
    BINDINGS = bindings(ROWS)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._text = Explanation()

    def compose(self) -> ComposeResult:
        with Scroller():
            yield self._text

    def show(self, problem: FoundProblem | None, notes: Sequence[str]) -> None:
        """Show another problem from its start."""
        self._text.show(problem, notes)
        self.action_first()


def _text(problem: FoundProblem) -> str:
    kind = problem.kind
    return " ".join((kind.title, kind.name, kind.cost, *problem.table.notes)).casefold()
