"""Composer: the text of one turn, as it is written."""

from __future__ import annotations

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
    "system": "What the assistant is told to be",
    "tool_call": '{"name": "a_tool", "arguments": {"a_parameter": "a value"}}',
    "tool_response": "What the tool returns: JSON, or text",
}
CONTROL_PICTURES = 0x2400
"""Where Unicode has a picture of each control character."""

UNKNOWN = "\ufffd"
MARGIN = 6
"""Cells of the border that a message in it must leave."""


class Composer(TextArea, inherit_bindings=True):
    """Edits the turn it is given; a conversation that is pasted is handed on as a whole."""

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
        """The turn has another text."""

    class Finished(Message):
        """The turn is complete: on to the next one."""

    class Left(Message):
        """Back to the turns."""

    @dataclass
    class RoleAsked(Message):
        """The turn shall have the next role, or the one before (-1)."""

        roles: int

    @dataclass
    class Travelled(Message):
        """The whole conversation goes back to what was before (-1), or forward again (1)."""

        states: int

    @dataclass
    class Pasted(Message):
        """A whole conversation was pasted."""

        draft: Draft

    def __init__(self) -> None:
        super().__init__(soft_wrap=True, tab_behavior="focus", max_checkpoints=2)
        self._given = self._as_kept = ""

    @property
    def written(self) -> str:
        """The text; to the letter the one that was given, until something is typed.

        The text area itself keeps one kind of line end only.
        """
        return self._given if self.text == self._as_kept else self.text

    def take(self, turn: DraftTurn, place: int, count: int) -> None:
        """Edit a turn, the cursor at its end unless its text is the one that is there."""
        if turn.text != self.written:
            self.text = self._given = turn.text
            self._as_kept = self.text
            self.move_cursor(self.document.end)
        self.placeholder = PLACEHOLDERS[turn.role]
        self.border_title = Content(f"{turn.role} · turn {place + 1:,} of {count:,}")
        self.set_class(bool(turn.problem), "-problem")
        room = self.size.width - MARGIN
        problem = f"✗ {one_line(turn.problem)}" if turn.problem else ""
        self.border_subtitle = Content(clip(problem, room) if room > 0 else problem)

    async def _on_key(self, event: events.Key) -> None:
        """Enter is a key of ours: it ends the turn."""
        if event.key == "enter":
            event.prevent_default()

    async def _on_paste(self, event: events.Paste) -> None:
        """A conversation takes the place of the one that is there; any other text is inserted."""
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
    def _tell(self, event: TextArea.Changed) -> None:
        event.stop()
        self.post_message(self.Typed())

    def get_line(self, line_index: int) -> Text:
        """A line of the text; what a terminal would obey stands for itself, one cell each."""
        line = self.document.get_line(line_index)
        return Text(pictured(line), end="", no_wrap=True)

    def action_finish(self) -> None:
        """The turn is complete."""
        self.post_message(self.Finished())

    def action_leave_turn(self) -> None:
        """Back to the turns."""
        self.post_message(self.Left())

    def action_line_break(self) -> None:
        """A line break in the text."""
        self.insert("\n")

    def action_undo(self) -> None:
        """Back to what was before."""
        self.post_message(self.Travelled(-1))

    def action_redo(self) -> None:
        """Forward again."""
        self.post_message(self.Travelled(1))

    def action_next_role(self, roles: int) -> None:
        """Another role for the turn."""
        self.post_message(self.RoleAsked(roles))


def pictured(line: str) -> str:
    """A line of text whose control and format characters are pictures, each one cell wide."""
    return line if line.isascii() and line.isprintable() else "".join(map(_picture, line))


def _picture(character: str) -> str:
    if character == "\t" or character in JOINERS or unicodedata.category(character) not in HIDDEN:
        return character
    return chr(CONTROL_PICTURES + ord(character)) if ord(character) < 32 else UNKNOWN
