"""Typed values: a text as a value of a JSON type."""

from __future__ import annotations

import json
import math
from typing import Any

from trm_engine.data.values.folding import folded
from trm_engine.data.values.meaning import JsonType
from trm_engine.data.values.numbers import read_number


def type_of(value: Any) -> JsonType:
    """The JSON type of a value."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    return "string" if isinstance(value, str) else "json"


def as_type(text: str, json_type: JsonType) -> Any:
    """A text as a value of a type. Returns the text if it cannot be one.

    A whole number is an integer unless it is written as a fraction ("5.0") and need not be one.
    """
    if json_type in ("number", "integer"):
        return _as_number(text, json_type == "integer")
    if json_type == "boolean":
        return {"true": True, "false": False}.get(folded(text), text)
    return _as_json(text) if json_type == "json" else text


def _as_number(text: str, is_integer: bool) -> Any:
    number = read_number(text)
    if number is None:
        return text
    exponent = number.as_tuple().exponent
    is_whole = exponent == 0 or (is_integer and number == number.to_integral_value())
    if is_whole:
        return int(number)
    return float(number) if math.isfinite(float(number)) else text


def _as_json(text: str) -> Any:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value if type_of(value) == "json" else text
