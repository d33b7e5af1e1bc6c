"""Parts: what messages of many formats share: who speaks, texts in parts, calls, flags."""

from __future__ import annotations

from typing import Any, Literal

from trm_engine.data.fields import as_call, as_object, as_text, decoded, each, fail
from trm_engine.data.formats.conversation import Call, Message
from trm_engine.errors import did_you_mean

Speaker = Literal["system", "user", "assistant", "tool", "call"]

_SPEAKERS: dict[Speaker, str] = {
    "system": "system developer system_prompt",
    "user": "user human customer prompter",
    "assistant": "assistant gpt model bot agent ai chatgpt",
    "tool": "tool function observation function_response tool_response tool_result tool_results "
    "function_result function_call_output ipython environment",
    "call": "function_call tool_call tool_calls function_calls",
}
SPEAKERS: dict[str, Speaker] = {
    name: speaker for speaker, names in _SPEAKERS.items() for name in names.split()
}
"""Who speaks under which names. "call" is an assistant that calls tools."""

OPENAI_CALLS = ("tool_calls", "function_call")
LEARN_FLAGS = ("weight", "loss_weight", "train", "training", "loss")
"""Keys that say, by 0 or false, that a message is not to be learnt."""
UNREADABLE_PARTS = ("image", "audio", "video", "file", "document", "thinking", "reasoning")
"""Beginnings of the types of parts that have no text to read."""
_TEXT_KEYS = ("text", "value", "content", "refusal")


def speaker(value: Any) -> Speaker | None:
    """Who speaks under this name; None if it names nobody."""
    if not isinstance(value, str):
        return None
    return SPEAKERS.get(value.strip().lower().replace("-", "_").replace(" ", "_"))


def speaker_of(message: Any, key: str, where: str) -> Speaker:
    """Who speaks in a message, named under a key. OpenAI's calls are refused, not lost."""
    role = as_object(message, where, None).get(key)
    if called := next((name for name in OPENAI_CALLS if message.get(name)), None):
        fail(where, called, "no calls as OpenAI messages have them", message[called])
    if (found := speaker(role)) is None:
        known = ("system", "user", "assistant", "tool", "function_call")
        hint = did_you_mean(role, SPEAKERS) if isinstance(role, str) else ""
        fail(where, key, f"one of {', '.join(known)}", role, hint)
    return found


def is_learnt(message: dict[str, Any]) -> bool:
    """Whether the file does not forbid to learn this message."""
    return not any(message.get(flag) in (0, False) for flag in LEARN_FLAGS)


def text_of(value: Any, where: str, name: str) -> str:
    """Text, or the texts of a list of parts. Nothing is ""."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return as_text(value, where, name)
    parts = [part for part in enumerate(value) if part[1] is not None]
    return "".join(each(parts, lambda part: _part_text(part[1], where, f"{name}[{part[0]}]")))


def _part_text(part: Any, where: str, name: str) -> str:
    if isinstance(part, str):
        return part
    part = as_object(part, where, name)
    kind = str(part.get("type") or "").removeprefix("input_")
    if kind.startswith(UNREADABLE_PARTS):
        return ""
    key = next((key for key in _TEXT_KEYS if part.get(key) is not None), "text")
    return as_text(part.get(key), where, f"{name}.{key}")


def call_of(value: Any, where: str, name: str | None, call_id: Any = None) -> Call:
    """A call from an object, or JSON text of one, with its id."""
    return Call(*as_call(value, where, name), id_of(call_id))


def calls_of(value: Any, where: str, name: str) -> tuple[Call, ...]:
    """The calls in an object or a list of objects, or in JSON text of either."""
    calls = decoded(value)
    if not isinstance(calls, list):
        return (call_of(value, where, name),)
    return tuple(each(enumerate(calls), lambda i: call_of(i[1], where, f"{name}[{i[0]}]")))


def id_of(value: Any) -> str | None:
    """An id as text; None if there is none."""
    return None if value is None or value == "" else str(value)


def objects_in(value: Any) -> list[dict[str, Any]]:
    """The list, if all of it are objects; else none."""
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        return []
    return value


def system_message(value: Any, where: str, name: str) -> list[Message]:
    """The message with a system text, if there is any."""
    text = text_of(value, where, name)
    return [Message(where, "system", text)] if text.strip() else []
