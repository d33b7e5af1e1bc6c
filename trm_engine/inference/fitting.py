"""Fitting: the arguments of a call in the types of its tool's schema, or why they do not fit."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from trm_engine.data.values import JsonType, as_type, folded, same_value, value_text

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

UNCHECKED = ("pattern", "format")
"""Keywords that are not checked: a pattern of a stranger may take for ever to match."""

TYPES: tuple[JsonType, ...] = ("integer", "number", "boolean", "json")
TRUTHS = {"yes": True, "no": False}


class Misfit(ValueError):
    """The arguments break the schema. The message names the argument, and no value."""


class ToolSchema:
    """Fits arguments to the schema of one tool.

    Args:
        parameters: a plain schema, as ``trm_engine.data.catalogue`` reads it.
    """

    def __init__(self, parameters: dict[str, Any]) -> None:
        self._schema = _checked_part(parameters)
        properties = self._schema.get("properties", {})
        self._is_open = bool(self._schema.get("additionalProperties", not properties))

    @cached_property
    def _validators(self) -> tuple[Draft202012Validator, dict[str, Draft202012Validator]]:
        """Of the schema, and of each property. Most tools on offer are never called."""
        from jsonschema import Draft202012Validator  # slow to import

        properties = self._schema.get("properties", {})
        own = {name: Draft202012Validator(each) for name, each in properties.items()}
        return Draft202012Validator(self._schema), own

    def fit(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments in the types of the schema, without those that it does not have.

        Raises:
            Misfit: an argument is required and missing, or has no value that fits.
        """
        whole, own = self._validators
        fitted = {
            name: _value(value, own.get(name))
            for name, value in arguments.items()
            if name in own or self._is_open
        }
        for error in whole.iter_errors(fitted):
            raise Misfit(_explained(error))
        return fitted


def _value(value: Any, validator: Draft202012Validator | None) -> Any:
    """The value, or what it means in another type; the value itself if nothing fits."""
    if validator is None or validator.is_valid(value):
        return value
    fitting = (each for each in _meanings(value, validator.schema) if validator.is_valid(each))
    return next(fitting, value)


def _meanings(value: Any, schema: Any) -> Iterator[Any]:
    """What else a value can mean: a listed value that is equal, a number, JSON, a list."""
    text = value_text(value)
    yield from (listed for listed in schema.get("enum", ()) if same_value(listed, text))
    yield text
    yield from (as_type(text, kind) for kind in TYPES)
    yield TRUTHS.get(folded(text))
    yield [value]
    yield [text]


def _checked_part(schema: Any) -> Any:
    """The schema without keywords that are not checked."""
    if not isinstance(schema, dict):
        return schema
    plain = {key: value for key, value in schema.items() if key not in UNCHECKED}
    if isinstance(plain.get("properties"), dict):
        plain["properties"] = {
            name: _checked_part(each) for name, each in plain["properties"].items()
        }
    for key in ("items", "additionalProperties"):
        if key in plain:
            plain[key] = _checked_part(plain[key])
    return plain


def _explained(error: ValidationError) -> str:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"argument '{place}.{missing[0]}' is missing".replace("'.", "'")
    return f"argument '{place}' does not fit its schema".replace("'.", "'")
