"""Tokenised: the tokens of a text, each above its id."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trm_engine.printable import printable
from trm_engine.runs.schema.answers import Tokenization
from trm_engine.vocabulary import ROLES
from trm_tui.keys import TOKENS, bindings
from trm_tui.text.figures import clip, pad

BAR = "│"
LINES = 3
"""Lines per row of tokens: pieces, ids, a blank line. Without ids there is one line."""

MARKER = -1
"""``begin`` of a token that is not in the text."""


@dataclass(frozen=True)
class Token:
    """A token and its characters in the turn's text."""

    piece: str
    id: int
    begin: int
    end: int
    turn: int = 0
    role: str = ""

    @cached_property
    def piece_width(self) -> int:
        """Width of the piece in cells."""
        return max(cell_len(self.piece), 1)

    @property
    def width(self) -> int:
        """Width of piece and id in cells."""
        return max(self.piece_width, len(str(self.id)))


def tokens_of(tokenization: Tokenization) -> list[Token]:
    """The tokens of a text or a conversation."""
    each = tokenization.tokens
    columns = (each.pieces, each.ids, each.begins, each.ends, each.turns, each.roles)
    return [
        Token(printable(piece).replace("\n", "\\n"), *rest)
        for piece, *rest in zip(*columns, strict=True)
    ]


def rows_of(widths: Sequence[int], width: int) -> list[int]:
    """The first token of each row, for tokens of these widths with bars between them."""
    starts, used = [], width
    for place, each in enumerate(widths):
        needed = min(each, max(width - 2, 1)) + 1
        if used + needed > width:
            starts.append(place)
            used = 1
        used += needed
    return starts


class Tokenised(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows tokens in rows, and details of the token under the cursor.

    With ``by_role`` a token has the colour of its turn's role.
    """

    ALLOW_MAXIMIZE = False
    DEFAULT_CSS = """
    Tokenised {
        height: auto;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 0;
        scrollbar-gutter: stable;
        & > .tokens--faint { color: $faint; }
        & > .tokens--even { background: $surface; }
        & > .tokens--odd { background: $panel; }
        & > .tokens--cursor { text-style: underline; color: $accent; }
        &:focus > .tokens--cursor { text-style: reverse; }
        & > .tokens--system { color: $faint; }
        & > .tokens--user { color: $series-1; }
        & > .tokens--assistant { color: $series-3; }
        & > .tokens--tool_call { color: $series-2; }
        & > .tokens--tool_response { color: $series-4; }
    }
    """
    COMPONENT_CLASSES = {f"tokens--{look}" for look in ("faint", "even", "odd", "cursor", *ROLES)}
    BINDINGS = bindings(TOKENS)

    @dataclass
    class Chosen(Message):
        """The user selected a token."""

        id: int

    @dataclass
    class Moved(Message):
        """The cursor moved to another token."""

        token: Token

    def __init__(self, by_role: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self._by_role = by_role
        self._has_ids = True
        self._tokens: list[Token] = []
        self._texts: Sequence[str] = ()
        self._starts: list[int] = []
        self._cursor = 0

    def show(self, tokenization: Tokenization, texts: Sequence[str] = ()) -> None:
        """Show tokens; ``texts`` are those of the turns."""
        self._tokens, self._texts = tokens_of(tokenization), texts
        self._cursor = min(self._cursor, max(len(self._tokens) - 1, 0))
        self._lay_out()
        self.refresh(layout=True)

    # Layout

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line of details, and the rows."""
        return 1 + self._height(len(rows_of(self._widths(), width)))

    def on_resize(self, event: events.Resize) -> None:
        """Lay out the rows for the new width."""
        self._lay_out()
        self._show_cursor()

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width
        self._starts = rows_of(self._widths(), width) if width else []
        self.virtual_size = Size(0, 1 + self._height(len(self._starts)))
        self.scroll_y = self.validate_scroll_y(self.scroll_y)

    def _widths(self) -> list[int]:
        """The width of each token in cells."""
        return [token.width if self._has_ids else token.piece_width for token in self._tokens]

    @property
    def _lines(self) -> int:
        return LINES if self._has_ids else 1

    def _height(self, rows: int) -> int:
        """The lines of this many rows, without the last blank line."""
        return max(rows * self._lines - (self._lines > 1), 0)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """One line: the details on top, then pieces and ids."""
        width = self.scrollable_content_region.width
        if y == 0:
            return self._facts(width)
        row, line = divmod(y - 1 + self.scroll_offset.y, self._lines)
        if row >= len(self._starts) or line == LINES - 1:
            return Strip.blank(width, self.rich_style)
        segments = self._row(row, line, width)
        return Strip(segments).adjust_cell_length(width, self.rich_style)

    def _facts(self, width: int) -> Strip:
        faint = self._style("faint")
        text = clip(" · ".join(self._details()), width)
        return Strip([Segment(text, faint)]).adjust_cell_length(width, self.rich_style)

    def _details(self) -> Iterator[str]:
        """The number of tokens, and the token under the cursor."""
        count = len(self._tokens)
        if not count:
            yield "no tokens"
            return
        token = self._tokens[self._cursor]
        yield f"{count:,} token{'s' * (count != 1)}"
        yield f"{self._cursor + 1:,}: {token.piece}"
        yield f"id {token.id}"
        if token.begin != MARKER:
            where = f"characters {token.begin:,} to {token.end:,}"
            text = self._texts[token.turn] if token.turn < len(self._texts) else ""
            part = printable(text[token.begin : token.end]).replace("\n", "\\n")
            yield f'{where} "{part}"' if part else where
        if self._by_role and token.role:
            yield f"turn {token.turn + 1}, {token.role}"

    def _row(self, row: int, line: int, width: int) -> Iterator[Segment]:
        """Pieces (line 0) or ids (line 1) of a row."""
        faint, cursor = self._style("faint"), self._partial("cursor")
        end = self._starts[row + 1] if row + 1 < len(self._starts) else len(self._tokens)
        yield Segment(BAR, faint)
        for place in range(self._starts[row], end):
            token = self._tokens[place]
            needed = token.width if self._has_ids else token.piece_width
            room = min(needed, max(width - 2, 1))
            style = self._style("odd" if place % 2 else "even")
            if self._by_role and token.role:
                style += self._partial(token.role)
            if place == self._cursor:
                style += cursor
            elif line:
                style += Style(color=faint.color)
            yield Segment(pad(str(token.id) if line else token.piece, room), style)
            yield Segment(BAR, faint)

    def _style(self, look: str) -> Style:
        return self.rich_style + self._partial(look)

    def _partial(self, look: str) -> Style:
        """Only the style that the component's own CSS sets."""
        rules = self.get_component_styles(f"tokens--{look}")
        full = self.get_component_rich_style(f"tokens--{look}")
        return rules.text_style + Style(
            color=full.color if rules.has_rule("color") else None,
            bgcolor=full.bgcolor if rules.has_rule("background") else None,
        )

    # The cursor

    def action_token(self, tokens: int) -> None:
        """Move the cursor by some tokens."""
        self._go_to(self._cursor + tokens)

    def action_line(self, rows: int) -> None:
        """Move the cursor by some rows, to the token at the same position."""
        row = self._row_of(self._cursor)
        to = min(max(row + rows, 0), max(len(self._starts) - 1, 0))
        if self._tokens and to != row:
            self._go_to(min(self._starts[to] + self._cursor - self._starts[row], self._last(to)))

    def action_ids(self) -> None:
        """Show or hide ids."""
        self._has_ids = not self._has_ids
        self._lay_out()
        self._show_cursor()
        self.refresh(layout=True)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a vocabulary pane, a token cannot be selected."""
        return action != "choose" or not self._by_role

    def action_choose(self) -> None:
        """Select the token under the cursor."""
        if self._tokens:
            self.post_message(self.Chosen(self._tokens[self._cursor].id))

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to the mouse."""
        offset = event.get_content_offset(self)
        if offset is None or offset.y < 1:
            return
        row = (offset.y - 1 + self.scroll_offset.y) // self._lines
        if row < len(self._starts):
            self._go_to(self._token_at(row, offset.x))

    def _token_at(self, row: int, x: int) -> int:
        widths = self._widths()
        place, used = self._starts[row], 1 + widths[self._starts[row]]
        while used < x and place < self._last(row):
            place += 1
            used += 1 + widths[place]
        return place

    def _last(self, row: int) -> int:
        is_last = row + 1 >= len(self._starts)
        return (len(self._tokens) if is_last else self._starts[row + 1]) - 1

    def _row_of(self, place: int) -> int:
        return max(bisect_right(self._starts, place) - 1, 0)

    def _go_to(self, place: int) -> None:
        if self._tokens:
            self._cursor = min(max(place, 0), len(self._tokens) - 1)
            self._show_cursor()
            self.refresh()
            self.post_message(self.Moved(self._tokens[self._cursor]))

    def _show_cursor(self) -> None:
        """Scroll just enough to show the cursor's row."""
        height = max(self._lines - 1, 1)
        line = self._row_of(self._cursor) * self._lines
        seen = max(self.scrollable_content_region.height - 1, 1)
        top = min(max(self.scroll_offset.y, line + height - seen), line)
        self.scroll_to(y=max(top, 0), animate=False, force=True)
