"""ShareGPT: turns with ``from`` and ``value``, as in the files of LLaMA-Factory and Axolotl.

A record is ``{"conversations": [{"from": "human", "value": …}, …], "system": …, "tools": …}``, with
tools as JSON text. ``function_call`` turns hold calls, ``observation`` turns their responses.
Source: data/README.md of hiyouga/LLaMA-Factory.
"""

from __future__ import annotations

from typing import Any

from trm_engine.data.fields import decoded, fail, response_of
from trm_engine.data.formats.columns import (
    read_turns,
    reader,
    turns_in,
)
from trm_engine.data.formats.conversation import Call, Format, Match, Message
from trm_engine.data.formats.parts import calls_of, id_of, is_learnt, speaker, speaker_of, text_of
from trm_engine.data.formats.text_calls import calls_in, without_thought

OPENAI_ROLES = ("user", "system", "developer", "assistant", "tool", "function")


def matches(record: Any) -> Match:
    """Whether a record has turns with ``from`` and ``value``, or roles with names like those."""
    turns = [turn for turn in turns_in(record) if isinstance(turn, dict)]
    known = [turn for turn in turns if "value" in turn and speaker(turn.get("from"))]
    if known and len(known) * 2 >= len(turns):
        return Match.CERTAIN
    spoken = [turn.get("role") for turn in turns if "content" in turn and speaker(turn.get("role"))]
    has_names = len(spoken) == len(turns) and any(role not in OPENAI_ROLES for role in spoken)
    return Match.POSSIBLE if has_names else Match.NO


def read_messages(turns: list[Any], where: str) -> tuple[Message, ...]:
    """The messages of turns with ``from`` and ``value``, or with ``role`` and ``content``."""
    return tuple(read_turns(turns, where, _message))


def _message(turn: Any, where: str) -> Message:
    is_old = isinstance(turn, dict) and "from" in turn
    role = speaker_of(turn, "from" if is_old else "role", where)
    key = "value" if "value" in turn else "content"
    value, is_trained = turn.get(key), is_learnt(turn)
    if role == "call":
        return Message(where, "assistant", calls=_calls(value, where, key), is_trained=is_trained)
    if role == "tool":
        response = response_of(value) if isinstance(value, str) else value
        call_id, name = id_of(turn.get("tool_call_id")), id_of(turn.get("name"))
        return Message(where, "tool", response=response, call_id=call_id, tool_name=name)
    return Message(where, role, text_of(value, where, key), is_trained=is_trained)


def _calls(value: Any, where: str, key: str) -> tuple[Call, ...]:
    """The calls of a turn that has nothing else: JSON, or a model's own markup."""
    if isinstance(value, str):
        value = without_thought(value)
    if isinstance(decoded(value), str):
        _, calls = calls_in(decoded(value), {}, where)
        if not calls:
            fail(where, key, 'a call, {"name": …, "arguments": {…}}', value)
        return tuple(calls)
    return calls_of(value, where, key)


SHAREGPT = Format("sharegpt", "ShareGPT", matches, reader(read_messages))
