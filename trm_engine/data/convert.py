"""Conversations of two common formats, converted to training samples.

Both formats become the same thing, one sample per decision of the assistant:

    {"tools": […], "history": […], "decision": "tool_call" or "direct_answer",
     "tool": {"name": …, "arguments": {…}} or {}, "slots": {field: text}, "content": answer or ""}

A turn with nothing before it, such as a greeting, is no decision in either format.

**Raw conversations.** A file is one conversation (a list of turns), a list of conversations, or
JSONL with one conversation a line; a conversation may also be an object with `tools`, and its
turns under `conversation`, `history`, `turns` or `messages`. Roles are `system`, `user`,
`assistant`, `tool_call` and `tool_response`. An assistant or tool_call turn carries an object, in
`content` (JSON text will do) or in the turn itself, such as

    {"think": "…", "response": "…", "phone": "0901234567", "address": null}

- `response` is the answer; in a tool_call turn it is the call, `{"name": …, "arguments": {…}}`,
  which may also stand under `tool`, or as `name` and `arguments` beside the other keys.
- Every other key except `think` is a slot field with its value so far. All samples of a file have
  the same fields; what is missing or null is "". A turn without any slot field changes none.
- Plain text as an assistant turn's content is an answer without slot fields.
- An assistant turn directly before a tool_call turn ("let me check …") is no decision: what the
  assistant does next there is the call. It yields no sample and stays out of the history.

**OpenAI fine-tuning files.** JSONL of `{"messages": […], "tools": […]}`, or with the older
`functions` and `function_call`.

- Text beside a tool call is dropped. A message with `weight` 0 yields no sample, as it would not
  be trained on, but stays in the history.
- Parallel calls become a sequence: each call is followed by its own response. A call that comes
  after an unanswered one yields no sample, for nothing new is known since; it stays in the history.
- A response answers the call with its `tool_call_id`; without an id, the first unanswered call.
- The format has no slots. Of the names in `slots`, each has the latest value that an argument of
  that name had, this decision's call included, if a user message before contains that text.

**Tools** are the conversation's own; else those of a separate file; else they are inferred from
all calls in conversations that list none. The samples of a conversation share its tool list.
"""

import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from os import PathLike
from pathlib import Path
from typing import Any, Literal, NoReturn

from trm_engine.errors import DataError, did_you_mean

__all__ = ["ConvertError", "convert_file", "detect_format"]

Format = Literal["raw", "openai"]

TURN_KEYS = ("conversation", "history", "turns", "messages")
RAW_ROLES = ("user", "system", "assistant", "tool_call", "tool_response")
OPENAI_ROLES = ("user", "system", "developer", "assistant", "tool", "function")
RAW_SIGNS = {"tool_call", "tool_response"}
OPENAI_SIGNS = {"developer", "tool", "function"}
NO_SLOTS = {"role", "content", "think", "response", "tool", "arguments"}


class ConvertError(DataError, ValueError):
    """The input is not what it should be; the message says where, and what was expected."""


@dataclass(frozen=True)
class Turn:
    """One turn of either format: what the history shows of it, and the decision if it is one."""

    where: str
    role: str
    content: Any
    decides: bool = False
    slots: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Conversation:
    """The turns of one conversation, and its own list of tools (empty if it has none)."""

    tools: list[dict[str, Any]]
    turns: list[Turn]


def convert_file(
    path: str | PathLike[str],
    *,
    tools_path: str | PathLike[str] | None = None,
    slots: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """Yields the samples of a file of either format, in the order of the file.

    `tools_path` is a JSON file with the tools of conversations that list none. `slots` names the
    slot fields: by default all that a raw file has, and none for OpenAI's format.

    Raises ConvertError before the first sample if anything in the file is wrong.
    """
    default_tools = _read_tools_file(Path(tools_path)) if tools_path is not None else []
    read_turns = _TURN_READERS[detect_format(path)]

    def conversations() -> Iterator[Conversation]:
        for where, record in _records(Path(path)):
            yield _read_conversation(record, where, read_turns, default_tools, slots)

    found_slots, inferred_tools = _survey(conversations())
    fields = list(dict.fromkeys(slots)) or found_slots
    return (
        sample
        for conversation in conversations()
        for sample in _samples(conversation, inferred_tools, fields)
    )


def detect_format(path: str | PathLike[str]) -> Format:
    """Tells the two formats apart by the first turn that only one of them has.

    Raises ConvertError if the file cannot be read, is not JSON, or holds no conversations.
    """
    fallback: Format | None = None
    for where, record in _records(Path(path)):
        for turn in _turns_of(record, where):
            if sign := _sign(turn):
                return sign
        if fallback is None:
            is_openai = isinstance(record, dict) and "messages" in record
            fallback = "openai" if is_openai else "raw"
    return fallback or "raw"


# Samples -----------------------------------------------------------------------------------------


def _survey(
    conversations: Iterable[Conversation],
) -> tuple[list[str], list[dict[str, Any]]]:
    """All slot fields of a file, and the tools of those conversations that list none."""
    fields: dict[str, None] = {}
    parameters: dict[str, dict[str, None]] = {}
    for conversation in conversations:
        for turn in conversation.turns:
            fields.update(dict.fromkeys(turn.slots))
            if turn.role == "tool_call" and not conversation.tools:
                call = turn.content
                parameters.setdefault(call["name"], {}).update(dict.fromkeys(call["arguments"]))
    return list(fields), [_inferred_tool(name, names) for name, names in parameters.items()]


def _samples(
    conversation: Conversation, inferred_tools: list[dict[str, Any]], fields: list[str]
) -> Iterator[dict[str, Any]]:
    """One sample per decision, each with the turns before it as its history."""
    history: list[dict[str, Any]] = []
    for turn in conversation.turns:
        if turn.decides and history:
            is_call = turn.role == "tool_call"
            yield {
                "tools": conversation.tools or inferred_tools,
                "history": list(history),
                "decision": "tool_call" if is_call else "direct_answer",
                "tool": turn.content if is_call else {},
                "slots": {name: turn.slots.get(name, "") for name in fields},
                "content": "" if is_call else turn.content,
            }
        history.append({"role": turn.role, "content": turn.content})


# Raw conversations -------------------------------------------------------------------------------


def _raw_turns(turns: list[Any], where: str, _slots: Sequence[str]) -> list[Turn]:
    """Reads the turns of a raw conversation, without the announcements of calls."""
    read = [_raw_turn(turn, f"{where}, turn {number}") for number, turn in enumerate(turns, 1)]
    return _without_announcements(_with_slots_so_far(read))


def _raw_turn(turn: Any, where: str) -> Turn:
    match role := _role(turn, RAW_ROLES, where):
        case "assistant":
            return _raw_answer(turn, where)
        case "tool_call":
            return _raw_call(turn, where)
        case "tool_response":
            if "content" not in turn:
                _fail(where, "content", "the tool's response", None)
            return Turn(where, role, _json_or_text(turn["content"]))
        case _:
            return Turn(where, role, _text(turn.get("content"), where, "content"))


def _raw_answer(turn: dict[str, Any], where: str) -> Turn:
    fields = _carried_fields(turn, where)
    answer = _text(fields.get("response"), where, "response")
    slots = _slots_in(fields, NO_SLOTS, where)
    return Turn(where, "assistant", answer, decides=True, slots=slots)


def _raw_call(turn: dict[str, Any], where: str) -> Turn:
    fields = _carried_fields(turn, where)
    call, used = _find_call(fields, where)
    slots = _slots_in(fields, NO_SLOTS | used, where)
    return Turn(where, "tool_call", call, decides=True, slots=slots)


def _carried_fields(turn: dict[str, Any], where: str) -> dict[str, Any]:
    """The object that an assistant or tool_call turn carries, in its content or in itself."""
    content = turn.get("content")
    if content is None or content == "":
        return turn
    if isinstance(content, dict):
        return content
    if _looks_like_object(content):
        return _object_or_json(content, where, "content")
    if turn["role"] == "assistant":
        return {"response": _text(content, where, "content")}
    _fail(where, "content", "an object with the call", content)


def _find_call(fields: dict[str, Any], where: str) -> tuple[dict[str, Any], set[str]]:
    """The call in a tool_call turn's fields, and the keys it takes up beyond the usual ones."""
    for key in ("response", "tool"):
        if _looks_like_object(fields.get(key)):
            return _call(fields[key], where, key), set()
    spread = {"arguments", "parameters"} & fields.keys()
    if isinstance(fields.get("tool"), str) and fields["tool"]:
        return _call({**fields, "name": fields["tool"]}, where), spread
    if "name" in fields and spread:
        return _call(fields, where), {"name"} | spread
    _fail(where, "response", 'a call, {"name": …, "arguments": {…}}', fields.get("response"))


def _slots_in(fields: dict[str, Any], others: set[str], where: str) -> dict[str, str]:
    return {
        name: _slot_text(value, where, name) for name, value in fields.items() if name not in others
    }


def _slot_text(value: Any, where: str, name: str) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, dict | list):
        _fail(where, name, "a slot value (text, a number, true, false or null)", value)
    return json.dumps(value)


def _with_slots_so_far(turns: list[Turn]) -> list[Turn]:
    """Decisions without any slot field take over the values of the decision before."""
    result: list[Turn] = []
    so_far: dict[str, str] = {}
    for turn in turns:
        if turn.decides:
            so_far = turn.slots or so_far
            turn = replace(turn, slots=so_far)
        result.append(turn)
    return result


def _without_announcements(turns: list[Turn]) -> list[Turn]:
    kept = [
        turn
        for turn, following in pairwise(turns)
        if not (turn.role == "assistant" and following.role == "tool_call")
    ]
    return kept + turns[-1:]


# OpenAI fine-tuning files ------------------------------------------------------------------------


def _openai_turns(messages: list[Any], where: str, slots: Sequence[str]) -> list[Turn]:
    """Reads the messages of an OpenAI conversation, parallel calls as a sequence."""
    turns: list[Turn] = []
    calls = _OpenCalls(where, [])
    for number, message in enumerate(messages, 1):
        here = f"{where}, turn {number}"
        role = _role(message, OPENAI_ROLES, here)
        if role in ("tool", "function"):
            calls.answer(message, here)
            continue
        turns += calls.close()
        if called := _calls_of(message, here):
            calls = _OpenCalls(here, called, trained_on=message.get("weight") != 0)
        else:
            turns.append(_openai_turn(message, here))
    return _with_argument_slots(turns + calls.close(), slots)


class _OpenCalls:
    """The calls of one assistant message while their responses come in."""

    def __init__(
        self, where: str, calls: list[tuple[str | None, dict[str, Any]]], trained_on: bool = True
    ) -> None:
        self._where = where
        self._ids = [call_id for call_id, _ in calls]
        self._calls = [call for _, call in calls]
        self._responses: dict[int, Turn] = {}
        self._trained_on = trained_on

    def answer(self, message: dict[str, Any], where: str) -> None:
        """Gives a tool message to the call that it answers."""
        open_calls = [i for i in range(len(self._calls)) if i not in self._responses]
        if not open_calls:
            raise ConvertError(
                f"{where}: expected a tool message to follow the assistant message whose call it "
                "answers, but no call is left to answer"
            )
        call_id = message.get("tool_call_id")
        if call_id is not None:
            open_calls = [i for i in open_calls if self._ids[i] == call_id]
            if not open_calls:
                known = ", ".join(json.dumps(i) for i in self._ids)
                _fail(where, "tool_call_id", f"the id of an unanswered call ({known})", call_id)
        content = _json_or_text(_message_text(message, where))
        self._responses[open_calls[0]] = Turn(where, "tool_response", content)

    def close(self) -> list[Turn]:
        """Each call with its response behind it; empties the list of calls."""
        turns: list[Turn] = []
        decides = self._trained_on
        for i, call in enumerate(self._calls):
            turns.append(Turn(self._where, "tool_call", call, decides))
            if i in self._responses:
                turns.append(self._responses[i])
            else:
                decides = False
        self._calls = []
        return turns


def _calls_of(message: dict[str, Any], where: str) -> list[tuple[str | None, dict[str, Any]]]:
    """The calls in an assistant message, each with its id (None where it has none)."""
    if message["role"] != "assistant":
        return []
    if message.get("function_call") is not None:
        return [(None, _call(message["function_call"], where, "function_call"))]
    calls = message.get("tool_calls")
    if calls is None:
        return []
    return [
        _tool_call(call, where, f"tool_calls[{index}]")
        for index, call in enumerate(_list(calls, where, "tool_calls"))
    ]


def _tool_call(value: Any, where: str, name: str) -> tuple[str | None, dict[str, Any]]:
    call = _object(value, where, name)
    call_id = call.get("id")
    if call_id is not None:
        call_id = _text(call_id, where, f"{name}.id")
    return call_id, _call(call.get("function"), where, f"{name}.function")


def _openai_turn(message: dict[str, Any], where: str) -> Turn:
    """A message without calls."""
    role = "system" if message["role"] == "developer" else message["role"]
    decides = role == "assistant" and message.get("weight") != 0
    return Turn(where, role, _message_text(message, where), decides)


def _message_text(message: dict[str, Any], where: str) -> str:
    content = message.get("content")
    if not isinstance(content, list):
        return _text(content, where, "content")
    return "".join(
        _text(_object(part, where, f"content[{i}]").get("text"), where, f"content[{i}].text")
        for i, part in enumerate(content)
    )


def _with_argument_slots(turns: list[Turn], slots: Sequence[str]) -> list[Turn]:
    """Gives each decision the latest arguments with the names in `slots` that users have said."""
    result: list[Turn] = []
    said: list[str] = []
    arguments: dict[str, Any] = {}
    for turn in turns:
        if turn.role == "user":
            said.append(turn.content)
        elif turn.role == "tool_call":
            arguments.update(turn.content["arguments"])
        if turn.decides:
            values = {name: _argument_text(arguments.get(name)) for name in slots}
            heard = {name: text for name, text in values.items() if any(text in s for s in said)}
            turn = replace(turn, slots=heard)
        result.append(turn)
    return result


def _argument_text(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


# Conversations and tools -------------------------------------------------------------------------


_TURN_READERS: dict[Format, Callable[[list[Any], str, Sequence[str]], list[Turn]]] = {
    "raw": _raw_turns,
    "openai": _openai_turns,
}


def _read_conversation(
    record: Any,
    where: str,
    read_turns: Callable[[list[Any], str, Sequence[str]], list[Turn]],
    default_tools: list[dict[str, Any]],
    slots: Sequence[str],
) -> Conversation:
    tools = _own_tools(record, where) or default_tools
    turns = read_turns(_turns_of(record, where), where, slots)
    if tools:
        _require_listed(turns, tools)
    return Conversation(tools, turns)


def _turns_of(record: Any, where: str) -> list[Any]:
    """The turns of a conversation in any of its shapes; raises ConvertError if there are none."""
    turns = record
    key = None
    if isinstance(record, dict):
        if {"history", "decision"} <= record.keys():
            raise ConvertError(f"{where}: this is a training sample already, nothing to convert")
        key = next((key for key in TURN_KEYS if key in record), None)
        if key is None:
            expected = f"a list of turns, or an object with one of {', '.join(TURN_KEYS)}"
            _fail(where, None, expected, record)
        turns = record[key]
    if not isinstance(turns, list) or not turns:
        _fail(where, key, "a conversation, a list of at least one turn", turns)
    return turns


def _sign(turn: Any) -> Format | None:
    """The format that a turn gives away, if it does."""
    if not isinstance(turn, dict) or not isinstance(turn.get("role"), str):
        return None
    if turn["role"] in RAW_SIGNS:
        return "raw"
    if turn["role"] in OPENAI_SIGNS:
        return "openai"
    if turn["role"] == "assistant":
        if turn.get("tool_calls") is not None or turn.get("function_call") is not None:
            return "openai"
        content = _json_or_text(turn.get("content"))
        if {"think", "response"} & (content.keys() if isinstance(content, dict) else turn.keys()):
            return "raw"
    return None


def _own_tools(record: Any, where: str) -> list[dict[str, Any]]:
    if not isinstance(record, dict):
        return []
    key = "tools" if record.get("tools") is not None else "functions"
    return _tools(record.get(key), where, key) if record.get(key) is not None else []


def _read_tools_file(path: Path) -> list[dict[str, Any]]:
    value = _parse(_read_text(path), str(path))
    if isinstance(value, dict) and "tools" in value:
        return _tools(value["tools"], str(path), "tools")
    return _tools(value, str(path), None)


def _tools(value: Any, where: str, name: str | None) -> list[dict[str, Any]]:
    """A list of tool definitions, each as {"type": "function", "function": {…}}."""
    items = _list(_json_or_text(value), where, name)
    return [_tool(item, where, f"{name or 'tools'}[{i}]") for i, item in enumerate(items)]


def _tool(value: Any, where: str, name: str) -> dict[str, Any]:
    tool = _object(value, where, name)
    if "function" in tool:
        tool = _object(tool["function"], where, f"{name}.function")
    function = {key: part for key, part in tool.items() if key != "type" and part is not None}
    _name(function.get("name"), where, f"{name}.name")
    _text(function.get("description", ""), where, f"{name}.description")
    parameters = _object(function.get("parameters", {}), where, f"{name}.parameters")
    properties = _object(parameters.get("properties", {}), where, f"{name}.parameters.properties")
    for parameter, schema in properties.items():
        _object(schema, where, f"{name}.parameters.properties.{parameter}")
    return {"type": "function", "function": function}


def _inferred_tool(name: str, parameters: Iterable[str]) -> dict[str, Any]:
    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}


def _require_listed(turns: list[Turn], tools: list[dict[str, Any]]) -> None:
    names = [tool["function"]["name"] for tool in tools]
    for turn in turns:
        if turn.role == "tool_call" and (called := turn.content["name"]) not in names:
            hint = did_you_mean(called, names)
            _fail(turn.where, "name", "one of the conversation's tools", called, hint)


# Fields ------------------------------------------------------------------------------------------


def _role(turn: Any, roles: Sequence[str], where: str) -> str:
    role = _object(turn, where, None).get("role")
    if role not in roles:
        hint = did_you_mean(role, roles) if isinstance(role, str) else ""
        _fail(where, "role", f"one of {', '.join(roles)}", role, hint)
    return str(role)


def _call(value: Any, where: str, name: str | None = None) -> dict[str, Any]:
    """A tool call, {"name": …, "arguments": {…}}, from an object or JSON text."""
    prefix = f"{name}." if name else ""
    call = _object_or_json(value, where, name)
    tool = _name(call.get("name"), where, f"{prefix}name")
    key = "arguments" if "arguments" in call else "parameters"
    arguments = call.get(key)
    if arguments is None or arguments == "":
        return {"name": tool, "arguments": {}}
    return {"name": tool, "arguments": _object_or_json(arguments, where, f"{prefix}{key}")}


def _object_or_json(value: Any, where: str, name: str | None) -> dict[str, Any]:
    """An object, or the one that JSON text stands for."""
    result = _json_or_text(value)
    return _object(result if isinstance(result, dict) else value, where, name)


def _object(value: Any, where: str, name: str | None) -> dict[str, Any]:
    if not isinstance(value, dict):
        _fail(where, name, "an object", value)
    return value


def _list(value: Any, where: str, name: str | None) -> list[Any]:
    if not isinstance(value, list):
        _fail(where, name, "a list", value)
    return value


def _name(value: Any, where: str, name: str) -> str:
    if not isinstance(value, str) or not value:
        _fail(where, name, "the name of a tool", value)
    return value


def _text(value: Any, where: str, name: str) -> str:
    if not isinstance(value, str):
        _fail(where, name, "text", value)
    return value


def _looks_like_object(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{"))


def _json_or_text(value: Any) -> Any:
    """What a text stands for where it is JSON; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return _parse_json(value)
    except ValueError:
        return value


def _fail(where: str, name: str | None, expected: str, value: Any, hint: str = "") -> NoReturn:
    place = f"{where}, field {name!r}" if name else where
    raise ConvertError(f"{place}: expected {expected}, got {_describe(value)}{hint}")


def _describe(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "an object with " + (", ".join(sorted(value)[:5]) or "no keys")
        case list():
            return f"a list of {len(value)}"
        case _:
            text = json.dumps(value, ensure_ascii=False)
            return text if len(text) <= 60 else text[:57] + "…"


# Files -------------------------------------------------------------------------------------------


def _records(path: Path) -> Iterator[tuple[str, Any]]:
    """The conversations of a file, unread, each with its place for error messages."""
    for where, value in _values(path):
        if _is_list_of_conversations(value):
            for number, record in enumerate(value, 1):
                yield f"{where}, conversation {number}", record
        else:
            yield where, value


def _is_list_of_conversations(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and not any(isinstance(item, dict) and "role" in item for item in value)
    )


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file: one a line, or one that the whole file is."""
    first = next((line for _, line in _lines(path) if line.strip()), None)
    if first is None:
        raise ConvertError(f"{path}: the file is empty, expected conversations")
    if not _is_json(first):
        yield str(path), _parse(_read_text(path), str(path))
        return
    for number, line in _lines(path):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, _parse(line, where)


def _is_json(text: str) -> bool:
    try:
        _parse_json(text)
    except ValueError:
        return False
    return True


def _read_text(path: Path) -> str:
    return "".join(line for _, line in _lines(path))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise ConvertError(f"{path}, line {number}: expected UTF-8 text ({error.reason})") from None
    except OSError as error:
        raise ConvertError(f"{path}: cannot be read ({error.strerror})") from None


def _parse(text: str, where: str) -> Any:
    try:
        return _parse_json(text)
    except json.JSONDecodeError as error:
        line = "" if ", line " in where else f", line {error.lineno}"
        raise ConvertError(
            f"{where}{line}: expected JSON ({error.msg} at column {error.colno})"
        ) from None
    except ValueError as error:
        raise ConvertError(f"{where}: expected JSON ({error})") from None


def _parse_json(text: str) -> Any:
    """Parses JSON that can be written again as UTF-8 JSON; raises ValueError for any other text."""
    try:
        value = json.loads(text, parse_float=_finite, parse_constant=_finite)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair is no character") from None
    return value


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is no finite number")
    return number
