"""Conversation: what every format is read into, before it is cut into samples."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True)
class Call:
    """A call of a tool. ``id`` joins it to its response, where the format has one."""

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    id: str | None = None


@dataclass(frozen=True)
class Message:
    """One message.

    Attributes:
        where: place in the file, for error messages: "chats.jsonl, line 3, turn 2".
        role: who speaks. "tool" is a response to a call.
        text: what is said. An assistant may say something and call tools in one message.
        calls: the calls that an assistant makes together, in order.
        response: content of a tool message: text, or any JSON value.
        call_id: id of the call that a tool message answers; None if the format has none.
        tool_name: name of the tool that answers; None if the format does not say it.
        is_trained: False if the file says that this message is not to be learnt (weight 0).
        slots: the facts known here, if the format has them; None changes none.
    """

    where: str
    role: Role
    text: str = ""
    calls: tuple[Call, ...] = ()
    response: Any = None
    call_id: str | None = None
    tool_name: str | None = None
    is_trained: bool = True
    slots: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Conversation:
    """One conversation.

    Attributes:
        where: place in the file.
        messages: what is said, in order.
        tools: its own tools, as the file has them; None if it lists none.
        name: its name or id in the file, if it has one.
    """

    where: str
    messages: tuple[Message, ...]
    tools: Any = None
    name: str | None = None


class Match(IntEnum):
    """How well a record fits a format."""

    NO = 0
    POSSIBLE = 1
    """Nothing speaks against it, such as a chat without calls."""
    CERTAIN = 2
    """It has what no other format has."""


@dataclass(frozen=True)
class Format:
    """A format of conversations.

    Attributes:
        name: as in ``--format NAME``.
        title: as in the summary: "OpenAI messages".
        matches: how well the structure of a record fits. It looks at the whole record, never at one
            key alone. It never raises: a record is any JSON value.
        read: the conversations of a record at a place. Raises ConvertError.
    """

    name: str
    title: str
    matches: Callable[[Any], Match]
    read: Callable[[Any, str], Iterable[Conversation]]
