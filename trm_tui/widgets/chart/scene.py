"""Scene: everything that a plot draws. And the styles of its cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trm_tui.store.trace import Trace, Window
from trm_tui.widgets.chart.canvas import Glyphs
from trm_tui.widgets.chart.ticks import Format, precise

COLOURS = 8
STYLES = ("plain", "axis", "label", "cursor", "hole", "note", "readout", "hidden", "selected")
PLAIN, AXIS, LABEL, CURSOR, HOLE, NOTE, READOUT, HIDDEN, SELECTED = range(len(STYLES))
KINDS = ("line", "envelope", "value")
LINE, ENVELOPE, VALUE = range(len(KINDS))


def style_of(colour: int, kind: int) -> int:
    """The index of a curve's style for its line, envelope or value in the readout."""
    return len(STYLES) + colour % COLOURS * len(KINDS) + kind


def style_names() -> list[str]:
    """The names of all styles, by index."""
    series = (f"{kind}-{number}" for number in range(1, COLOURS + 1) for kind in KINDS)
    return [*STYLES, *series]


@dataclass(frozen=True)
class Area:
    """A rectangle of cells."""

    row: int
    column: int
    rows: int
    columns: int

    def contains(self, column: int, row: int) -> bool:
        """Whether a cell is inside."""
        inside = 0 <= column - self.column < self.columns
        return inside and 0 <= row - self.row < self.rows


@dataclass(frozen=True)
class Scene:
    """Everything that a plot draws. ``window`` is the visible range of ``axis``.

    ``numbered`` writes a number at each curve, for terminals without colour.
    """

    traces: Sequence[Trace]
    axis: str
    window: Window
    smoothing: float
    glyphs: Glyphs
    hidden: frozenset[str] = frozenset()
    selected: int | None = None
    cursor: float | None = None
    log: bool = False
    robust: bool = False
    form: Format | None = None
    numbered: bool = False

    @property
    def visible(self) -> list[int]:
        """The visible curves in drawing order: the last one is on top."""
        shown = [n for n, trace in enumerate(self.traces) if trace.name not in self.hidden]
        return sorted(shown, key=lambda n: (n == self.selected, self.traces[n].points, -n))

    def column_of(self, x: float, columns: int) -> int:
        """The column of ``x``, out of ``columns`` equal columns."""
        low, high = self.window
        return min(int((x - low) / (high - low) * columns), columns - 1)

    def label_of(self, value: float) -> str:
        """A value as text."""
        return (self.form or precise)(value)
