"""Python calls: calls written as in Python, ``[f(a=1), g(b="x")]``, with literal values only."""

from __future__ import annotations

import ast
import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from trm_engine.data.fields import parse_json
from trm_engine.data.formats.conversation import Call

_BRACKETS = {"(": ")", "[": "]", "{": "}"}
_KEYWORD = re.compile(r"\s*([^\W\d][\w.-]*)\s*=(?!=)(.*)\Z", re.DOTALL)
_NAME = re.compile(r"[^\W\d][\w.-]*\Z")


def python_calls(text: str, parameters: Mapping[str, Sequence[str]]) -> list[Call]:
    """The calls in a list, or those separated by commas.

    Args:
        text: such as ``[f(a=1), g(b="x")]``.
        parameters: names of the tools' parameters, for arguments without a name. Names of tools
            that are listed here may have any characters.

    Raises:
        ValueError: it is something else, or a value is no literal.
    """
    text = text.strip()
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    return [_call(piece.strip(), parameters) for piece in _split(text)]


def _call(text: str, parameters: Mapping[str, Sequence[str]]) -> Call:
    name = _name(text, parameters)
    rest = text[len(name) :].strip()
    if not (rest.startswith("(") and rest.endswith(")")):
        raise ValueError(f"expected a call such as f(a=1), got {text[:60]!r}")
    name = name.strip()
    arguments: dict[str, Any] = {}
    for place, piece in enumerate(_split(rest[1:-1])):
        keyword = _KEYWORD.match(piece)
        key = keyword[1] if keyword else _positional(name, place, parameters.get(name, ()))
        if key in arguments:
            raise ValueError(f"{name} has the argument {key!r} twice")
        arguments[key] = literal(keyword[2] if keyword else piece)
    return Call(name, arguments)


def _name(text: str, known: Collection[str]) -> str:
    """The name before the bracket: a tool's that is known, else one as Python has them."""
    listed = [name for name in known if text.startswith(name) and _opens(text[len(name) :])]
    name = max(listed, key=len) if listed else text.partition("(")[0]
    if not listed and not _NAME.match(name.strip()):
        raise ValueError(f"expected the name of a tool, got {name[:60]!r}")
    return name


def _opens(text: str) -> bool:
    return text.lstrip().startswith("(")


def _positional(tool: str, place: int, names: Sequence[str]) -> str:
    if place >= len(names):
        raise ValueError(f"argument {place + 1} of {tool} has no name")
    return names[place]


def literal(text: str) -> Any:
    """The value of a Python or JSON literal, as JSON has it. Raises ValueError."""
    text = text.strip()
    try:
        return _as_json(ast.literal_eval(text))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        pass
    try:
        return parse_json(text)  # true, false, null, also inside of lists and objects
    except ValueError:
        raise ValueError(f"expected a literal value, got {text[:60]!r}") from None


def _as_json(value: Any) -> Any:
    match value:
        case None | str() | bool() | int():
            return value
        case float() if math.isfinite(value):
            return value
        case list() | tuple():
            return [_as_json(each) for each in value]
        case set():
            return sorted((_as_json(each) for each in value), key=str)
        case dict():
            return {str(key): _as_json(each) for key, each in value.items()}
    raise ValueError(f"{value!r} cannot be written as JSON")


def _split(text: str) -> Iterator[str]:
    """The pieces between the commas that stand outside of brackets and quotes."""
    start, closing, quote, place = 0, [], "", 0
    while place < len(text):
        character = text[place]
        if quote:
            if character == "\\":
                place += 1
            elif text.startswith(quote, place):
                place += len(quote) - 1
                quote = ""
        elif character in "\"'":
            quote = character * 3 if text.startswith(character * 3, place) else character
            place += len(quote) - 1
        elif character in _BRACKETS:
            closing.append(_BRACKETS[character])
        elif character in ")]}":
            if not closing or closing.pop() != character:
                raise ValueError("brackets do not match")
        elif character == "," and not closing:
            yield text[start:place]
            start = place + 1
        place += 1
    if quote or closing:
        raise ValueError("a quote or a bracket is not closed")
    if text[start:].strip():
        yield text[start:]
