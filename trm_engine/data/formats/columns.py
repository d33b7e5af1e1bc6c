"""Columns: the keys of a record that mean the same in most formats."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from trm_engine.data.fields import ConvertError, Item, as_text, each, fail
from trm_engine.data.formats.conversation import Conversation, Message

TURN_KEYS = ("messages", "conversations", "conversation", "turns", "history", "dialogue")
NAME_KEYS = ("conversation", "conversation_id", "dialogue_id", "session_id", "chat_id", "id")
TOOL_KEYS = ("tools", "functions")
SYSTEM_KEYS = ("system", "system_prompt")


def turns_in(record: Any, keys: Sequence[str] = TURN_KEYS) -> list[Any]:
    """The turns of a record that is a list of them, or has one under a key; [] if it has none."""
    if isinstance(record, list):
        return record
    if isinstance(record, dict):
        for key in keys:
            if _is_list_of_objects(record.get(key)):
                return list(record[key])
    return []


def turns_of(record: Any, where: str, keys: Sequence[str] = TURN_KEYS) -> list[Any]:
    """The turns of a record. Raises ConvertError if there are none."""
    if isinstance(record, dict) and {"history", "decision"} <= record.keys():
        raise ConvertError(f"{where}: this is a training sample already, nothing to convert")
    if turns := turns_in(record, keys):
        return turns
    key = None
    value = record
    if isinstance(record, dict):
        key = next((key for key in keys if key in record), None)
        if key is None:
            expected = f"a list of turns, or an object with one of {', '.join(keys)}"
            fail(where, None, expected, record)
        value = record[key]
    fail(where, key, "a conversation, a list of at least one turn", value)


def name_of(record: Any) -> str | None:
    """The name or id of a record, if it has one."""
    if not isinstance(record, dict):
        return None
    for key in NAME_KEYS:
        name = record.get(key)
        if isinstance(name, str | int) and not isinstance(name, bool) and str(name).strip():
            return str(name)
    return None


def tools_of(record: Any) -> Any:
    """The tools that a record lists itself, as they are; None if it lists none."""
    if not isinstance(record, dict):
        return None
    return next((record[key] for key in TOOL_KEYS if record.get(key) is not None), None)


def system_of(record: Any, where: str) -> list[Message]:
    """The system message that stands beside the turns of a record, if there is one."""
    if not isinstance(record, dict):
        return []
    for key in SYSTEM_KEYS:
        if record.get(key) not in (None, "", []):
            return [Message(where, "system", as_text(record[key], where, key))]
    return []


def with_system(system: list[Message], messages: Sequence[Message]) -> tuple[Message, ...]:
    """The messages behind a system message, unless they begin with the same one."""
    is_there = system and messages and messages[0].role == "system"
    if is_there and messages[0].text == system[0].text:
        return tuple(messages)
    return (*system, *messages)


def conversation_of(
    record: Any, where: str, messages: Sequence[Message], named: Any = None
) -> Conversation:
    """A record's messages behind its system message, with its tools and its name.

    ``named`` has the name in place of the record.
    """
    messages = with_system(system_of(record, where), messages)
    return Conversation(where, messages, tools_of(record), name_of(named or record))


def reader(
    read_messages: Callable[[list[Any], str], Sequence[Message]],
) -> Callable[[Any, str], Iterator[Conversation]]:
    """Reads the conversation of a record by what reads its turns."""

    def read(record: Any, where: str) -> Iterator[Conversation]:
        yield conversation_of(record, where, read_messages(turns_of(record, where), where))

    return read


def read_turns(
    turns: Iterable[Any], where: str, read: Callable[[Any, str], Item], noun: str = "turn"
) -> list[Item]:
    """What ``read`` makes of each turn and its place. Raises ConvertError with all problems."""
    return each(enumerate(turns, 1), lambda turn: read(turn[1], f"{where}, {noun} {turn[0]}"))


def _is_list_of_objects(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and any(isinstance(each, dict) for each in value)
