"""Merging: what two plain schemas amount to if both hold, or either of several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

NULL = {"type": "null"}
LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems")
UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")


@dataclass
class Part:
    """A plain schema, and what it says about its own presence.

    Attributes:
        optional: it may be null, so it may as well be absent.
        required: a schema that says itself that it is required, as OpenAPI's parameters do.
    """

    schema: dict[str, Any] = field(default_factory=dict)
    optional: bool = False
    required: bool | None = None


def both(first: Part, second: Part) -> Part:
    """What holds where both schemas hold. What describes a value is taken from the first."""
    required = first.required if first.required is not None else second.required
    optional = first.optional or second.optional
    return Part(_both(first.schema, second.schema), optional, required)


def _both(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    if not first or not second:
        return first or second
    result = {**second, **first}
    for key in first.keys() & second.keys():
        if merge := _IN_BOTH.get(key):
            result[key] = merge(first[key], second[key])
    return result


def either(parts: Sequence[Part]) -> Part:
    """What holds wherever one of the schemas holds. Null beside others makes it optional."""
    optional = any(part.optional or part.schema == NULL for part in parts)
    schemas = [part.schema for part in parts if part.schema != NULL]
    if not schemas:
        return Part(dict(NULL) if parts else {}, optional)
    required = parts[0].required if len(parts) == 1 else None
    return Part(reduce(_either, schemas), optional, required)


def _either(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    if first == second:
        return first
    result: dict[str, Any] = {}
    for key in [key for key in first if key in second]:
        merge = _IN_EITHER.get(key, _if_equal)
        if (merged := merge(first[key], second[key])) is not None:
            result[key] = merged
    for key, type_name in _TYPE_OF.items():
        # Properties say nothing about values that are no objects, nor items about no arrays.
        for has, other in ((first, second), (second, first)):
            if key in has and key not in other and type_name not in types_of(other, type_name):
                result[key] = has[key]
    return result


def types_of(schema: dict[str, Any], default: str | None = None) -> list[str]:
    """The types that a plain schema names; ``default`` if it names none."""
    named = schema.get("type", [default] if default else [])
    return list(named) if isinstance(named, list) else [named]


def type_of_values(values: Iterable[Any]) -> dict[str, Any]:
    """The type that values have in common, as a schema: {} if they have none."""
    names = {type_of_value(value) for value in values}
    if names == {"integer", "number"}:
        names = {"number"}
    return {"type": names.pop()} if len(names) == 1 else {}


def type_of_value(value: Any) -> str:
    """The name of a JSON value's type."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case dict():
            return "object"
        case _:
            return "array"


def _common_types(first: Any, second: Any) -> Any:
    """The types that both allow. If there are none, the first counts."""
    names, others = _with_integer(first), _with_integer(second)
    common = [name for name in names if name in others]
    if "number" in common and "integer" in common:
        common.remove("integer")
    return _one_or_list(common) if common else first


def _with_integer(names: Any) -> list[str]:
    """The types, and integer if there is number, for integers are numbers."""
    listed = _listed(names)
    return [*listed, "integer"] if "number" in listed and "integer" not in listed else listed


def _all_types(first: Any, second: Any) -> Any:
    names = list(dict.fromkeys([*_listed(first), *_listed(second)]))
    if "number" in names and "integer" in names:
        names.remove("integer")
    return _one_or_list(names)


def _listed(names: Any) -> list[str]:
    return names if isinstance(names, list) else [names]


def _one_or_list(names: list[str]) -> Any:
    return names[0] if len(names) == 1 else names


def _common_values(first: list[Any], second: list[Any]) -> list[Any]:
    return [value for value in first if value in second] or first


def _all_values(first: list[Any], second: list[Any]) -> list[Any]:
    return [*first, *(value for value in second if value not in first)]


def _properties(
    merge: Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]],
) -> Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]:
    def merged(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
        shared = {name: merge(first[name], second[name]) for name in first if name in second}
        return {**first, **second, **shared}

    return merged


def _if_equal(first: Any, second: Any) -> Any:
    return first if first == second else None


_TYPE_OF = {"properties": "object", "items": "array"}

_IN_BOTH: dict[str, Callable[[Any, Any], Any]] = {
    "type": _common_types,
    "enum": _common_values,
    "properties": _properties(_both),
    "required": _all_values,
    "optional": _all_values,
    "items": _both,
    **dict.fromkeys(LOWER, max),
    **dict.fromkeys(UPPER, min),
}
_IN_EITHER: dict[str, Callable[[Any, Any], Any]] = {
    "type": _all_types,
    "enum": _all_values,
    "properties": _properties(_either),
    "required": lambda first, second: [name for name in first if name in second],
    "optional": _all_values,
    "items": _either,
    **dict.fromkeys(LOWER, min),
    **dict.fromkeys(UPPER, max),
}
