"""Meaning: the one notion of when two values are equal."""

from __future__ import annotations

import json
from collections.abc import Hashable
from typing import Any, Literal

from trm_engine.data.values.folding import folded
from trm_engine.data.values.numbers import read_number, to_decimal

JsonType = Literal["string", "number", "integer", "boolean", "json"]
"""What a value is declared to be; json is any other."""

DEEPEST = 32
"""Levels of arrays and objects that are compared value by value; below them, JSON text is."""


def value_text(value: Any) -> str:
    """A value of a slot or argument as text: "" for null, JSON if it is not text."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.strip()
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def is_empty(value: Any) -> bool:
    """Whether a value is none: null, blank text, an empty array or object."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or value == [] or value == {}


def meaning(value: Any, json_type: JsonType | None = None) -> Hashable:
    """A key: values with equal keys are equal.

    Text that reads as a number is that number, unless ``json_type`` is "string". "true" is a truth
    value only if it is "boolean".
    """
    return _meaning(value, json_type, 0)


def same_value(one: Any, other: Any, json_type: JsonType | None = None) -> bool:
    """Whether two values are equal: numbers as numbers, texts after folding, others by parts."""
    return meaning(one, json_type) == meaning(other, json_type)


def _meaning(value: Any, json_type: JsonType | None, depth: int) -> Hashable:
    if json_type == "string" or depth > DEEPEST:
        return "text", folded(value_text(value))
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int | float):
        number = to_decimal(value)
        return ("text", value_text(value)) if number is None else ("number", number)
    if isinstance(value, str):
        return _of_text(value, json_type)
    if isinstance(value, list):
        return "array", tuple(_meaning(each, None, depth + 1) for each in value)
    if isinstance(value, dict):
        keys = sorted(value)
        return "object", tuple((key, _meaning(value[key], None, depth + 1)) for key in keys)
    return "text", ""


def _of_text(text: str, json_type: JsonType | None) -> Hashable:
    if json_type == "boolean":
        same = folded(text)
        return ("boolean", same == "true") if same in ("true", "false") else ("text", same)
    number = read_number(text)
    return ("text", folded(text)) if number is None else ("number", number)
