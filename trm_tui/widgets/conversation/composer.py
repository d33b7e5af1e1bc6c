"""Composer: edits the text of one turn."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from rich.text import Text
from textual import events, on
from textual.content import Content
from textual.message import Message
from textual.widgets import TextArea

from trm_engine.errors import DataError
from trm_engine.printable import HIDDEN, JOINERS, one_line
from trm_tui.keys import COMPOSER, bindings
from trm_tui.sessions.pasted import read_conversation
from trm_tui.store.draft import Draft, DraftTurn
from trm_tui.text.figures import clip

PLACEHOLDERS = {
    "user": "What the user says",
    "assistant": "What the assistant answers",
    "system": "Instructions for the assistant",
    "tool_call": '{"name": "a_tool", "arguments": {"a_parameter": "a value"}}',
    "tool_response": "What the tool returns: JSON, or text",
}
CONTROL_PICTURES = 0x2400
"""First of Unicode's pictures of control characters."""

UNKNOWN = "\ufffd"
COLUMN = re.compile(r"column \d+")
MARGIN = 6
"""Cells of the border that a message leaves free."""


class Composer(TextArea, inherit_bindings=True):
    """Edits a turn. A pasted conversation is posted as a whole."""

    DEFAULT_CSS = """
    Composer {
        height: 5;
        background: transparent;
        border: round $faint;
        border-title-color: $foreground;
        border-subtitle-color: $faint;
        scrollbar-size-vertical: 1;
        &:focus { border: round $accent; border-title-style: bold; }
        &.-problem { border-subtitle-color: $error; }
        & .text-area--cursor-line { background: transparent; }
        & .text-area--placeholder { color: $faint; }
    }
    """
    BINDINGS = bindings(COMPOSER)

    class Typed(Message):
        """The text changed."""

    class Finished(Message):
        """The user finished the turn and wants the next one."""

    class Left(Message):
        """Leave the text."""

    @dataclass
    class RoleChanged(Message):
        """The user wants the next role (1) or the previous one (-1)."""

        roles: int

    @dataclass
    class HistoryMoved(Message):
        """The user wants to undo (-1) or redo (1)."""

        states: int

    @dataclass
    class Pasted(Message):
        """A whole conversation was pasted."""

        draft: Draft

    def __init__(self) -> None:
        super().__init__(soft_wrap=True, tab_behavior="focus", max_checkpoints=2)
        self._original = self._normalised = self._problem = ""

    @property
    def written(self) -> str:
        """The text. Until the user types, it is exactly the turn's text.

        The text area itself normalises line ends.
        """
        return self._original if self.text == self._normalised else self.text

    def take(self, turn: DraftTurn, place: int, count: int) -> None:
        """Edit a turn. The cursor goes to its end, unless the text is unchanged."""
        if turn.text != self.written:
            self.text = self._original = turn.text
            self._normalised = self.text
            self.move_cursor(self.document.end)
        self.placeholder = PLACEHOLDERS[turn.role]
        self.border_title = Content(f"{turn.role} · turn {place + 1:,} of {count:,}")
        self.set_class(bool(turn.problem), "-problem")
        self._problem = f"✗ {one_line(turn.problem)}" if turn.problem else ""
        self._show_problem()

    def _show_problem(self) -> None:
        room, problem = self.size.width - MARGIN, self._problem
        if (place := COLUMN.search(problem)) and place.end() >= room > 0:
            problem = f"✗ {place[0]}"  # the list has the whole problem
        self.border_subtitle = Content(clip(problem, room) if room > 0 else problem)

    def on_resize(self) -> None:
        """Keep the cursor in sight, as a narrower text has more lines."""
        self._show_problem()
        self.call_after_refresh(self.scroll_cursor_visible)

    async def _on_key(self, event: events.Key) -> None:
        """Enter finishes the turn; it is not a line break."""
        if event.key == "enter":
            event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        """A pasted conversation replaces the current one. Other text is inserted."""
        try:
            draft = read_conversation(event.text)
        except DataError as error:
            self.notify(f"Pasted as text: {error}", severity="warning")
            return
        if draft:
            event.prevent_default()
            event.stop()
            self.post_message(self.Pasted(draft))

    @on(TextArea.Changed)
    def _post_typed(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Typed())

    def get_line(self, line_index: int) -> Text:
        """A line of the text, with control characters as pictures."""
        line = self.document.get_line(line_index)
        return Text(pictured(line), end="", no_wrap=True)

    def action_finish(self) -> None:
        """Finish the turn."""
        self.post_message(self.Finished())

    def action_leave_turn(self) -> None:
        """Leave the text."""
        self.post_message(self.Left())

    def action_line_break(self) -> None:
        """Insert a line break."""
        self.insert("\n")

    def action_undo(self) -> None:
        """Undo."""
        self.post_message(self.HistoryMoved(-1))

    def action_redo(self) -> None:
        """Redo."""
        self.post_message(self.HistoryMoved(1))

    def action_next_role(self, roles: int) -> None:
        """Change the turn's role."""
        self.post_message(self.RoleChanged(roles))


def pictured(line: str) -> str:
    """A line with control and format characters as pictures, each one cell wide."""
    return line if line.isascii() and line.isprintable() else "".join(map(_picture, line))


def _picture(character: str) -> str:
    if character == "\t" or character in JOINERS or unicodedata.category(character) not in HIDDEN:
        return character
    return chr(CONTROL_PICTURES + ord(character)) if ord(character) < 32 else UNKNOWN
