"""HelpScreen: every key, those of the focused pane first."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text
from textual import events
from textual.app import ComposeResult, RenderResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Static

from trm_tui.keys import ROWS, bindings, table
from trm_tui.widgets.scrolling import Scroller, ScrollKeys

ABOUT = (
    "The tabs show one run: how it learns, how its evaluations come out, what it logs. All of it "
    "is read from the run's folder, so this screen can be left and opened again at any time. "
    "The keys of a pane work while it has the focus, which tab or a click gives it."
)
COLUMN_WIDTH = 44
GAP = 3

Section = tuple[str, list[tuple[str, str]]]


class HelpTable(Widget):
    """The sections of the key table, in as many columns as there is room for."""

    DEFAULT_CSS = """
    HelpTable { height: auto; }
    HelpTable > .help--section { color: $primary; text-style: bold; }
    HelpTable > .help--first { color: $accent; text-style: bold; }
    HelpTable > .help--key { text-style: bold; }
    """
    COMPONENT_CLASSES = {"help--section", "help--first", "help--key"}

    def __init__(self, first: str | None) -> None:
        super().__init__()
        self._first = first
        self._sections = sections(first)

    def on_resize(self, event: events.Resize) -> None:
        """More or fewer columns."""
        self.refresh(layout=True)

    def render(self) -> RenderResult:
        """All sections."""
        count = max(self.size.width // (COLUMN_WIDTH + GAP), 1)
        grid = Table.grid(padding=(0, GAP, 0, 0), expand=True)
        for _ in range(count):
            grid.add_column(ratio=1)
        columns = in_columns(self._sections, count)
        grid.add_row(*(Group(*map(self._section, column)) for column in columns))
        return grid

    def _section(self, section: Section) -> RenderableType:
        title, keys = section
        width = max(len(shown) for _, keys in self._sections for shown, _ in keys)
        rows = Table.grid(padding=(0, 2, 0, 0))
        rows.add_column(no_wrap=True, min_width=width)
        for shown, what in keys:
            rows.add_row(Text(shown, self._look("key")), Text(what))
        look = self._look("first" if title == self._first else "section")
        return Group(Text(title, look), rows, "")

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(f"help--{name}", partial=True)


class HelpScreen(ModalScreen[None], ScrollKeys):
    """The keys of every part, ``first`` before the others, and what the screen shows."""

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > #help {
            width: 100%; max-width: 172; height: auto; max-height: 100%; padding: 0 2;
            background: $surface;
            border: round $accent; border-title-style: bold; border-subtitle-color: $faint;
        }
        & Scroller { height: auto; max-height: 100%; }
        & Static { margin: 1 0; }
    }
    """
    BINDINGS = [
        Binding("question_mark,f1,escape,q", "close", "Close", show=False),
        *bindings(ROWS),
    ]

    def __init__(self, first: str | None = None, about: str = ABOUT) -> None:
        super().__init__()
        self._first = first
        self._about = about

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "↑ ↓ scroll · ? esc q close"
            with Scroller():
                yield Static(self._about, markup=False)
                yield HelpTable(self._first)

    def action_close(self) -> None:
        """Back to the screen."""
        self.dismiss(None)


def sections(first: str | None = None) -> list[Section]:
    """The key table by part of the app; ``first`` comes before the others if there is such a part.

    Each section is its name with pairs of key and meaning.
    """
    found: dict[str, list[tuple[str, str]]] = {first: []} if first else {}
    for where, shown, what in table():
        found.setdefault(where, []).append((shown, what))
    return [(where, keys) for where, keys in found.items() if keys]


def in_columns(sections: Sequence[Section], count: int) -> list[list[Section]]:
    """The sections in ``count`` columns, each below the one that is shortest by then."""
    columns: list[list[Section]] = [[] for _ in range(count)]
    heights = [0] * count
    for section in sections:
        shortest = heights.index(min(heights))
        columns[shortest].append(section)
        heights[shortest] += len(section[1]) + 2
    return columns
