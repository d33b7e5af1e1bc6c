"""Fields: the values in a conversation, each checked, each error with its place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NoReturn

from trm_engine.errors import DataError, did_you_mean
from trm_engine.files import strict_json


class ConvertError(DataError, ValueError):
    """The input is not what it should be; the message says where, and what was expected."""


def role_of(turn: Any, roles: Sequence[str], where: str) -> str:
    """The role of a turn, one of those known."""
    role = as_object(turn, where, None).get("role")
    if role not in roles:
        hint = did_you_mean(role, roles) if isinstance(role, str) else ""
        fail(where, "role", f"one of {', '.join(roles)}", role, hint)
    return str(role)


def as_call(value: Any, where: str, name: str | None = None) -> dict[str, Any]:
    """A tool call, {"name": …, "arguments": {…}}, from an object or JSON text."""
    prefix = f"{name}." if name else ""
    call = object_or_json(value, where, name)
    tool = as_name(call.get("name"), where, f"{prefix}name")
    key = "arguments" if "arguments" in call else "parameters"
    arguments = call.get(key)
    if arguments is None or arguments == "":
        return {"name": tool, "arguments": {}}
    return {"name": tool, "arguments": object_or_json(arguments, where, f"{prefix}{key}")}


def object_or_json(value: Any, where: str, name: str | None) -> dict[str, Any]:
    """An object, or the one that JSON text stands for."""
    result = json_or_text(value)
    return as_object(result if isinstance(result, dict) else value, where, name)


def as_object(value: Any, where: str, name: str | None) -> dict[str, Any]:
    """The value, if it is an object."""
    if not isinstance(value, dict):
        fail(where, name, "an object", value)
    return value


def as_list(value: Any, where: str, name: str | None) -> list[Any]:
    """The value, if it is a list."""
    if not isinstance(value, list):
        fail(where, name, "a list", value)
    return value


def as_name(value: Any, where: str, name: str) -> str:
    """The value, if it can name a tool."""
    if not isinstance(value, str) or not value:
        fail(where, name, "the name of a tool", value)
    return value


def as_text(value: Any, where: str, name: str) -> str:
    """The value, if it is text."""
    if not isinstance(value, str):
        fail(where, name, "text", value)
    return value


def looks_like_object(value: Any) -> bool:
    """Whether this is an object, or JSON text of one."""
    return isinstance(value, dict) or (isinstance(value, str) and value.lstrip().startswith("{"))


def json_or_text(value: Any) -> Any:
    """What a text stands for where it is JSON; any other value as it is."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value)
    except ValueError:
        return value


def parse_json(text: str) -> Any:
    """Parses JSON that can be written again as UTF-8 JSON; raises ValueError for any other text."""
    try:
        value = strict_json.parse(text)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair is no character") from None
    return value


def fail(where: str, name: str | None, expected: str, value: Any, hint: str = "") -> NoReturn:
    """Say where something else than expected stands."""
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
