"""ToolRanking: all tools with their probabilities."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.console import RenderableType
from rich.text import Text

from trm_engine.printable import one_line
from trm_engine.runs.schema.answers import RankedTool
from trm_tui.text.figures import bar, pad, share_text
from trm_tui.widgets.table.drawing import Drawing

MIN_NAME, MAX_NAME = 8, 28
PROBABILITY = 6
MAX_BAR = 40


class ToolRanking(Drawing):
    """Lists the tools on offer, the most probable first."""

    DEFAULT_CSS = """
    ToolRanking {
        & > .ranking--heading { color: $primary; text-style: bold; }
        & > .ranking--bar { color: $series-1; }
    }
    """
    COMPONENT_CLASSES = {"ranking--heading", "ranking--bar"}

    def __init__(self) -> None:
        super().__init__()
        self._tools: Sequence[RankedTool] = ()

    def show(self, tools: Sequence[RankedTool]) -> None:
        """Show a ranking; an empty one shows nothing."""
        self._tools = tools
        self.invalidate()

    def draw(self, width: int) -> RenderableType:
        """A heading, then one row per tool."""
        if not self._tools:
            return Text()
        names = max(cell_len(one_line(each.name)) for each in self._tools)
        name = min(max(names, MIN_NAME), MAX_NAME, max(width // 2, 1))
        room = min(max(width - name - PROBABILITY - 2, 0), MAX_BAR)
        lines = [Text("Tools", self.look("ranking--heading"))]
        lines += [self._row(tool, name, room) for tool in self._tools]
        return Text("\n", no_wrap=True).join(lines)

    def _row(self, tool: RankedTool, name: int, room: int) -> Text:
        line = Text(pad(one_line(tool.name), name))
        line.append(f" {share_text(tool.probability):>{PROBABILITY}} ")
        return line.append(bar(tool.probability, room), self.look("ranking--bar"))
