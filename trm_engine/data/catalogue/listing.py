"""Listing: where the tools stand in a list, an answer of a server or a document."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trm_engine.data.catalogue.openapi import is_openapi, operations
from trm_engine.data.catalogue.plain import Warn
from trm_engine.data.catalogue.services import intents, is_service
from trm_engine.data.catalogue.tool import SCHEMA_KEYS, WRAPPERS
from trm_engine.data.catalogue.type_names import parsed_expression
from trm_engine.data.fields import fail, parse_json

LISTS = (
    *("tools", "functions", "functionDeclarations", "function_declarations"),
    *("toolConfig", "tool_config", "result"),
)
"""Keys under which a list of tools stands, or an object with one of these keys."""
EXPECTED = "a list of tools, or a document with tools (OpenAI, MCP, Anthropic, Gemini or OpenAPI)"
LONGEST_LITERAL = 1 << 20
"""Number of characters that are tried as a literal of Python."""


@dataclass(frozen=True)
class Entry:
    """A tool as it is written, its place, and documents that its references may lead to."""

    path: str
    value: Any
    roots: Sequence[Any] = ()


def entries(value: Any, where: str, path: str, warn: Warn) -> Iterator[Entry]:
    """The tools in a value of any shape. Raises ConvertError if it has no place for tools."""
    if isinstance(value, str):
        value = _parsed(value, where, path)
    if isinstance(value, dict):
        yield from _of_object(value, where, path, warn)
    elif isinstance(value, list):
        yield from _of_list(value, where, path, warn)
    elif value is not None:
        fail(where, path or None, EXPECTED, value)


def _of_list(value: list[Any], where: str, path: str, warn: Warn) -> Iterator[Entry]:
    services = [(f"{path}[{n}]", item) for n, item in enumerate(value) if is_service(item)]
    yield from (Entry(place, tool) for place, tool in intents(services, warn))
    for index, item in enumerate(value):
        place = f"{path or 'tools'}[{index}]"
        if isinstance(item, str) and item.lstrip().startswith(("{", "[")):
            item = _parsed(item, where, place)
        if isinstance(item, dict) and _list_key(item):
            yield from _of_object(item, where, place, warn)
        elif item is not None and not is_service(item):
            yield Entry(place, item)


def _of_object(value: dict[str, Any], where: str, path: str, warn: Warn) -> Iterator[Entry]:
    if is_openapi(value):
        found = operations(value, path, warn)
        yield from (Entry(place, tool, (value,)) for place, tool in found)
    elif is_service(value):
        yield from _of_list([value], where, path, warn)
    elif key := _list_key(value):
        if value.get("nextCursor"):
            warn(_below(path, "nextCursor"), "the server has more tools than this answer lists")
        for entry in entries(value[key], where, _below(path, key), warn):
            yield Entry(entry.path, entry.value, (*entry.roots, value))
    elif "jsonrpc" in value and value.get("error") is not None:
        fail(where, _below(path, "error"), "the result of tools/list", value["error"])
    elif _is_tool(value):
        yield Entry(path or "tool", value)
    elif value and all(isinstance(each, dict) and _is_nameless(each) for each in value.values()):
        for name, each in value.items():
            yield Entry(_below(path, name), {"name": name, **each})
    else:
        fail(where, path or None, EXPECTED, value)


def _list_key(value: dict[str, Any]) -> str | None:
    """The key under which a list of tools stands."""
    return next((key for key in LISTS if isinstance(value.get(key), list | dict | str)), None)


def _is_tool(value: dict[str, Any]) -> bool:
    return isinstance(value.get("name", value.get("title", value.get("type"))), str) or any(
        isinstance(value.get(key), dict) for key in WRAPPERS
    )


def _is_nameless(value: dict[str, Any]) -> bool:
    """Whether this is a tool but for its name, which is the key that it stands under."""
    return any(key in value for key in ("description", *SCHEMA_KEYS, *WRAPPERS))


def _below(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _parsed(text: str, where: str, path: str) -> Any:
    """What a text holds: JSON, JSON Lines, or a literal of Python. Blank text is nothing."""
    if not text.strip():
        return None
    with suppress(ValueError):
        return parse_json(text)
    with suppress(ValueError):
        return [parse_json(line) for line in text.splitlines() if line.strip()]
    if len(text) <= LONGEST_LITERAL and (literal := parsed_expression(text)):
        with suppress(ValueError, TypeError, RecursionError, MemoryError):
            # Tuples become lists; what is no JSON, such as a set, is refused.
            return parse_json(json.dumps(ast.literal_eval(literal)))
    fail(where, path or None, EXPECTED, text)
