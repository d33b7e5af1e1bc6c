"""Draft: a conversation while it is written, and every state that it was in."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from trm_engine.data.samples import Conversation, Turn, explain
from trm_engine.errors import DataError
from trm_engine.vocabulary import ROLES, TOOL_ROLES

Record = Mapping[str, Any]

ANSWER_KEYS = ("decision", "tool", "slots", "content")
MERGE_SECONDS = 1.0
"""Typing without a longer pause is undone at once."""
MOST_UNDONE = 1000

NEXT_ROLES = {
    "system": "user",
    "user": "assistant",
    "assistant": "user",
    "tool_call": "tool_response",
    "tool_response": "assistant",
}


@dataclass(frozen=True)
class DraftTurn:
    """One turn as it is typed; of a tool turn ``text`` is JSON.

    With ``is_text`` a tool's response is text even if it could be read as JSON.
    """

    role: str
    text: str = ""
    is_text: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether nothing is said yet."""
        return not self.text.strip()

    @cached_property
    def problem(self) -> str:
        """Why the model cannot read it; "" if it can, or if it is blank."""
        return "" if self.is_blank else self._read[1]

    @cached_property
    def content(self) -> Any:
        """What a sample's ``content`` is: the text, or what its JSON says."""
        return self.text if self._read[0] is None else self._read[0].content

    @cached_property
    def shown(self) -> str:
        """What the model reads, to which its offsets belong; the text itself if it cannot."""
        return self.text if self._read[0] is None else self._read[0].text()

    @cached_property
    def _read(self) -> tuple[Turn | None, str]:
        try:
            is_json = self.role == "tool_call" or (self.role in TOOL_ROLES and not self.is_text)
            content = _json_of(self.text) if is_json else self.text
            return Turn(role=self.role, content=content), ""
        except ValueError as error:
            return None, explain(error)[0]


@dataclass(frozen=True)
class Draft:
    """Turns and the tools on offer ([]: all that the model knows), as a sample has them.

    ``answer`` is what a sample said is right; it holds as long as turns and tools are those of
    that sample.
    """

    turns: tuple[DraftTurn, ...] = (DraftTurn("user"),)
    tools: tuple[Record, ...] = ()
    answer: Answer | None = None

    @classmethod
    def of(cls, record: Record) -> Draft:
        """A sample, or a record with no more than ``history``, to be changed.

        Raises:
            DataError: it is neither; the message names the field.
        """
        try:
            conversation = Conversation.model_validate(record)
        except ValueError as error:
            raise DataError(explain(error)[0]) from None
        turns = tuple(
            DraftTurn(
                turn.role, turn.text(), turn.role in TOOL_ROLES and turn.content == turn.text()
            )
            for turn in conversation.history
        )
        tools = tuple(record.get("tools") or ())
        rest = {name: record[name] for name in ANSWER_KEYS if name in record}
        is_answered = {"decision", "slots"} <= rest.keys()
        return cls(turns, tools, Answer(rest, turns, tools) if is_answered else None)

    @property
    def said(self) -> list[int]:
        """The turns that are not blank: those that the model is asked about."""
        return [place for place, turn in enumerate(self.turns) if not turn.is_blank]

    @property
    def problem(self) -> str:
        """Why the model cannot be asked; "" if it can."""
        for place, turn in enumerate(self.turns):
            if turn.problem:
                return f"turn {place + 1}: {turn.problem}"
        return ""

    @property
    def right_answer(self) -> Record | None:
        """What is right, if that is known of just this conversation."""
        answer = self.answer
        holds = answer and (answer.turns, answer.tools) == (self.turns, self.tools)
        return answer.record if answer and holds else None

    def record(self) -> dict[str, Any]:
        """The conversation as a request or a file has it, with the right answer if it is known."""
        history = [
            {"role": self.turns[place].role, "content": self.turns[place].content}
            for place in self.said
        ]
        return {"tools": list(self.tools), "history": history, **(self.right_answer or {})}

    # Changes ----------------------------------------------------------------------------------

    def with_text(self, place: int, text: str) -> Draft:
        """Another text of a turn."""
        return self._with(place, replace(self.turns[place], text=text))

    def with_role(self, place: int, roles: int) -> Draft:
        """A turn of the role that stands so many further in the list of roles."""
        turn = self.turns[place]
        role = ROLES[(ROLES.index(turn.role) + roles) % len(ROLES)]
        return self._with(place, replace(turn, role=role))

    def with_turn(self, place: int, turn: DraftTurn | None = None) -> Draft:
        """One turn more, which then stands at ``place``; its role follows from the one before."""
        if turn is None:
            turn = DraftTurn(NEXT_ROLES[self.turns[place - 1].role] if place else "user")
        return replace(self, turns=(*self.turns[:place], turn, *self.turns[place:]))

    def without_turn(self, place: int) -> Draft:
        """One turn less; of the last one only its text goes."""
        if len(self.turns) == 1:
            return replace(self, turns=(DraftTurn("user"),))
        return replace(self, turns=(*self.turns[:place], *self.turns[place + 1 :]))

    def with_moved(self, place: int, to: int) -> Draft:
        """A turn at another place."""
        turns = [*self.turns[:place], *self.turns[place + 1 :]]
        turns.insert(to, self.turns[place])
        return replace(self, turns=tuple(turns))

    def with_tools(self, tools: Iterable[Record]) -> Draft:
        """Other tools on offer."""
        return replace(self, tools=tuple(tools))

    def _with(self, place: int, turn: DraftTurn) -> Draft:
        return replace(self, turns=(*self.turns[:place], turn, *self.turns[place + 1 :]))


@dataclass(frozen=True)
class Answer:
    """What a sample says is right after these turns, with these tools on offer."""

    record: Record
    turns: tuple[DraftTurn, ...]
    tools: tuple[Record, ...]


@dataclass(frozen=True)
class State:
    """A draft, and the turn that is looked at."""

    draft: Draft
    place: int = 0


class Edits:
    """The states of a draft: the present one, those before it, those that were undone."""

    def __init__(self, draft: Draft) -> None:
        self.present = State(draft, len(draft.turns) - 1)
        self._past: list[State] = []
        self._future: list[State] = []
        self._typing: tuple[int, float] | None = None

    def change(self, draft: Draft, place: int, typed_at: float | None = None) -> None:
        """Go on to another state.

        Text ``typed_at`` a time (seconds) into the turn at ``place`` joins what was typed into it
        just before, so that both are undone at once.
        """
        if draft != self.present.draft:
            if not self._continues(place, typed_at):
                self._past = [*self._past[1 - MOST_UNDONE :], self.present]
            self._future.clear()
            self._typing = None if typed_at is None else (place, typed_at)
        self.present = State(draft, place)

    def look_at(self, place: int) -> None:
        """Look at another turn."""
        if place != self.present.place:
            self.present = State(self.present.draft, place)
            self._typing = None

    def undo(self) -> bool:
        """Back to the state before; False if there is none."""
        return self._go(self._past, self._future)

    def redo(self) -> bool:
        """Forward to what was undone; False if there is nothing."""
        return self._go(self._future, self._past)

    def _go(self, there: list[State], here: list[State]) -> bool:
        if not there:
            return False
        here.append(self.present)
        self.present = there.pop()
        self._typing = None
        return True

    def _continues(self, place: int, typed_at: float | None) -> bool:
        if self._typing is None or typed_at is None:
            return False
        last_place, last_at = self._typing
        return place == last_place and typed_at - last_at < MERGE_SECONDS


def _json_of(text: str) -> Any:
    """What a tool turn's text says; text that does not look like JSON is itself.

    Raises:
        ValueError: it looks like JSON and is none.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip()[:1] in ("{", "["):
            raise ValueError(_place_of(error)) from None
        return text
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _place_of(error: json.JSONDecodeError) -> str:
    line = f"line {error.lineno}, " if "\n" in error.doc else ""
    return f"broken JSON at {line}column {error.colno}: {error.msg}"
