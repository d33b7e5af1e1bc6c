"""Fields: the values in a conversation, each checked, each error with its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn, TypeVar

from trm_engine.errors import DataError, did_you_mean
from trm_engine.files import strict_json

Item = TypeVar("Item")
Result = TypeVar("Result")

ARGUMENT_KEYS = ("arguments", "parameters")

ENCODINGS = 3
"""How often an object may be encoded as JSON text. Logs often have it twice."""


class ConvertError(DataError, ValueError):
    """The input is not what it should be. Each problem says where, and what was expected."""

    @property
    def problems(self) -> tuple[str, ...]:
        """One message per problem."""
        return tuple(map(str, self.args))

    def __str__(self) -> str:
        return "\n".join(self.problems)


def each(items: Iterable[Item], read: Callable[[Item], Result]) -> list[Result]:
    """What ``read`` makes of each item.

    Raises:
        ConvertError: with the problems of all items, not only of the first bad one.
    """
    results: list[Result] = []
    problems: list[str] = []
    for item in items:
        try:
            results.append(read(item))
        except ConvertError as error:
            problems += error.problems
    if problems:
        raise ConvertError(*problems)
    return results


def role_of(turn: Any, roles: Sequence[str], where: str) -> str:
    """The role of a turn, one of those known."""
    role = as_object(turn, where, None).get("role")
    if role not in roles:
        hint = did_you_mean(role, roles) if isinstance(role, str) else ""
        fail(where, "role", f"one of {', '.join(roles)}", role, hint)
    return str(role)


def as_call(value: Any, where: str, name: str | None = None) -> tuple[str, dict[str, Any]]:
    """The name and the arguments of a call, from an object or JSON text."""
    prefix = f"{name}." if name else ""
    call = object_or_json(value, where, name)
    tool = as_name(call.get("name"), where, f"{prefix}name")
    key = next((key for key in ARGUMENT_KEYS if call.get(key) is not None), "arguments")
    return tool, as_arguments(call.get(key), where, f"{prefix}{key}")


def as_arguments(value: Any, where: str, name: str | None) -> dict[str, Any]:
    """The arguments of a call, from an object or JSON text. Those that are null are absent."""
    arguments = decoded(value)
    if arguments is None or arguments == {} or (isinstance(value, str) and not value.strip()):
        return {}
    found: dict[str, Any] = without_nulls(object_or_json(value, where, name))
    return found


def object_or_json(value: Any, where: str, name: str | None) -> dict[str, Any]:
    """An object, or the one that JSON text stands for."""
    result = decoded(value)
    return as_object(result if isinstance(result, dict) else value, where, name)


def decoded(value: Any) -> Any:
    """The value that a text stands for, even if it is encoded several times."""
    for _ in range(ENCODINGS):
        if not isinstance(value, str):
            break
        value = json_or_text(value)
    return value


def without_nulls(value: Any) -> Any:
    """The value without keys that are null: tables write null for what is absent."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [without_nulls(each) for each in value]
    return value


def present(value: Any) -> Any:
    """The value; None for an object with nothing but nulls, as tables write for an absent one."""
    if isinstance(value, dict) and value and all(present(v) is None for v in value.values()):
        return None
    return value


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


def response_of(text: str) -> Any:
    """A tool's response: an object or list if the text is JSON of one, else the text itself."""
    value = json_or_text(text) if text.lstrip()[:1] in ("{", "[") else text
    return value if isinstance(value, dict | list) else text


def parse_json(text: str) -> Any:
    """Parses JSON that can be written again as UTF-8 JSON; raises ValueError for any other text."""
    try:
        value = strict_json.parse(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    require_characters(text, value)
    return value


def require_characters(text: str, value: Any) -> None:
    """Raise ValueError if a JSON text escapes half a character. ``value`` is what it means."""
    if "\\u" not in text:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair is no character") from None


def fail(where: str, name: str | None, expected: str, value: Any, hint: str = "") -> NoReturn:
    """Say where something else than expected stands."""
    place = f"{where}, field {name!r}" if name else where
    raise ConvertError(f"{place}: expected {expected}, got {described(value)}{hint}")


def described(value: Any) -> str:
    """What a value is, in a few words."""
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
