"""Question: messages and tools, in any shape that callers have them, as the model's input."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
from pydantic import ConfigDict, TypeAdapter, ValidationError

from trm_engine.data.catalogue import read_tools, read_tools_file
from trm_engine.data.decisions import steps_of
from trm_engine.data.fields import fail
from trm_engine.data.formats import openai, responses
from trm_engine.data.formats.conversation import Conversation as Said
from trm_engine.data.formats.conversation import Message
from trm_engine.data.samples import Conversation, Tool, Turn, explain
from trm_engine.data.tokenizer import CACHED_TURNS
from trm_engine.errors import DataError
from trm_engine.inference.fitting import ToolSchema
from trm_engine.inference.route import RoutedCall

WHERE = "messages"
OWN_ROLES = ("tool_call", "tool_response")
CACHED_CATALOGUES = 256

_LATER = ConfigDict(defer_build=True)
_TURNS = TypeAdapter(list[Turn], config=_LATER)
_TOOLS = TypeAdapter(list[Tool], config=_LATER)


@dataclass(frozen=True)
class Offered:
    """The tools on offer, each with its schema."""

    tools: list[Tool]
    schemas: dict[str, ToolSchema]


@dataclass(frozen=True)
class Question:
    """What the model is asked about one conversation.

    Attributes:
        conversation: the history, and the tools on offer: all that the model knows if none.
        messages: for each turn, the number of the message that it comes from.
        schemas: of the tools on offer; none if the caller listed no tools.
        may_call: whether a call can be the answer.
        must_call: whether only a call can be the answer.
    """

    conversation: Conversation
    messages: list[int]
    schemas: dict[str, ToolSchema] = field(default_factory=dict)
    may_call: bool = True
    must_call: bool = False

    def after(self, call: RoutedCall) -> Question:
        """The question what is called besides, once this call is made."""
        content = {"name": call.name, "arguments": call.arguments}
        history = [*self.conversation.history, Turn(role="tool_call", content=content)]
        conversation = self.conversation.model_copy(update={"history": history})
        return replace(self, conversation=conversation, must_call=False)


def tools_of_file(path: Path) -> list[Tool]:
    """The tools of a file, in any shape that ``trm_engine.data.catalogue`` reads.

    Raises:
        DataError: the file or a tool cannot be read.
    """
    return _TOOLS.validate_python(read_tools_file(path).all_tools())


def read_question(messages: Any, tools: Any = None, choice: str = "auto") -> Question:
    """Read messages, and the tools on offer: None for all tools that the model knows.

    Args:
        messages: text of a user; or a list of messages of OpenAI, of items of OpenAI Responses, or
            of turns as in training samples.
        tools: in any shape that ``trm_engine.data.catalogue`` reads. An empty list: no tool.
        choice: "auto", "none", "required", or the name of the tool to call.

    Raises:
        DataError: the message says which message or tool is wrong, and what was expected.
    """
    turns, places = read_messages(messages)
    if tools is None:
        named = choice not in ("auto", "none", "required")
        offered = Offered([Tool.model_validate({"function": {"name": choice}})] * named, {})
        may_call = True
    else:
        offered = read_offered(msgspec.json.encode(tools))
        may_call = bool(offered.tools)
    listed = offered.tools
    if tools is not None and choice not in ("auto", "none", "required"):
        listed = [tool for tool in listed if tool.function.name == choice]
    return Question(
        Conversation.model_construct(history=turns, tools=listed),
        places,
        offered.schemas,
        may_call=may_call and choice != "none",
        must_call=choice not in ("auto", "none"),
    )


def read_messages(messages: Any) -> tuple[list[Turn], list[int]]:
    """The turns of a conversation, and the number of the message that each comes from.

    Raises:
        DataError: this is no conversation.
    """
    if isinstance(messages, str):
        return [Turn(role="user", content=messages)], [0]
    if not isinstance(messages, list) or not messages:
        fail(WHERE, None, "a list of at least one message", messages)
    if any(isinstance(each, dict) and each.get("role") in OWN_ROLES for each in messages):
        return _own_turns(messages), list(range(len(messages)))
    said = _said(messages)
    steps = steps_of(Said(WHERE, said), has_stops=False)
    numbers = _numbers(messages, said)
    kept = [step for step in steps if step.is_kept]
    if not kept:
        raise DataError(f"{WHERE}: there is nothing but announcements of calls")
    turns = [
        _said_turn(step.role, step.content)
        if isinstance(step.content, str)
        else Turn(role=step.role, content=step.content)
        for step in kept
    ]
    return turns, [numbers[step.where] for step in kept]


@lru_cache(CACHED_TURNS)
def _said_turn(role: str, text: str) -> Turn:
    """A turn of text. Those of a conversation come again with each of its requests."""
    return Turn(role=role, content=text)


@lru_cache(CACHED_CATALOGUES)
def read_offered(tools: bytes) -> Offered:
    """The tools in a JSON text. Raises DataError."""
    read = read_tools(msgspec.json.decode(tools), "tools")
    try:
        listed = _TOOLS.validate_python(read)
    except ValidationError as error:
        raise DataError(f"tools: {explain(error)[0]}") from None
    schemas = {each.function.name: ToolSchema(each.function.parameters) for each in listed}
    return Offered(listed, schemas)


def _said(messages: list[Any]) -> tuple[Message, ...]:
    """The messages of OpenAI, or of items of OpenAI Responses."""
    kinds = {each.get("type") for each in messages if isinstance(each, dict)}
    if kinds & {*responses.CALLS, *responses.OUTPUTS, *responses.UNHEARD}:
        return responses.read_messages(messages, WHERE)
    return openai.read_messages(messages, WHERE)


def _numbers(messages: list[Any], said: tuple[Message, ...]) -> dict[str, int]:
    """The number of the message at each place, which ends with its number from 1."""
    return {each.where: int(each.where.rsplit(" ", 1)[1]) - 1 for each in said}


def _own_turns(messages: list[Any]) -> list[Turn]:
    try:
        return _TURNS.validate_python(messages)
    except ValidationError as error:
        number, _, problem = explain(error)[0].partition(":")
        place, _, name = number.partition(".")
        where = f"{WHERE}, turn {int(place) + 1}" + f", field '{name}'" * bool(name)
        raise DataError(f"{where}:{problem}") from None
