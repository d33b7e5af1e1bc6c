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

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Literal

from trm_engine.data.catalogue import inferred_tool, own_tools, read_tools_file
from trm_engine.data.convert.openai import openai_turns
from trm_engine.data.convert.raw import raw_turns
from trm_engine.data.convert.turns import Conversation, Turn, require_listed, turns_of
from trm_engine.data.fields import ConvertError, json_or_text
from trm_engine.data.sources import records

__all__ = ["ConvertError", "convert_file", "detect_format"]

Format = Literal["raw", "openai"]
RAW_SIGNS = {"tool_call", "tool_response"}
OPENAI_SIGNS = {"developer", "tool", "function"}
_TURN_READERS: dict[Format, Callable[[list[Any], str, Sequence[str]], list[Turn]]] = {
    "raw": raw_turns,
    "openai": openai_turns,
}


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
    default_tools = read_tools_file(Path(tools_path)) if tools_path is not None else []
    read_turns = _TURN_READERS[detect_format(path)]

    def conversations() -> Iterator[Conversation]:
        for where, record in records(Path(path)):
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
    for where, record in records(Path(path)):
        for turn in turns_of(record, where):
            if sign := _sign(turn):
                return sign
        if fallback is None:
            is_openai = isinstance(record, dict) and "messages" in record
            fallback = "openai" if is_openai else "raw"
    return fallback or "raw"


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
        content = json_or_text(turn.get("content"))
        if {"think", "response"} & (content.keys() if isinstance(content, dict) else turn.keys()):
            return "raw"
    return None


def _read_conversation(
    record: Any,
    where: str,
    read_turns: Callable[[list[Any], str, Sequence[str]], list[Turn]],
    default_tools: list[dict[str, Any]],
    slots: Sequence[str],
) -> Conversation:
    tools = own_tools(record, where) or default_tools
    turns = read_turns(turns_of(record, where), where, slots)
    if tools:
        require_listed(turns, tools)
    return Conversation(tools, turns)


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
    return list(fields), [inferred_tool(name, names) for name, names in parameters.items()]


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
