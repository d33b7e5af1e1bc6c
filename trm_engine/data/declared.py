"""Declared: what the schemas of tools say about each argument, and whether a value keeps to it."""

from __future__ import annotations

import ipaddress
import json
import re
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, time
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from trm_engine.data.catalogue.schema import ParameterSchema, parameters_of
from trm_engine.data.samples import Function, Tool
from trm_engine.data.values import JsonType, same_value

LIMITS = ("type", "enum", "format", "minimum", "maximum", "pattern")
"""What limits a value."""

NO_LIMITS = ParameterSchema()

JSON_TYPES: dict[str, JsonType] = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "array": "json",
    "object": "json",
}
"""Field type for each type of JSON Schema."""

CACHED_SCHEMAS = 1024

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}

_INDEX = re.compile(r"(?<!\\)\[\d+\]")

Declarations = Mapping[str, ParameterSchema]
"""What a tool's schema says, by path; "cities[]" is each item of an array."""


def declared(function: Function) -> Declarations:
    """What the schema of a tool says about its arguments. Equal schemas give the same object."""
    return _declared(function.schema_text)


@lru_cache(CACHED_SCHEMAS)
def _declared(parameters: str) -> Declarations:
    return {
        path: replace(schema, required=False, description="")
        for path, schema in _described(parameters).items()
    }


def described_parameters(function: Function) -> Declarations:
    """The same, with descriptions and what is required."""
    return _described(function.schema_text)


@lru_cache(CACHED_SCHEMAS)
def _described(parameters: str) -> Declarations:
    return parameters_of(json.loads(parameters))


def declared_of(tools: Iterable[Tool], name: str) -> Declarations:
    """What the schema of the tool ``name`` says; nothing if it is not among ``tools``."""
    function = next((each.function for each in tools if each.function.name == name), None)
    return declared(function) if function else {}


def schema_at(declarations: Declarations, path: str) -> ParameterSchema | None:
    """What is said about the value at a path ("cities[0]"); None if nothing is."""
    if path in declarations or not declarations:
        return declarations.get(path)
    path = _INDEX.sub("[]", path)
    if path not in declarations:
        for opening, name in (("[]", "array"), (".", "object")):
            if any(each.startswith(f"{path}{opening}") for each in declarations):
                return ParameterSchema(type=name)
    return declarations.get(path)


def json_type_of(schema: ParameterSchema) -> JsonType | None:
    """The type of the values that a schema allows; None if it allows several."""
    return JSON_TYPES.get(schema.type or "")


def agreed(schemas: Sequence[ParameterSchema], but: Iterable[str] = ()) -> ParameterSchema:
    """The limits that all schemas name alike, without those named in ``but``."""
    limits = {
        name: getattr(schemas[0], name)
        for name in LIMITS
        if name not in but
        and schemas
        and all(getattr(each, name) == getattr(schemas[0], name) for each in schemas)
    }
    return ParameterSchema(**limits)


def without(schema: ParameterSchema, names: Iterable[str]) -> ParameterSchema:
    """A schema without some of its limits."""
    changes: dict[str, Any] = {name: getattr(NO_LIMITS, name) for name in names}
    return replace(schema, **changes)


def broken_limits(value: Any, schema: ParameterSchema) -> Iterator[str]:
    """The names of the limits that a value breaks."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    is_text = isinstance(value, str)
    if schema.type in _TYPES and not _has_type(value, schema.type):
        yield "type"
    if schema.enum and allowed(value, schema) is None:
        yield "enum"
    if is_number and schema.minimum is not None and value < schema.minimum:
        yield "minimum"
    if is_number and schema.maximum is not None and value > schema.maximum:
        yield "maximum"
    if is_text and not FORMATS.get(schema.format or "", _anything)(value):
        yield "format"
    if is_text and schema.pattern and not _matches(schema.pattern, value):
        yield "pattern"


def allowed(value: Any, schema: ParameterSchema) -> Any:
    """The value of the enum that ``value`` equals; None if there is none."""
    json_type = json_type_of(schema)
    return next((each for each in schema.enum if same_value(each, value, json_type)), None)


def _has_type(value: Any, name: str) -> bool:
    if isinstance(value, bool):
        return name == "boolean"
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _TYPES[name])


# Formats ------------------------------------------------------------------------------------------


def _anything(text: str) -> bool:
    return True


def _read_by(read: Callable[[str], Any], shape: str) -> Callable[[str], bool]:
    """Whether a text has a shape, and ``read`` can read it."""
    pattern = re.compile(shape, re.ASCII | re.IGNORECASE)

    def fits(text: str) -> bool:
        try:
            return bool(pattern.fullmatch(text)) and read(text) is not None
        except ValueError:
            return False

    return fits


_DATE, _TIME = r"\d{4}-\d\d-\d\d", r"\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)"

FORMATS: dict[str, Callable[[str], bool]] = {
    "date": _read_by(date.fromisoformat, _DATE),
    "time": _read_by(time.fromisoformat, _TIME),
    "date-time": _read_by(datetime.fromisoformat, rf"{_DATE}[T ]{_TIME}"),
    "email": _read_by(str, r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)*"),
    "uri": _read_by(urlsplit, r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+"),
    "url": _read_by(urlsplit, r"[a-z][a-z0-9+.-]*:[^\s<>\"{}|\\^`]+"),
    "uuid": _read_by(uuid.UUID, r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"),
    "ipv4": _read_by(ipaddress.IPv4Address, r"[\d.]+"),
    "ipv6": _read_by(ipaddress.IPv6Address, r"[0-9a-f:.]+"),
}
"""Formats that are checked; any text has another format."""


def _matches(pattern: str, text: str) -> bool:
    """Whether a pattern occurs in a text. One that Python cannot read allows every text."""
    try:
        return re.search(pattern, text) is not None
    except (re.error, RecursionError):
        return True
