"""ToolPanes: the matrix of tools and, where there is room, the samples of the cursor's cell."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.widget import Widget

from trm_tui.widgets.conversation.sample_reader import NO_LINES, Load, SampleReader
from trm_tui.widgets.matrix.tool import ToolMatrix

NO_SAMPLES = "No sample is in this cell. The key c goes to the largest confusion."


class ToolPanes(Widget):
    """The matrix takes the rows that it needs, and the samples the others."""

    DEFAULT_CSS = "ToolPanes { layout: vertical; height: 1fr; }"

    def __init__(self, load: Load) -> None:
        super().__init__()
        self._matrix = ToolMatrix(classes="panel")
        self._reader = SampleReader(load, classes="panel")

    def compose(self) -> ComposeResult:
        yield self._matrix
        yield self._reader

    def on_resize(self) -> None:
        """Give the matrix all the room if the samples have none."""
        self._fit()

    @on(ToolMatrix.Moved)
    def _show_cell(self, event: ToolMatrix.Moved) -> None:
        self._fit()
        empty = NO_LINES if event.count else NO_SAMPLES
        self._reader.show(event.lines, event.title, empty)

    def _fit(self) -> None:
        self._matrix.styles.max_height = self._matrix.whole_height if self._reader.display else None
