"""Draft: a conversation that the user edits, with undo and redo."""

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
"""Typing without a longer pause is undone as one change."""
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
    """One turn as typed. The ``text`` of a tool turn is JSON.

    With ``is_text``, the text of a tool response is not parsed as JSON.
    """

    role: str
    text: str = ""
    is_text: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether the turn has no text."""
        return not self.text.strip()

    @cached_property
    def problem(self) -> str:
        """Why the turn is invalid; "" if it is valid or blank."""
        return "" if self.is_blank else self._read[1]

    @cached_property
    def content(self) -> Any:
        """The ``content`` for a sample: the text, or the parsed JSON."""
        return self.text if self._read[0] is None else self._read[0].content

    @cached_property
    def shown(self) -> str:
        """The text that the model reads; its offsets refer to it. ``text`` if invalid."""
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
    """Turns and available tools ([] for all that the model knows), as in a sample.

    ``answer`` holds the labels of a sample. They are valid while turns and tools are unchanged.
    """

    turns: tuple[DraftTurn, ...] = (DraftTurn("user"),)
    tools: tuple[Record, ...] = ()
    answer: Answer | None = None

    @classmethod
    def of(cls, record: Record) -> Draft:
        """Make a draft of a sample, or of a record with at least ``history``.

        Raises:
            DataError: the record is invalid. The message names the field.
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
        """The indices of the turns that are not blank. The model reads only these."""
        return [place for place, turn in enumerate(self.turns) if not turn.is_blank]

    @property
    def problem(self) -> str:
        """Why the draft is invalid; "" if it is valid."""
        for place, turn in enumerate(self.turns):
            if turn.problem:
                return f"turn {place + 1}: {turn.problem}"
        return ""

    @property
    def right_answer(self) -> Record | None:
        """The labels, if they belong to exactly this conversation."""
        answer = self.answer
        holds = answer and (answer.turns, answer.tools) == (self.turns, self.tools)
        return answer.record if answer and holds else None

    def record(self) -> dict[str, Any]:
        """The conversation as a sample or a request, with the labels if they are known."""
        history = [
            {"role": self.turns[place].role, "content": self.turns[place].content}
            for place in self.said
        ]
        return {"tools": list(self.tools), "history": history, **(self.right_answer or {})}

    # Changes ----------------------------------------------------------------------------------

    def with_text(self, place: int, text: str) -> Draft:
        """Replace the text of a turn."""
        return self._with(place, replace(self.turns[place], text=text))

    def with_role(self, place: int, roles: int) -> Draft:
        """Change the role of a turn to the one ``roles`` further in ROLES."""
        turn = self.turns[place]
        role = ROLES[(ROLES.index(turn.role) + roles) % len(ROLES)]
        return self._with(place, replace(turn, role=role))

    def with_turn(self, place: int, turn: DraftTurn | None = None) -> Draft:
        """Insert a turn at ``place``; by default a blank one with the role that usually follows."""
        if turn is None:
            turn = DraftTurn(NEXT_ROLES[self.turns[place - 1].role] if place else "user")
        return replace(self, turns=(*self.turns[:place], turn, *self.turns[place:]))

    def without_turn(self, place: int) -> Draft:
        """Remove a turn. The only turn is replaced by a blank one."""
        if len(self.turns) == 1:
            return replace(self, turns=(DraftTurn("user"),))
        return replace(self, turns=(*self.turns[:place], *self.turns[place + 1 :]))

    def with_moved(self, place: int, to: int) -> Draft:
        """Move a turn."""
        turns = [*self.turns[:place], *self.turns[place + 1 :]]
        turns.insert(to, self.turns[place])
        return replace(self, turns=tuple(turns))

    def with_tools(self, tools: Iterable[Record]) -> Draft:
        """Replace the available tools."""
        return replace(self, tools=tuple(tools))

    def _with(self, place: int, turn: DraftTurn) -> Draft:
        return replace(self, turns=(*self.turns[:place], turn, *self.turns[place + 1 :]))


@dataclass(frozen=True)
class Answer:
    """The labels of a sample, with the turns and tools that they belong to."""

    record: Record
    turns: tuple[DraftTurn, ...]
    tools: tuple[Record, ...]


@dataclass(frozen=True)
class State:
    """A draft and the selected turn."""

    draft: Draft
    place: int = 0


class Edits:
    """The undo history of a draft: present, past and undone states."""

    def __init__(self, draft: Draft) -> None:
        self.present = State(draft, len(draft.turns) - 1)
        self._past: list[State] = []
        self._future: list[State] = []
        self._typing: tuple[int, float] | None = None

    def change(self, draft: Draft, place: int, typed_at: float | None = None) -> None:
        """Change to another state.

        ``typed_at`` is the time (seconds) of a keystroke in the turn at ``place``. Keystrokes in
        quick succession in one turn are undone together.
        """
        if draft != self.present.draft:
            if not self._continues(place, typed_at):
                self._past = [*self._past[1 - MOST_UNDONE :], self.present]
            self._future.clear()
            self._typing = None if typed_at is None else (place, typed_at)
        self.present = State(draft, place)

    def select(self, place: int) -> None:
        """Select another turn."""
        if place != self.present.place:
            self.present = State(self.present.draft, place)
            self._typing = None

    def undo(self) -> bool:
        """Return to the previous state; False if there is none."""
        return self._go(self._past, self._future)

    def redo(self) -> bool:
        """Return to the state that was undone last; False if there is none."""
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
    """Parse the text of a tool turn. Text that does not look like JSON is returned unchanged.

    Raises:
        ValueError: it looks like JSON and is invalid.
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
