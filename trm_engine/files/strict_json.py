"""Strict JSON: all numbers are finite. Python's own reader also takes NaN and 1e999."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any


def parse(text: str) -> Any:
    """The value of a JSON text.

    Raises:
        json.JSONDecodeError: it is not JSON.
        ValueError: a number is not finite; the message begins with its field.
        RecursionError: it is nested too deeply.
    """
    try:
        return _decode(text)
    except _NotFiniteError as error:
        field = next(_not_finite(json.loads(text)), "")
        where = f"{field}: " if field else ""
        raise ValueError(f"{where}{error} is no finite number, as JSON's are") from None


def parse_first(text: str, place: int = 0) -> tuple[Any, int]:
    """The JSON value that begins at a place, and where it ends. More may follow.

    Raises:
        json.JSONDecodeError, RecursionError: see ``parse``.
        NotFiniteError: a number is not finite; ``end`` is where the value ends.
    """
    try:
        return _strict.raw_decode(text, place)
    except _NotFiniteError as error:
        value, end = json.JSONDecoder().raw_decode(text, place)
        field = next(_not_finite(value), "")
        where = f"{field}: " if field else ""
        raise NotFiniteError(f"{where}{error} is no finite number, as JSON's are", end) from None


class NotFiniteError(ValueError):
    """A number of a value is not finite. ``end`` is where the value ends."""

    def __init__(self, message: str, end: int) -> None:
        super().__init__(message)
        self.end = end


class _NotFiniteError(ValueError):
    """A number that is not finite, as it is written."""


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _NotFiniteError(text if len(text) < 40 else f"{text[:40]}…")
    return number


_strict = json.JSONDecoder(parse_float=_finite, parse_constant=_finite)
_decode = _strict.decode


def _not_finite(value: Any, field: str = "") -> Iterator[str]:
    """The fields that are not finite, such as ``tool.arguments.price`` and ``history[0]``."""
    if isinstance(value, float) and not math.isfinite(value):
        yield field
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from _not_finite(each, f"{field}.{key}" if field else key)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from _not_finite(each, f"{field}[{place}]")
