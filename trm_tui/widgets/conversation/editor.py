"""ConversationEditor: a list of turns and the text of one; with undo."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from textual import on
from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widget import Widget

from trm_engine.printable import one_line
from trm_tui.keys import EDITOR, bindings
from trm_tui.store.draft import Draft, DraftTurn, Edits, State
from trm_tui.store.step_answer import Mark
from trm_tui.text.marked import Span
from trm_tui.widgets.conversation.composer import Composer
from trm_tui.widgets.conversation.turn_list import ShownTurn, TurnList


class ConversationEditor(Widget):
    """Edits the conversation that is sent to the model.

    Marks and notes belong to the draft that was sent. A turn that has changed since has none.
    """

    BINDINGS = bindings(EDITOR)
    DEFAULT_CSS = """
    ConversationEditor { layout: vertical; height: 1fr; }
    ConversationEditor #turns { height: 1fr; }
    """

    @dataclass
    class Changed(Message):
        """Turns or tools changed."""

        draft: Draft

    def __init__(self, draft: Draft, **options: Any) -> None:
        super().__init__(**options)
        self._edits = Edits(draft)
        self._sent = draft
        self._spans: Mapping[int, list[Span]] = {}
        self._notes: Mapping[int, str] = {}
        self._list = TurnList()
        self._pane = Widget(self._list, id="turns", classes="panel")
        self._composer = Composer()

    def compose(self) -> ComposeResult:
        """The list of turns above, the text of one turn below."""
        self._pane.border_title = "Conversation"
        self._composer.add_class("panel")
        yield self._pane
        yield self._composer

    def on_mount(self) -> None:
        """Show the draft."""
        self._show()

    # The draft --------------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """The current conversation."""
        return self._edits.present.draft

    @property
    def place(self) -> int:
        """The selected turn."""
        return self._edits.present.place

    def write(self) -> None:
        """Focus the text of the turn."""
        self._composer.focus()

    def look(self, place: int | None = None) -> None:
        """Focus the list of turns, and select ``place``."""
        self._take_text()
        if place is not None and place < len(self.draft.turns):
            self._edits.select(place)
            self._show()
        self._list.focus()

    def load(self, draft: Draft) -> None:
        """Replace the conversation, and select the last turn."""
        self._take_text()
        self._change(draft, len(draft.turns) - 1)

    def set_tools(self, tools: Iterable[Mapping[str, Any]]) -> None:
        """Set the available tools."""
        self._take_text()
        self._change(self.draft.with_tools(tools), self.place)

    def add_turns(self, *turns: DraftTurn) -> None:
        """Append turns. They replace a trailing blank turn."""
        self._take_text()
        draft = self.draft
        if draft.turns[-1].is_blank and len(draft.turns) > 1:
            draft = draft.without_turn(len(draft.turns) - 1)
        for turn in turns:
            draft = draft.with_turn(len(draft.turns), turn)
        self._change(draft, len(draft.turns) - 1)

    # Marks and notes -------------------------------------------------------------------------

    def mark(self, sent: Draft, places: Iterable[Mark], more: Iterable[Mark] = ()) -> None:
        """Mark places in the turns of a draft. Places count only turns that are not blank."""
        spans: dict[int, list[Span]] = defaultdict(list)
        for turn, begin, end, kind in [*places, *more]:
            spans[sent.said[turn]].append(Span(begin, end, kind))
        self._sent, self._spans = sent, spans
        self._show_turns()

    def note(self, notes: Mapping[int, str]) -> None:
        """Show notes beside the roles of turns."""
        if notes != self._notes:
            self._notes = notes
            self._show_turns()

    # Keys -------------------------------------------------------------------------------------

    def action_add(self) -> None:
        """Add a turn after this one."""
        self._take_text()
        self._change(self.draft.with_turn(self.place + 1), self.place + 1)
        self.write()

    def action_delete(self) -> None:
        """Delete this turn."""
        self._take_text()
        draft = self.draft.without_turn(self.place)
        self._change(draft, min(self.place, len(draft.turns) - 1))

    def action_move(self, turns: int) -> None:
        """Move this turn up or down."""
        self._take_text()
        to = self.place + turns
        if 0 <= to < len(self.draft.turns):
            self._change(self.draft.with_moved(self.place, to), to)

    def action_role(self, roles: int) -> None:
        """Change the role of this turn."""
        self._take_text()
        self._change(self.draft.with_role(self.place, roles), self.place)

    def action_undo(self) -> None:
        """Undo the last change."""
        self._move_in_history(self._edits.undo, "Nothing to undo")

    def action_redo(self) -> None:
        """Redo the last undone change."""
        self._move_in_history(self._edits.redo, "Nothing to redo")

    # Messages ---------------------------------------------------------------------------------

    @on(TurnList.Moved)
    def _look_at(self, event: TurnList.Moved) -> None:
        event.stop()
        self._take_text()
        self._edits.select(event.place)
        self._show()

    @on(TurnList.Opened)
    def _edit_turn(self, event: TurnList.Opened) -> None:
        event.stop()
        self.write()

    @on(Composer.Typed)
    def _type(self, event: Composer.Typed) -> None:
        event.stop()
        self._take_text()

    @on(Composer.Finished)
    def _finish(self, event: Composer.Finished) -> None:
        """Go to the next turn. After the last one, add a turn unless it is blank."""
        event.stop()
        self._take_text()
        following = self.place + 1
        if following < len(self.draft.turns):
            self._edits.select(following)
            self._show()
        elif not self.draft.turns[self.place].is_blank:
            self._change(self.draft.with_turn(following), following)

    @on(Composer.Left)
    def _leave_text(self, event: Composer.Left) -> None:
        """Focus the list of turns. A trailing blank turn is removed."""
        event.stop()
        self._take_text()
        last = len(self.draft.turns) - 1
        if self.place == last and last and self.draft.turns[last].is_blank:
            self._change(self.draft.without_turn(last), last - 1)
        self._list.focus()

    @on(Composer.RoleChanged)
    def _change_role(self, event: Composer.RoleChanged) -> None:
        event.stop()
        self.action_role(event.roles)

    @on(Composer.HistoryMoved)
    def _undo_or_redo(self, event: Composer.HistoryMoved) -> None:
        event.stop()
        self.action_undo() if event.states < 0 else self.action_redo()

    @on(Composer.Pasted)
    def _take_pasted(self, event: Composer.Pasted) -> None:
        event.stop()
        self.load(event.draft)
        count = len(event.draft.turns)
        self.notify(f"Pasted a conversation of {count} turn{'s' * (count != 1)}; undo with ^_")

    def _take_text(self) -> None:
        """Take over the typed text now. The text area's message may come later."""
        text = self._composer.written
        if self.is_mounted and text != self.draft.turns[self.place].text:
            draft = self.draft.with_text(self.place, text)
            self._change(draft, self.place, typed_at=time.monotonic())

    def _change(self, draft: Draft, place: int, typed_at: float | None = None) -> None:
        before = self.draft
        self._edits.change(draft, place, typed_at)
        self._show_change(before)

    def _move_in_history(self, move: Callable[[], bool], otherwise: str) -> None:
        self._take_text()
        before = self.draft
        if move():
            self._show_change(before)
        else:
            self.notify(otherwise)

    def _show_change(self, before: Draft) -> None:
        self._show()
        if self.draft != before:
            self.post_message(self.Changed(self.draft))

    def _show(self) -> None:
        state: State = self._edits.present
        turns = state.draft.turns
        self._composer.take(turns[state.place], state.place, len(turns))
        self._show_turns()
        self._pane.border_subtitle = Content(_tools_line(state.draft))

    def _show_turns(self) -> None:
        draft = self.draft
        shown = [self._shown(place, turn) for place, turn in enumerate(draft.turns)]
        self._list.show(shown, self.place)

    def _shown(self, place: int, turn: DraftTurn) -> ShownTurn:
        sent = self._sent.turns
        is_unchanged = place < len(sent) and sent[place] == turn
        spans = tuple(self._spans.get(place, ())) if is_unchanged else ()
        note = self._notes.get(place, "") if is_unchanged else ""
        return ShownTurn(turn.role, turn.shown, spans, note, turn.problem)


def _tools_line(draft: Draft) -> str:
    names = [str(tool.get("function", {}).get("name")) for tool in draft.tools]
    if not names:
        return "all tools available"
    return one_line(f"{len(names)} tool{'s' * (len(names) != 1)}: {', '.join(names)}")
