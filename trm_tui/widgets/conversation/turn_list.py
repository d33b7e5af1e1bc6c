"""TurnList: the turns of a conversation, with a cursor and marked texts."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trm_engine.printable import one_line
from trm_engine.vocabulary import ROLES
from trm_engine.wording import counted
from trm_tui.keys import TURNS, bindings
from trm_tui.store.step_answer import PREDICTED, TRUE, UNSEEN
from trm_tui.text.marked import Kinds, Span, marked_text

CURSOR = "cursor"
"""Kind of the span of the selected token."""

LONGEST_TEXT = 20_000
INDENT = 2
BAR = "▌"
BLANK = "…"
BOTH = frozenset({TRUE, PREDICTED})
LOOKS = ("faint", "problem", "true", "predicted", "both", "unseen", "cursor", "bar", *ROLES)


@dataclass(frozen=True)
class ShownTurn:
    """A turn to show. Spans are offsets in ``text``."""

    role: str
    text: str
    spans: tuple[Span, ...] = ()
    note: str = ""
    problem: str = ""


class TurnList(ScrollView, can_focus=True, inherit_bindings=False):
    """Lists turns. Only changed turns are laid out again."""

    ALLOW_MAXIMIZE = False
    DEFAULT_CSS = """
    TurnList {
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > .turns--faint { color: $faint; }
        & > .turns--problem { color: $error; }
        & > .turns--bar { color: $accent; }
        & > .turns--system { color: $faint; text-style: bold; }
        & > .turns--user { color: $series-1; text-style: bold; }
        & > .turns--assistant { color: $series-3; text-style: bold; }
        & > .turns--tool_call { color: $series-2; text-style: bold; }
        & > .turns--tool_response { color: $series-4; text-style: bold; }
        & > .turns--true { color: $good; text-style: bold underline; }
        & > .turns--predicted { color: $accent; text-style: reverse; }
        & > .turns--both { color: $good; text-style: reverse underline; }
        & > .turns--unseen { color: $faint; text-style: dim italic; }
        & > .turns--cursor { text-style: bold underline; color: $accent; }
    }
    """
    COMPONENT_CLASSES = {f"turns--{look}" for look in LOOKS}
    BINDINGS = bindings(TURNS)

    @dataclass
    class Moved(Message):
        """The user moved the cursor to the turn at ``place``."""

        place: int

    @dataclass
    class Opened(Message):
        """The user wants to edit the turn under the cursor."""

    def __init__(self) -> None:
        super().__init__()
        self._turns: Sequence[ShownTurn] = ()
        self._place = 0
        self._laid_out: dict[ShownTurn, list[Strip]] = {}
        self._starts: list[int] = [0]
        self._width = 0

    def show(self, turns: Sequence[ShownTurn], place: int) -> None:
        """Show turns, with the cursor on one of them."""
        before = (self._place, len(self._turns), self._starts[-1])
        self._turns, self._place = turns, place
        self._lay_out()
        if before != (place, len(turns), self._starts[-1]):
            self.show_cursor()
        self.refresh()

    def show_cursor(self) -> None:
        """Scroll just enough to show the turn under the cursor, or at least its end."""
        if self._place + 1 >= len(self._starts):  # not laid out yet
            return
        begin, end = self._starts[self._place], self._starts[self._place + 1]
        seen = max(self.scrollable_content_region.height, 1)
        top = self.scroll_offset.y
        if begin < top or end > top + seen:
            top = begin if begin < top and end - begin <= seen else end - seen
        self.scroll_to(y=max(top, 0), animate=False, force=True)

    # Layout and drawing

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the lines for the new width."""
        self._lay_out()
        self.show_cursor()

    def notify_style_update(self) -> None:
        """Redraw, as theme or focus changed."""
        super().notify_style_update()
        self.call_later(self._recolour)  # the styles of the components come after this

    def _recolour(self) -> None:
        self._laid_out.clear()
        self._lay_out()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of a turn, with the cursor's bar."""
        y += self.scroll_offset.y
        width = self.scrollable_content_region.width
        place = bisect_right(self._starts, y) - 1
        lines = self._laid_out.get(self._turns[place]) if place < len(self._turns) else None
        if lines is None:  # after the last turn, or not laid out yet
            return Strip.blank(width, self.rich_style)
        line = lines[y - self._starts[place]]
        if place != self._place:
            return line
        bar = Segment(BAR, self.rich_style + self._look("bar"))
        return Strip([bar, *line.crop(1, width)], width)

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        if not self.is_attached or not width:
            return
        known = self._laid_out if width == self._width else {}
        self._laid_out = {turn: known.get(turn) or self._lines(turn, width) for turn in self._turns}
        heights = (len(self._laid_out[turn]) for turn in self._turns)
        self._starts = [0, *accumulate(heights)]
        self._width = width
        self.virtual_size = Size(width, self._starts[-1])

    def _lines(self, turn: ShownTurn, width: int) -> list[Strip]:
        """The lines of a turn: role, text and problem."""
        room = max(width - INDENT, 1)
        role = Text(turn.role, self._look(turn.role))
        if turn.note:
            role.append(f"  {one_line(turn.note)}", self._look("faint"))
        lines = [Text(" ").append_text(role)]
        console = self.app.console
        for line in self._text(turn).wrap(console, room, overflow="fold"):
            lines.append(Text(" " * INDENT).append_text(line))
        if turn.problem:
            problem = Text(f"✗ {one_line(turn.problem)}", self._look("problem"))
            lines += [
                Text(" " * INDENT).append_text(line)
                for line in problem.wrap(console, room, overflow="fold")
            ]
        base = self.rich_style
        return [
            Strip(line.render(console, end="")).adjust_cell_length(width).apply_style(base)
            for line in lines
        ]

    def _text(self, turn: ShownTurn) -> Text:
        if not turn.text.strip():
            return Text(BLANK, self._look("faint"))
        shown = marked_text(turn.text[:LONGEST_TEXT], turn.spans, self._marked)
        if len(turn.text) > LONGEST_TEXT:
            rest = f"\n… {counted(len(turn.text) - LONGEST_TEXT, 'more character')}"
            shown.append(rest, self._look("faint"))
        return shown

    def _marked(self, kinds: Kinds) -> Style:
        look = Style.null()
        if UNSEEN in kinds:
            look += self._look("unseen")
        if kinds >= BOTH:
            look += self._look("both")
        elif TRUE in kinds:
            look += self._look("true")
        elif PREDICTED in kinds:
            look += self._look("predicted")
        return look + self._look(CURSOR) if CURSOR in kinds else look

    def _look(self, name: str) -> Style:
        return self.get_component_rich_style(f"turns--{name}", partial=True)

    # The cursor

    def action_step(self, turns: int) -> None:
        """Move by some turns. At the ends, scroll the text."""
        to = min(max(self._place + turns, 0), len(self._turns) - 1)
        if to == self._place:
            self.scroll_relative(y=turns, animate=False)
        else:
            self.post_message(self.Moved(to))

    def action_page(self, pages: int) -> None:
        """Move by a page."""
        seen = max(self.scrollable_content_region.height, 1)
        begin, end = self._starts[self._place], self._starts[self._place + 1]
        line = min(max(self.scroll_offset.y, begin), end - 1) + pages * seen
        to = min(max(bisect_right(self._starts, line) - 1, 0), len(self._turns) - 1)
        if to == self._place:
            self.scroll_relative(y=pages * seen, animate=False)
        else:
            self.post_message(self.Moved(to))

    def action_first(self) -> None:
        """Go to the first turn."""
        self.post_message(self.Moved(0))

    def action_last(self) -> None:
        """Go to the last turn."""
        self.post_message(self.Moved(len(self._turns) - 1))

    def action_open(self) -> None:
        """Edit the turn under the cursor."""
        self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the mouse. A double click edits."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        place = bisect_right(self._starts, offset.y + self.scroll_offset.y) - 1
        if place < len(self._turns):
            self.post_message(self.Moved(place))
            if event.chain == 2:
                self.action_open()
