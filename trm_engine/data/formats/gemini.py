"""Gemini: ``contents`` of parts, with ``functionCall`` and ``functionResponse`` among them.

A record is a request, ``{"systemInstruction": …, "contents": […], "tools": […]}``, with keys in
camel or snake case; the candidate of a response beside it is the last turn.
Source: ai.google.dev, generateContent.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from trm_engine.data.fields import as_arguments, as_list, as_name, as_object, each, present
from trm_engine.data.formats.columns import name_of, read_turns
from trm_engine.data.formats.conversation import Call, Conversation, Format, Match, Message
from trm_engine.data.formats.parts import id_of, is_learnt, objects_in, speaker_of, text_of

CALL = ("functionCall", "function_call")
RESPONSE = ("functionResponse", "function_response")
INSTRUCTION = ("systemInstruction", "system_instruction")
DECLARATIONS = ("functionDeclarations", "function_declarations")


def matches(record: Any) -> Match:
    """Whether a record, or its request, has contents with parts."""
    contents = objects_in(_get(_request(record), ("contents",)))
    known = [turn for turn in contents if isinstance(turn.get("parts"), list | dict)]
    return Match.CERTAIN if known and len(known) * 2 >= len(contents) else Match.NO


def read(record: Any, where: str) -> Iterator[Conversation]:
    """The conversation of a record."""
    request = as_object(_request(record), where, None)
    contents = as_list(request.get("contents"), where, "contents") + _answer(record)
    config = next((v for k in ("config", "generationConfig") if (v := request.get(k))), None)
    instruction = _get(request, INSTRUCTION) or _get(config, INSTRUCTION)
    messages = _system(instruction, where) + read_messages(contents, where)
    tools = request.get("tools") or _get(config, ("tools",))
    yield Conversation(where, tuple(messages), _declarations(tools), name_of(record))


def _request(record: Any) -> Any:
    request = _get(record, ("request",))
    return request if isinstance(request, dict) else record


def _answer(record: Any) -> list[Any]:
    """The turn that a stored response adds to the contents of its request."""
    candidates = objects_in(_get(_get(record, ("response",)), ("candidates",)))
    contents = [_get(candidate, ("content",)) for candidate in candidates[:1]]
    return [content for content in contents if isinstance(content, dict)]


def _get(value: Any, keys: tuple[str, ...]) -> Any:
    """What stands under the first of the keys that an object has."""
    if not isinstance(value, dict):
        return None
    return next((value[key] for key in keys if present(value.get(key)) is not None), None)


def _declarations(tools: Any) -> Any:
    """The function declarations of all tools in one list. Others, such as search, have none."""
    if not isinstance(tools, list | dict):
        return tools
    found: list[Any] = []
    for tool in tools if isinstance(tools, list) else [tools]:
        declarations = _get(tool, DECLARATIONS)
        if isinstance(declarations, list):
            found += declarations
        elif _get(tool, ("name",)):
            found.append(tool)
    return found or None


def _system(instruction: Any, where: str) -> list[Message]:
    if isinstance(instruction, dict):
        instruction = instruction.get("parts", instruction)
    instruction = [instruction] if isinstance(instruction, dict) else instruction
    text = text_of(instruction, where, "systemInstruction")
    return [Message(where, "system", text)] if text.strip() else []


def read_messages(contents: list[Any], where: str) -> list[Message]:
    """The messages of contents."""
    return list(chain.from_iterable(read_turns(contents, where, _messages)))


def _messages(turn: Any, where: str) -> list[Message]:
    """The responses in a turn, then what is said and called in it."""
    turn = as_object(turn, where, None)
    role = speaker_of(turn, "role", where) if turn.get("role") else "user"
    parts = turn.get("parts")
    parts = [parts] if isinstance(parts, dict | str) else as_list(parts or [], where, "parts")
    numbered = [(f"parts[{i}]", part) for i, part in enumerate(parts)]
    responses = each(
        [part for part in numbered if _get(part[1], RESPONSE)],
        lambda part: _response(_get(part[1], RESPONSE), where, part[0]),
    )
    calls = each(
        [part for part in numbered if _get(part[1], CALL)],
        lambda part: _call(_get(part[1], CALL), where, part[0]),
    )
    text = text_of([part for part in parts if _is_text(part)], where, "parts")
    if responses and not text and not calls:
        return responses
    said = "user" if role == "tool" else "assistant" if role == "call" else role
    return [*responses, Message(where, said, text, tuple(calls), is_trained=is_learnt(turn))]


def _is_text(part: Any) -> bool:
    """Whether a part is said: it is text, and no thought."""
    if isinstance(part, dict):
        return part.get("text") is not None and part.get("thought") is not True
    return isinstance(part, str)


def _call(value: Any, where: str, place: str) -> Call:
    call = as_object(value, where, place)
    name = as_name(call.get("name"), where, f"{place}.name")
    arguments = call["args"] if "args" in call else call.get("arguments")
    return Call(name, as_arguments(arguments, where, f"{place}.args"), id_of(call.get("id")))


def _response(value: Any, where: str, place: str) -> Message:
    result = as_object(value, where, place)
    name, call_id = id_of(result.get("name")), id_of(result.get("id"))
    return Message(where, "tool", response=result.get("response"), call_id=call_id, tool_name=name)


GEMINI = Format("gemini", "Gemini contents", matches, read)
