"""ConversationEditor: turns, and the one that is written; every change can be undone."""

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
from trm_tui.store.step_answer import Place
from trm_tui.text.marked import Span
from trm_tui.widgets.conversation.composer import Composer
from trm_tui.widgets.conversation.turn_list import ShownTurn, TurnList


class ConversationEditor(Widget):
    """The conversation that the model is asked about.

    Marks belong to the draft that the model was asked about: a turn that is another one by now
    has none.
    """

    BINDINGS = bindings(EDITOR)
    DEFAULT_CSS = """
    ConversationEditor { layout: vertical; height: 1fr; }
    ConversationEditor #turns { height: 1fr; }
    """

    @dataclass
    class Changed(Message):
        """Turns or tools are others."""

        draft: Draft

    def __init__(self, draft: Draft, **options: Any) -> None:
        super().__init__(**options)
        self._edits = Edits(draft)
        self._asked = draft
        self._spans: Mapping[int, list[Span]] = {}
        self._notes: Mapping[int, str] = {}
        self._list = TurnList()
        self._pane = Widget(self._list, id="turns", classes="panel")
        self._composer = Composer()

    def compose(self) -> ComposeResult:
        """The turns above, the text of one below."""
        self._pane.border_title = "Conversation"
        self._composer.add_class("panel")
        yield self._pane
        yield self._composer

    def on_mount(self) -> None:
        """Show what there is."""
        self._show()

    # What is edited ---------------------------------------------------------------------------

    @property
    def draft(self) -> Draft:
        """The conversation as it is now."""
        return self._edits.present.draft

    @property
    def place(self) -> int:
        """The turn that is looked at."""
        return self._edits.present.place

    def write(self) -> None:
        """Go to the text of the turn."""
        self._composer.focus()

    def look(self, place: int | None = None) -> None:
        """Go to the turns, or to one of them."""
        self._take_text()
        if place is not None and place < len(self.draft.turns):
            self._edits.look_at(place)
            self._show()
        self._list.focus()

    def load(self, draft: Draft) -> None:
        """Another conversation, from its end."""
        self._take_text()
        self._go_on(draft, len(draft.turns) - 1)

    def set_tools(self, tools: Iterable[Mapping[str, Any]]) -> None:
        """Other tools on offer."""
        self._take_text()
        self._go_on(self.draft.with_tools(tools), self.place)

    def add_turns(self, *turns: DraftTurn) -> None:
        """More turns at the end; one that is blank there gives way."""
        self._take_text()
        draft = self.draft
        if draft.turns[-1].is_blank and len(draft.turns) > 1:
            draft = draft.without_turn(len(draft.turns) - 1)
        for turn in turns:
            draft = draft.with_turn(len(draft.turns), turn)
        self._go_on(draft, len(draft.turns) - 1)

    # What is told about it --------------------------------------------------------------------

    def mark(self, asked: Draft, places: Iterable[Place], more: Iterable[Place] = ()) -> None:
        """Mark places in the turns of a draft, counted without those that were blank."""
        spans: dict[int, list[Span]] = defaultdict(list)
        for turn, begin, end, kind in [*places, *more]:
            spans[asked.said[turn]].append(Span(begin, end, kind))
        self._asked, self._spans = asked, spans
        self._show_turns()

    def note(self, notes: Mapping[int, str]) -> None:
        """Notes beside the roles of turns; nothing is drawn if they are what they were."""
        if notes != self._notes:
            self._notes = notes
            self._show_turns()

    # Keys -------------------------------------------------------------------------------------

    def action_add(self) -> None:
        """A turn behind this one."""
        self._take_text()
        self._go_on(self.draft.with_turn(self.place + 1), self.place + 1)
        self.write()

    def action_delete(self) -> None:
        """This turn goes."""
        self._take_text()
        draft = self.draft.without_turn(self.place)
        self._go_on(draft, min(self.place, len(draft.turns) - 1))

    def action_move(self, turns: int) -> None:
        """This turn goes up or down."""
        self._take_text()
        to = self.place + turns
        if 0 <= to < len(self.draft.turns):
            self._go_on(self.draft.with_moved(self.place, to), to)

    def action_role(self, roles: int) -> None:
        """This turn gets another role."""
        self._take_text()
        self._go_on(self.draft.with_role(self.place, roles), self.place)

    def action_undo(self) -> None:
        """Back to what was before."""
        self._travel(self._edits.undo, "Nothing to undo")

    def action_redo(self) -> None:
        """Forward again."""
        self._travel(self._edits.redo, "Nothing to redo")

    # Parts ------------------------------------------------------------------------------------

    @on(TurnList.Moved)
    def _look_at(self, event: TurnList.Moved) -> None:
        event.stop()
        self._take_text()
        self._edits.look_at(event.place)
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
        """On to the next turn; behind the last one a new one begins, if something was said."""
        event.stop()
        self._take_text()
        following = self.place + 1
        if following < len(self.draft.turns):
            self._edits.look_at(following)
            self._show()
        elif not self.draft.turns[self.place].is_blank:
            self._go_on(self.draft.with_turn(following), following)

    @on(Composer.Left)
    def _leave_text(self, event: Composer.Left) -> None:
        """To the turns; one that was begun and is blank goes."""
        event.stop()
        self._take_text()
        last = len(self.draft.turns) - 1
        if self.place == last and last and self.draft.turns[last].is_blank:
            self._go_on(self.draft.without_turn(last), last - 1)
        self._list.focus()

    @on(Composer.RoleAsked)
    def _change_role(self, event: Composer.RoleAsked) -> None:
        event.stop()
        self.action_role(event.roles)

    @on(Composer.Travelled)
    def _travel_in_text(self, event: Composer.Travelled) -> None:
        event.stop()
        self.action_undo() if event.states < 0 else self.action_redo()

    @on(Composer.Pasted)
    def _take_pasted(self, event: Composer.Pasted) -> None:
        event.stop()
        self.load(event.draft)
        count = len(event.draft.turns)
        self.notify(f"Pasted a conversation of {count} turn{'s' * (count != 1)}; ^z undoes")

    def _take_text(self) -> None:
        """What is typed counts at once, however late its message comes."""
        text = self._composer.written
        if self.is_mounted and text != self.draft.turns[self.place].text:
            draft = self.draft.with_text(self.place, text)
            self._go_on(draft, self.place, typed_at=time.monotonic())

    def _go_on(self, draft: Draft, place: int, typed_at: float | None = None) -> None:
        before = self.draft
        self._edits.change(draft, place, typed_at)
        self._after(before)

    def _travel(self, go: Callable[[], bool], otherwise: str) -> None:
        self._take_text()
        before = self.draft
        if go():
            self._after(before)
        else:
            self.notify(otherwise)

    def _after(self, before: Draft) -> None:
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
        asked = self._asked.turns
        is_asked = place < len(asked) and asked[place] == turn
        spans = tuple(self._spans.get(place, ())) if is_asked else ()
        note = self._notes.get(place, "") if is_asked else ""
        return ShownTurn(turn.role, turn.shown, spans, note, turn.problem)


def _tools_line(draft: Draft) -> str:
    names = [str(tool.get("function", {}).get("name")) for tool in draft.tools]
    if not names:
        return "all tools on offer"
    return one_line(f"{len(names)} tool{'s' * (len(names) != 1)}: {', '.join(names)}")
