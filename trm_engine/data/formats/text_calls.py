"""Text calls: calls, responses and tools that models write into the text of a message.

They are read where the structure is certain: between tags that models use for nothing else, or
where the whole text is a call of a listed tool.

- Hermes, Qwen: ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``, ``<tool_response>``,
  ``<tools>``; also ``<function=name>{…}</function>``
- Glaive: ``<functioncall> {"name": …, "arguments": '{…}'}``
- Llama: ``<|python_tag|>{"name": …, "parameters": {…}}``
- Mistral: ``[TOOL_CALLS] [{…}]``, ``[TOOL_RESULTS]``, ``[AVAILABLE_TOOLS]``
- Python-like: ``[f(a=1), g(b="x")]``
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from trm_engine.data.fields import ConvertError, fail, json_or_text, response_of
from trm_engine.data.formats.conversation import Call, Conversation, Message
from trm_engine.data.formats.json_texts import SCHEMA_KEYS, json_values, tools_in
from trm_engine.data.formats.parts import call_of, id_of
from trm_engine.data.formats.python_calls import literal, python_calls

Parameters = Mapping[str, Sequence[str]]
"""The names of each tool's parameters."""


def _tagged(opening: str, closing: str) -> re.Pattern[str]:
    """What stands after a tag: up to its end, the next such tag, or the end of the text."""
    return re.compile(rf"{opening}(.*?)(?:{closing}|(?={opening})|\Z)", re.DOTALL)


_CALLS = (
    _tagged(r"<tool_call>", r"</tool_call>"),
    _tagged(r"<functioncall>", r"</functioncall>|<\|endoftext\|>"),
    _tagged(r"<\|python_tag\|>", r"<\|eom_id\|>|<\|eot_id\|>"),
    _tagged(r"\[TOOL_CALLS\]", r"\[/TOOL_CALLS\]|</s>"),
    re.compile(r"(<function=[^>\n]+>.*?(?:</function>|\Z))", re.DOTALL),
)
_OPENINGS = re.compile(r"<tool_call>|<functioncall>|<\|python_tag\|>|\[TOOL_CALLS\]|<function=")
_RESPONSES = (
    _tagged(r"<tool_response>", r"</tool_response>"),
    _tagged(r"\[TOOL_RESULTS\]", r"\[/TOOL_RESULTS\]"),
)
_TOOLS = (
    re.compile(r"<tools>(.*?)</tools>", re.DOTALL),
    re.compile(r"\[AVAILABLE_TOOLS\](.*?)\[/AVAILABLE_TOOLS\]", re.DOTALL),
)
_CONTENTS = ("content", "results", "result")
_ADDRESS = ("name", "role", "call_id", "tool_call_id")
"""Keys of the envelope of a response: what it says, and what it answers."""
_ENDS = re.compile(r"(?:\s*(?:<\|endoftext\|>|<\|im_end\|>|<\|eot_id\|>|<\|eom_id\|>|</s>))+\s*\Z")
_THOUGHT = re.compile(r"\A\s*<think>.*?</think>\s*", re.DOTALL)
_QUOTED_ARGUMENTS = re.compile(
    r"""\{\s*"name"\s*:\s*"([^"]+)"\s*,\s*"arguments"\s*:\s*'(.*)'\s*\}\Z""", re.DOTALL
)
_FUNCTION = re.compile(r"<function=([^>\n]+)>(.*?)(?:</function>|\Z)", re.DOTALL)
_PARAMETER = re.compile(r"<parameter=([^>\n]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
_NAMED_ARGUMENTS = re.compile(r"\s*([\w.-]+)\s*(?:\[ARGS\])?\s*(\{.*\})\s*\Z", re.DOTALL)


def with_text_calls(conversation: Conversation, listed: Any = None) -> Conversation:
    """The conversation with every call, response and tool that its texts hold.

    ``listed`` are the tools of conversations that list none. Raises ConvertError.
    """
    messages, found = _without_tools(conversation.messages, is_blank(conversation.tools))
    tools = found if found and is_blank(conversation.tools) else conversation.tools
    parameters = parameters_of(listed if is_blank(tools) else tools)
    read: list[Message] = []
    called: set[str] = set()
    for message in (part for each in messages for part in _read(each, parameters)):
        if message.role == "assistant":
            called = {call.name for call in message.calls}
        read += _joined(message, called) if message.role == "tool" else [message]
    return replace(conversation, messages=tuple(read), tools=tools)


def is_blank(tools: Any) -> bool:
    """Whether this lists no tools: nothing, an empty list, or text of either."""
    return not (json_or_text(tools.strip()) if isinstance(tools, str) else tools)


def parameters_of(tools: Any) -> dict[str, list[str]]:
    """The names of all listed tools, and of their parameters, whatever is wrong with them."""
    found: dict[str, list[str]] = {}
    tools = json_or_text(tools)
    for tool in tools if isinstance(tools, list) else []:
        definition = json_or_text(tool)
        if isinstance(definition, dict) and isinstance(definition.get("function"), dict):
            definition = definition["function"]
        if isinstance(definition, dict) and isinstance(definition.get("name"), str):
            found[definition["name"]] = _property_names(definition)
    return found


def _property_names(tool: dict[str, Any]) -> list[str]:
    schema = tool.get("parameters") or tool.get("input_schema") or tool.get("inputSchema")
    properties = schema.get("properties") if isinstance(schema, dict) else None
    return list(properties) if isinstance(properties, dict) else []


def _without_tools(
    messages: Sequence[Message], are_needed: bool
) -> tuple[list[Message], list[dict[str, Any]]]:
    """The messages without the tools that system texts hold, and these tools.

    They stand between tags, or are JSON schemas if the conversation lists no others.
    """
    kept: list[Message] = []
    tools: list[dict[str, Any]] = []
    called = {call.name for message in messages for call in message.calls}
    for message in messages:
        if message.role == "system":
            text, found = _tagged_tools(message.text)
            if are_needed and not found and any(key in text for key in SCHEMA_KEYS):
                text, found = tools_in(text)
                found = found if called <= parameters_of(found).keys() else []
            tools += found
            message = replace(message, text=text) if found else message
            if found and not text:
                continue
        kept.append(message)
    return kept, tools


def _tagged_tools(text: str) -> tuple[str, list[dict[str, Any]]]:
    tools: list[dict[str, Any]] = []
    for markup in _TOOLS:
        for match in list(markup.finditer(text)):
            _, found = tools_in(match[1], (*SCHEMA_KEYS, "description"))
            tools += found
            text = text.replace(match[0], "") if found else text
    return text.strip() if tools else text, tools


def _read(message: Message, parameters: Parameters) -> Iterator[Message]:
    if message.role == "assistant" and not message.calls:
        text, calls = calls_in(message.text, parameters, message.where)
        is_read = calls or text != message.text
        yield replace(message, text=text, calls=tuple(calls)) if is_read else message
    elif message.role == "user":
        text, responses = _responses(message.text, message)
        yield from responses
        if text or not responses:
            yield replace(message, text=text) if responses else message
    elif message.role == "tool" and isinstance(message.response, str):
        _, responses = _responses(message.response, message)
        yield from responses or [message]
    else:
        yield message


def _responses(text: str, message: Message) -> tuple[str, list[Message]]:
    """The text of a message without the responses in it, and a message for each of these."""
    for markup in _RESPONSES:
        if bodies := [match[1].strip() for match in markup.finditer(text)]:
            found = [_response(response_of(body), message) for body in bodies]
            return markup.sub("", text).strip(), found
    return text, []


def _response(value: Any, message: Message) -> Message:
    """The message of one response, which may have an envelope with the name of its tool."""
    response = replace(message, role="tool", text="", response=value)
    if not _is_envelope(value):
        return response
    content = next(value[key] for key in _CONTENTS if key in value)
    return replace(
        response,
        response=response_of(content) if isinstance(content, str) else content,
        call_id=id_of(value.get("tool_call_id") or value.get("call_id")) or message.call_id,
        tool_name=id_of(value.get("name")) or message.tool_name,
    )


def _is_envelope(value: Any) -> bool:
    if not isinstance(value, dict) or not value.keys() <= {*_CONTENTS, *_ADDRESS}:
        return False
    return any(key in value for key in _CONTENTS) and any(key in value for key in _ADDRESS)


def _joined(message: Message, called: set[str]) -> list[Message]:
    """The responses to several calls in one list, each in an envelope with a called tool's name."""
    found = message.response
    if message.call_id is not None or not isinstance(found, list) or not found:
        return [message]
    if not all(_is_envelope(each) and str(each.get("name")) in called for each in found):
        return [message]
    return [_response(each, message) for each in found]


def may_hold_calls(text: str) -> bool:
    """Whether an assistant's text may hold calls, for all that can be seen without its tools."""
    return text.lstrip()[:1] in ("[", "{") or bool(_OPENINGS.search(text))


def without_thought(text: str) -> str:
    """The text without what the model thinks before it answers."""
    return _THOUGHT.sub("", text) if text.lstrip().startswith("<think>") else text


def calls_in(text: str, parameters: Parameters, where: str) -> tuple[str, list[Call]]:
    """The calls in an assistant's text, and the text without them and without its thoughts.

    Raises ConvertError if something between tags begins like a call but is none.
    """
    text = without_thought(text)
    for markup in _CALLS if _OPENINGS.search(text) else ():
        calls: list[Call] = []
        rest, last = [], 0
        for match in markup.finditer(text):
            if found := _tagged_calls(match[1], parameters, where):
                calls += found
                rest.append(text[last : match.start()])
                last = match.end()
        if calls:
            return _ENDS.sub("", "".join([*rest, text[last:]])).strip(), calls
    if calls := _bare_calls(_ENDS.sub("", text).strip(), parameters, where):
        return "", calls
    return text, []


def _tagged_calls(body: str, parameters: Parameters, where: str) -> list[Call]:
    """The calls between tags; none if it does not begin like one, as in a text about tags."""
    body = _ENDS.sub("", body).strip()
    if body.startswith("<function="):
        return [_function(match, where) for match in _FUNCTION.finditer(body)]
    if named := _NAMED_ARGUMENTS.match(body):
        return [call_of({"name": named[1], "arguments": named[2]}, where, None)]
    if quoted := _QUOTED_ARGUMENTS.match(body):
        return [call_of({"name": quoted[1], "arguments": quoted[2]}, where, None)]
    if objects := _call_objects(body):
        return [call_of(_plain(each), where, None, _id(each)) for each in objects]
    if body.startswith("[") or re.match(r"[\w.]+\(", body):
        try:
            return python_calls(body, parameters)
        except ValueError as error:
            raise ConvertError(f"{where}: expected calls between tags ({error})") from None
    if body.startswith("{"):
        fail(where, None, 'a call between tags, {"name": …, "arguments": {…}}', body)
    return []


def _call_objects(body: str) -> list[dict[str, Any]]:
    """The objects that a text consists of, alone or in a list, as JSON or as Python writes them."""
    try:
        values = [literal(body)]
    except ValueError:
        values, last = [], 0
        for start, end, value in json_values(body):
            if body[last:start].strip(" \n\t\r,;"):
                return []
            values.append(value)
            last = end
        if body[last:].strip(" \n\t\r,;"):
            return []
    objects = [each for value in values for each in (value if isinstance(value, list) else [value])]
    return objects if all(isinstance(each, dict) for each in objects) else []


def _plain(call: dict[str, Any]) -> dict[str, Any]:
    """A call without the {"type": "function", "function": …} around it."""
    inner = call.get("function")
    return inner if isinstance(inner, dict) else call


def _id(call: dict[str, Any]) -> Any:
    return call.get("id") or call.get("call_id")


def _function(match: re.Match[str], where: str) -> Call:
    """A call as <function=name>{…}</function>, or with a tag for each parameter."""
    body = match[2].strip()
    if found := _PARAMETER.findall(body):
        return Call(match[1].strip(), {name.strip(): json_or_text(text) for name, text in found})
    return call_of({"name": match[1].strip(), "arguments": body}, where, None)


def _bare_calls(text: str, parameters: Parameters, where: str) -> list[Call]:
    """The calls that a whole text consists of, if every one is of a listed tool."""
    if not parameters or text[:1] not in ("[", "{"):
        return []
    objects = _call_objects(text)
    if objects and all(_is_listed(_plain(each), parameters) for each in objects):
        return [call_of(_plain(each), where, None, _id(each)) for each in objects]
    try:
        calls = python_calls(text, parameters) if text.startswith("[") else []
    except ValueError:
        return []
    return calls if all(call.name in parameters for call in calls) else []


def _is_listed(call: dict[str, Any], parameters: Parameters) -> bool:
    keys = call.keys() - {"id", "type"}
    return str(call.get("name")) in parameters and keys in (
        {"name", "arguments"},
        {"name", "parameters"},
    )
