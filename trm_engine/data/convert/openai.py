"""OpenAI fine-tuning files: messages, calls and the responses to them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trm_engine.data.convert.turns import Turn
from trm_engine.data.fields import (
    ConvertError,
    as_call,
    as_list,
    as_object,
    as_text,
    fail,
    json_or_text,
    role_of,
)

OPENAI_ROLES = ("user", "system", "developer", "assistant", "tool", "function")


def openai_turns(messages: list[Any], where: str, slots: Sequence[str]) -> list[Turn]:
    """Reads the messages of an OpenAI conversation, parallel calls as a sequence."""
    turns: list[Turn] = []
    calls = _OpenCalls(where, [])
    for number, message in enumerate(messages, 1):
        here = f"{where}, turn {number}"
        role = role_of(message, OPENAI_ROLES, here)
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
                fail(where, "tool_call_id", f"the id of an unanswered call ({known})", call_id)
        content = json_or_text(_message_text(message, where))
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
        return [(None, as_call(message["function_call"], where, "function_call"))]
    calls = message.get("tool_calls")
    if calls is None:
        return []
    return [
        _tool_call(call, where, f"tool_calls[{index}]")
        for index, call in enumerate(as_list(calls, where, "tool_calls"))
    ]


def _tool_call(value: Any, where: str, name: str) -> tuple[str | None, dict[str, Any]]:
    call = as_object(value, where, name)
    call_id = call.get("id")
    if call_id is not None:
        call_id = as_text(call_id, where, f"{name}.id")
    return call_id, as_call(call.get("function"), where, f"{name}.function")


def _openai_turn(message: dict[str, Any], where: str) -> Turn:
    """A message without calls."""
    role = "system" if message["role"] == "developer" else message["role"]
    decides = role == "assistant" and message.get("weight") != 0
    return Turn(where, role, _message_text(message, where), decides)


def _message_text(message: dict[str, Any], where: str) -> str:
    content = message.get("content")
    if not isinstance(content, list):
        return as_text(content, where, "content")
    return "".join(
        as_text(as_object(part, where, f"content[{i}]").get("text"), where, f"content[{i}].text")
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
