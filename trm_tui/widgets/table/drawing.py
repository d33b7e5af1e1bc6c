"""Drawing: a widget that shows a Rich renderable and caches it per width."""

from __future__ import annotations

from rich.console import RenderableType
from rich.style import Style
from rich.text import Text
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

WIDTHS = 2
"""Number of cached widths: with and without a scrollbar."""


class Drawing(Widget):
    """Shows the result of ``draw``, at its full height."""

    DEFAULT_CSS = """
    Drawing { height: auto; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._strips: dict[int, list[Strip]] = {}

    def draw(self, width: int) -> RenderableType:
        """The content for a width in cells."""
        raise NotImplementedError

    def invalidate(self) -> None:
        """Redraw. The screen is laid out again only if the height changed."""
        width = self.size.width
        height = len(self._strips.pop(width, ()))
        self._strips.clear()
        is_as_high = bool(height) and len(self._drawn(width)) == height
        self.refresh(layout=not is_as_high)

    def look(self, name: str) -> Style:
        """The style of a component class."""
        return self.get_component_rich_style(name, partial=True)

    def found(self, text: Text, words: str, name: str) -> Text:
        """``text`` with all occurrences of ``words`` in the style of a component class."""
        if words:
            text.highlight_words([words], self.look(name), case_sensitive=False)
        return text

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The number of rows of the content."""
        return len(self._drawn(width))

    def render_line(self, y: int) -> Strip:
        """One cached row."""
        strips = self._drawn(self.size.width)
        return strips[y] if y < len(strips) else Strip.blank(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        """Redraw with new colours."""
        super().notify_style_update()
        self._strips.clear()

    def _drawn(self, width: int) -> list[Strip]:
        if width not in self._strips:
            if len(self._strips) >= WIDTHS:
                self._strips.clear()
            self._strips[width] = self._draw(width) if width else []
        return self._strips[width]

    def _draw(self, width: int) -> list[Strip]:
        console = self.app.console
        options = console.options.update(width=width, height=None, highlight=False)
        lines = console.render_lines(self.draw(width), options, pad=False)
        base = self.rich_style
        return [Strip(line).adjust_cell_length(width).apply_style(base) for line in lines]
