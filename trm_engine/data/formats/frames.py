"""SGD and MultiWOZ 2.2: dialogues of turns with frames.

The state in a user's frames gives the slots so far; of the spellings of a value that one is taken
that was said. A ``service_call`` in a system's frame is a call, ``service_results`` its response.
Sources: google-research-datasets/dstc8-schema-guided-dialogue and budzianowski/multiwoz.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from typing import Any

from trm_engine.data.fields import as_arguments, as_name, as_object, fail, present
from trm_engine.data.formats.columns import name_of, read_turns, turns_of
from trm_engine.data.formats.conversation import Call, Conversation, Format, Match, Message, Role
from trm_engine.data.formats.frame_columns import turns_of_columns
from trm_engine.data.formats.parts import objects_in, text_of

SPEAKERS: dict[str, Role] = {"USER": "user", "SYSTEM": "assistant"}


def matches(record: Any) -> Match:
    """Whether a record has turns with a speaker, an utterance and frames."""
    turns = objects_in(_turns(record))
    known = [turn for turn in turns if {"speaker", "utterance"} <= turn.keys()]
    return Match.CERTAIN if known and len(known) * 2 >= len(turns) else Match.NO


def _turns(record: Any) -> Any:
    turns = record.get("turns") if isinstance(record, dict) else None
    return turns_of_columns(turns) if isinstance(turns, dict) else turns


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a dialogue."""
    turns = turns_of({**as_object(record, where, None), "turns": _turns(record)}, where, ("turns",))
    read = read_turns(turns, where, partial(_messages, _State()))
    messages = tuple(chain.from_iterable(read))
    yield Conversation(where, messages, record.get("tools"), name_of(record))


class _State:
    """What is said and known so far in a dialogue."""

    def __init__(self) -> None:
        self._said = ""
        self._values: dict[str, dict[str, Any]] = {}
        self.slots: dict[str, Any] = {}

    def hear(self, text: str) -> None:
        self._said += "\n" + text.casefold()

    def update(self, service: str, values: dict[str, Any]) -> None:
        """Take over the values of a service that have changed; others may have slots alike."""
        before = self._values.get(service, {})
        for name, spellings in values.items():
            if before.get(name) != spellings:
                self.slots[name] = self._spelling(spellings)
        for name in before.keys() - values.keys():
            self.slots.pop(name, None)
        self._values[service] = values

    def _spelling(self, spellings: Any) -> Any:
        """The first spelling that was said, else the first."""
        if not isinstance(spellings, list):
            return spellings
        said = (each for each in spellings if self._was_said(str(each)))
        return next(said, spellings[0] if spellings else None)

    def _was_said(self, text: str) -> bool:
        return bool(re.search(rf"(?<!\w){re.escape(text.casefold())}(?!\w)", self._said))


def _messages(state: _State, turn: Any, where: str) -> list[Message]:
    """The calls and responses in a turn's frames, then what is said."""
    speaker = as_object(turn, where, None).get("speaker")
    role = SPEAKERS.get(str(speaker).upper())
    if role is None:
        fail(where, "speaker", "USER or SYSTEM", speaker)
    text = text_of(turn.get("utterance"), where, "utterance")
    state.hear(text)
    frames = [(f"frames[{i}]", frame) for i, frame in enumerate(objects_in(turn.get("frames")))]
    if role == "user":
        for _, frame in frames:
            known = frame.get("state")
            values = known.get("slot_values") if isinstance(known, dict) else None
            if isinstance(values, dict):
                state.update(str(frame.get("service")), values)
        return [Message(where, role, text, slots=dict(state.slots))]
    called = [(place, frame) for place, frame in frames if present(frame.get("service_call"))]
    calls = tuple(_call(frame["service_call"], where, place) for place, frame in called)
    messages = [Message(where, role, calls=calls)] if calls else []
    for (_, frame), call in zip(called, calls, strict=True):
        if (results := frame.get("service_results")) is not None:
            messages.append(Message(where, "tool", response=results, tool_name=call.name))
    return [*messages, Message(where, role, text)]


def _call(value: Any, where: str, place: str) -> Call:
    call = as_object(value, where, f"{place}.service_call")
    name = as_name(call.get("method"), where, f"{place}.service_call.method")
    return Call(name, as_arguments(call.get("parameters"), where, f"{place}.service_call"))


FRAMES = Format("sgd", "SGD / MultiWOZ 2.2 frames", matches, read)
