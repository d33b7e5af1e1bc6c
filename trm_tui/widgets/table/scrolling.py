"""Panes that scroll, with the same keys everywhere."""

from __future__ import annotations

from textual.containers import VerticalScroll
from textual.widget import Widget


class Scroller(VerticalScroll, can_focus=True, inherit_bindings=False):
    """Scrolls its content. The surrounding pane has the keys."""

    ALLOW_MAXIMIZE = False
    DEFAULT_CSS = """
    Scroller { scrollbar-size-vertical: 1; scrollbar-gutter: stable; }
    """


class ScrollKeys(Widget):
    """A pane whose keys scroll ``scrolled()``."""

    def scrolled(self) -> Widget:
        """The widget that scrolls."""
        return self.query_one(Scroller)

    def action_step(self, rows: int) -> None:
        """Scroll by some rows."""
        self.scrolled().scroll_relative(y=rows, animate=False)

    def action_page(self, pages: int) -> None:
        """Scroll by a page."""
        self.action_step(pages * max(self.scrolled().scrollable_content_region.height, 1))

    def action_first(self) -> None:
        """Scroll to the first row."""
        self.scrolled().scroll_to(y=0, animate=False)

    def action_last(self) -> None:
        """Scroll to the last row."""
        self.scrolled().scroll_to(y=self.scrolled().max_scroll_y, animate=False)
