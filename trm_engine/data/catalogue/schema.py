"""Schema: what a tool's schema says about each of its values, by path."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trm_engine.data.catalogue.merging import types_of
from trm_engine.data.catalogue.plain import plain_schema
from trm_engine.data.values.paths import escaped


@dataclass(frozen=True)
class ParameterSchema:
    """What a schema says about one value.

    Attributes:
        type: string, number, integer, boolean, object or array; None if none or several are
            named. An object or array here is one whose inside the schema does not tell.
        enum: the values that are allowed, if they are listed.
        format: such as "date", "date-time" or "email".
        minimum, maximum: limits of a number, themselves allowed (but for fractions where the
            schema excludes the limit itself).
        pattern: a regular expression that occurs in a text.
        required: whether a call must have it; a part of something optional need not be there.
        description: what it is.
    """

    type: str | None = None
    enum: tuple[Any, ...] = ()
    format: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    pattern: str | None = None
    required: bool = False
    description: str = ""


def parameters_of(schema: Any) -> dict[str, ParameterSchema]:
    """The parameters of a tool by path, those in objects and arrays included.

    ``schema`` is what stands under `parameters`: any JSON Schema. A path is "unit" for a value,
    "place.city" for one in an object, "cities[]" for each item of an array (data/values/paths.py).
    Items without a description have that of their array.
    """
    return dict(_parameters(plain_schema(schema), "", True))


def _parameters(
    schema: dict[str, Any], path: str, required: bool
) -> Iterator[tuple[str, ParameterSchema]]:
    """The values in a plain schema, and the value itself where it may be a simple one."""
    properties, items = schema.get("properties"), schema.get("items")
    types = types_of(schema)
    if properties:
        needed = schema.get("required", ())
        for name, inner in properties.items():
            inner_path = f"{path}.{escaped(name)}" if path else escaped(name)
            yield from _parameters(inner, inner_path, required and name in needed)
    if "array" in types or items:
        described = {"description": schema.get("description", ""), **(items or {})}
        yield from _parameters(described, f"{path}[]", required)
    told_inside = {"object"} if properties else set()
    simple = [name for name in types if name not in told_inside and name != "array"]
    if path and (simple or not types):
        yield path, _parameter(schema, simple, required)


def _parameter(schema: dict[str, Any], types: list[str], required: bool) -> ParameterSchema:
    kind = types[0] if len(types) == 1 else None
    return ParameterSchema(
        type=kind,
        enum=tuple(schema.get("enum", ())),
        format=schema.get("format"),
        minimum=_limit(schema, "minimum", "exclusiveMinimum", kind),
        maximum=_limit(schema, "maximum", "exclusiveMaximum", kind),
        pattern=schema.get("pattern"),
        required=required,
        description=schema.get("description", ""),
    )


def _limit(schema: dict[str, Any], key: str, exclusive: str, kind: str | None) -> float | None:
    """The least or greatest number that is allowed."""
    limit: float | None = schema.get(key)
    if exclusive not in schema:
        return limit
    excluded: float = schema[exclusive]
    is_lower = key == "minimum"
    if kind == "integer":
        excluded = math.floor(excluded) + 1 if is_lower else math.ceil(excluded) - 1
    if limit is None:
        return excluded
    return max(limit, excluded) if is_lower else min(limit, excluded)
