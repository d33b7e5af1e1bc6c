"""JSON in texts: values that stand somewhere in a text, and tools among them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from trm_engine.data.fields import parse_json

_DECODER = json.JSONDecoder()
_MAX_FAILURES = 1000
"""Number of brackets that begin no JSON, after which a text is given up. Each costs a scan."""

SCHEMA_KEYS = ("parameters", "input_schema", "inputSchema")


def json_values(text: str) -> Iterator[tuple[int, int, Any]]:
    """The objects and lists in a text: where each begins and ends, and its value."""
    place = failures = 0
    while failures < _MAX_FAILURES and (place := _next_bracket(text, place)) >= 0:
        try:
            _, end = _DECODER.raw_decode(text, place)
            value = parse_json(text[place:end])
        except (ValueError, RecursionError):
            place += 1
            failures += 1
            continue
        yield place, end, value
        place = end


def _next_bracket(text: str, place: int) -> int:
    return min((i for i in (text.find("{", place), text.find("[", place)) if i >= 0), default=-1)


def tools_in(text: str, keys: Sequence[str] = SCHEMA_KEYS) -> tuple[str, list[dict[str, Any]]]:
    """The definitions of tools that stand in a text, and the text without them.

    ``keys``: keys of which a definition has one, beside its name.
    """
    tools: list[dict[str, Any]] = []
    rest, last = [], 0
    for start, end, value in json_values(text):
        found = value if isinstance(value, list) else [value]
        if found and all(looks_like_tool(each, keys) for each in found):
            tools += found
            rest.append(text[last:start])
            last = end
    return "".join([*rest, text[last:]]).strip(), tools


def looks_like_tool(value: Any, keys: Sequence[str] = SCHEMA_KEYS) -> bool:
    """Whether this is the definition of a tool: it has a name, and says more than that."""
    if not isinstance(value, dict):
        return False
    if isinstance(value.get("function"), dict):
        value = value["function"]
    return isinstance(value.get("name"), str) and any(key in value for key in keys)
