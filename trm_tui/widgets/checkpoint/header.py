"""InspectHeader: the file's name and the current activity in one row."""

from __future__ import annotations

from rich.style import Style
from rich.text import Text
from textual.app import RenderResult
from textual.widget import Widget

from trm_engine.printable import one_line

GAP = "   "


class InspectHeader(Widget):
    """The file's name, its facts, and the current activity at the right end."""

    DEFAULT_CSS = """
    InspectHeader { height: 1; padding: 0 1; }
    InspectHeader .inspect-header--note { color: $faint; }
    InspectHeader .inspect-header--busy { color: $accent; }
    """
    COMPONENT_CLASSES = {"inspect-header--note", "inspect-header--busy"}

    def __init__(self) -> None:
        super().__init__()
        self._shown = ""
        self._figures: tuple[str, ...] = ()
        self._busy = ""

    def show(self, name: str, figures: tuple[str, ...], busy: str) -> None:
        """Set the texts. Redraws only if they changed."""
        if (name, figures, busy) != (self._shown, self._figures, self._busy):
            self._shown, self._figures, self._busy = name, figures, busy
            self.refresh()

    def render(self) -> RenderResult:
        """One row; facts that do not fit are left out."""
        width = self.content_size.width
        busy = Text(one_line(self._busy), self._look("busy"))
        line = Text(one_line(self._shown), Style(bold=True))
        room = width - busy.cell_len - len(GAP)
        for figure in self._figures:
            if line.cell_len + len(GAP) + len(figure) <= room:
                line.append(GAP).append(figure, self._look("note"))
        line.truncate(max(room, 1), overflow="ellipsis", pad=True)
        return line.append(GAP).append_text(busy)

    def _look(self, name: str) -> Style:
        style = self.get_component_rich_style(f"inspect-header--{name}", partial=True)
        return Style(color=style.color)
