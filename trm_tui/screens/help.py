"""HelpScreen: all keys, those of the focused pane and its screen before the others."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest

from rich.cells import cell_len, set_cell_size
from rich.console import RenderableType
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.keys import format_key
from textual.screen import ModalScreen
from textual.widgets import Static

from trm_tui.keys import KEYS, ROWS, binding_id, bindings
from trm_tui.text.wrapped import wrap
from trm_tui.widgets.table.drawing import Drawing
from trm_tui.widgets.table.scrolling import Scroller, ScrollKeys

ABOUT = "The keys of a pane work while it has the focus. Focus it with tab or a click."
OTHERS = "Keys of other panes and screens. To change keys, see trm-tui keys --help."
COLUMN_WIDTH = 44
GAP = 3

Section = tuple[str, list[tuple[str, str]]]


class HelpTable(Drawing):
    """The sections of the key table, in as many columns as fit."""

    DEFAULT_CSS = """
    HelpTable > .help--section { color: $primary; text-style: bold; }
    HelpTable > .help--first { color: $accent; text-style: bold; }
    HelpTable > .help--key { text-style: bold; }
    """
    COMPONENT_CLASSES = {"help--section", "help--first", "help--key"}

    def __init__(self, sections: Sequence[Section], first: str | None) -> None:
        super().__init__()
        self._sections = sections
        self._first = first

    def draw(self, width: int) -> RenderableType:
        """All sections."""
        count = max((width + GAP) // (COLUMN_WIDTH + GAP), 1)
        room = (width + GAP) // count - GAP
        columns = in_columns(self._sections, count)
        lines = zip_longest(*(self._lines(column, room) for column in columns), fillvalue=Text())
        return Text("\n", no_wrap=True).join(_side_by_side(line, room) for line in lines)

    def _lines(self, sections: Sequence[Section], width: int) -> Iterator[Text]:
        """The lines of one column."""
        key_width = max(cell_len(shown) for _, keys in self._sections for shown, _ in keys) + 2
        for title, keys in sections:
            look = "help--first" if title == self._first else "help--section"
            yield Text(title, self.look(look))
            for shown, what in keys:
                first, *more = wrap(what, width - key_width)
                key = Text(set_cell_size(shown, key_width), self.look("help--key"))
                yield Text().append_text(key).append(first.rstrip())
                yield from (Text(" " * key_width + part.rstrip()) for part in more)
            yield Text()


class HelpScreen(ModalScreen[None], ScrollKeys):
    """All keys, below a description of the screen.

    The sections ``here`` come first, in this order. ``keymap`` has the user's own keys.
    """

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
        & .others { border-top: solid $faint; color: $faint; }
    }
    """
    BINDINGS = [
        Binding("question_mark,f1,escape,q", "close", "Close", show=False),
        *bindings(ROWS),
    ]

    def __init__(
        self, here: Iterable[str] = (), about: str = "", keymap: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self._about = f"{about} {ABOUT}".strip()
        self._here, self._others = sections(here, keymap)

    def compose(self) -> ComposeResult:
        with Vertical(id="help") as box:
            box.border_title = "Keys"
            box.border_subtitle = "↑ ↓ scroll · ? esc q close"
            with Scroller():
                yield Static(self._about, markup=False)
                if self._here:
                    yield HelpTable(self._here, self._here[0][0])
                    yield Static(OTHERS, classes="others", markup=False)
                yield HelpTable(self._others, None)

    def action_close(self) -> None:
        """Close the help."""
        self.dismiss(None)


def sections(
    here: Iterable[str] = (), keymap: Mapping[str, str] | None = None
) -> tuple[list[Section], list[Section]]:
    """The key table as sections, those ``here`` in their order, and the others.

    A section is a title with pairs of key and help.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for where, shown, what in table(keymap):
        found.setdefault(where, []).append((shown, what))
    first = [(where, found.pop(where)) for where in dict.fromkeys(here) if where in found]
    return first, list(found.items())


def in_columns(sections: Sequence[Section], count: int) -> list[list[Section]]:
    """Distribute the sections over ``count`` columns, each into the shortest so far."""
    columns: list[list[Section]] = [[] for _ in range(count)]
    heights = [0] * count
    for section in sections:
        shortest = heights.index(min(heights))
        columns[shortest].append(section)
        heights[shortest] += len(section[1]) + 2
    return columns


def _side_by_side(cells: Sequence[Text], width: int) -> Text:
    line = Text()
    for position, cell in enumerate(cells):
        line.pad_right(position * (width + GAP) - line.cell_len)
        line.append_text(cell)
    return line


def table(keymap: Mapping[str, str] | None = None) -> Iterator[tuple[str, str, str]]:
    """All keys for the help screen: part, key, help. ``keymap``: the user's keys by binding id."""
    for where, keys in KEYS.items():
        for key in keys:
            own = (keymap or {}).get(binding_id(where, key), "")
            if shown := _in_words(own) if own else key.shown:
                yield where, shown, key.help


def _in_words(keys: str) -> str:
    """Textual's names of keys, separated by commas, as the user reads them."""
    return " ".join(_key_in_words(key) for key in keys.split(","))


def _key_in_words(key: str) -> str:
    *modifiers, last = key.split("+")
    return "+".join((*modifiers, format_key(last))).replace("ctrl+", "^")
