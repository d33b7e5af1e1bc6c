"""Schema: calls whose arguments do not fit the schema of their tool."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import jsonschema
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator

from trm_engine.data.problems.kind import Found, Kind, Table
from trm_engine.data.samples import Sample

KIND = Kind(
    name="schema",
    title="Arguments outside the schema",
    explanation=(
        "A call breaks the schema of its tool: a required argument is missing, a parameter is "
        "unknown, or a value is of another type or not listed. The model learns calls that the "
        "tool refuses."
    ),
    repair="Correct the call, or the tool's schema if the calls are right.",
    cost="high",
)
CACHED_SCHEMAS = 512
TYPE_NAMES = {str: "text", bool: "true or false", int: "an integer", float: "a number"}


class Schema:
    """Checks the call of each sample by the JSON Schema that the sample has for it."""

    kind = KIND

    def __init__(self) -> None:
        self._found = Found()

    def add(self, row: int, sample: Sample) -> None:
        """Check one sample's call."""
        if sample.tool is None:
            return
        for tool in sample.tools:
            if tool.function.name == sample.tool.name:
                faults = _faults(tool.function.parameters, sample.tool.arguments)
                for note in dict.fromkeys(f"{sample.tool.name}{fault}" for fault in faults):
                    self._found.add(row, note)
                return

    def found(self) -> Table:
        """All faults, with the name of the argument."""
        return self._found.table()


def _faults(schema: dict[str, Any], arguments: dict[str, Any]) -> Iterator[str]:
    """What is wrong with a call, without its values."""
    if not schema:
        return
    known = schema.get("properties", {})
    allows_more = "additionalProperties" in schema or "patternProperties" in schema
    if known and not allows_more:
        for name in arguments:
            if name not in known:
                yield f".{name}: the tool has no such parameter"
    try:
        for error in _validator(json.dumps(schema, sort_keys=True)).iter_errors(arguments):
            yield from _explained(error)
    except Exception as error:  # the schema is foreign: references, patterns, recursion
        yield f": its schema cannot be used ({type(error).__name__})"


@lru_cache(CACHED_SCHEMAS)
def _validator(schema: str) -> Validator:
    validator: Validator = jsonschema.Draft202012Validator(json.loads(schema))
    return validator


def _explained(error: ValidationError) -> Iterator[str]:
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.path)
    rule, wanted = str(error.validator), error.validator_value
    if rule == "required":
        missing = [name for name in wanted if name not in error.instance]
        yield from (f"{place}.{name}: required, but missing" for name in missing)
    elif rule == "type":
        expected = " or ".join(wanted) if isinstance(wanted, list) else wanted
        got = "null" if error.instance is None else TYPE_NAMES.get(type(error.instance), "JSON")
        yield f"{place}: {expected} expected, not {got}"
    elif rule in ("enum", "const"):
        yield f"{place}: not one of the listed values"
    elif rule == "additionalProperties":
        extra = [name for name in error.instance if name not in error.schema.get("properties", {})]
        yield from (f"{place}.{name}: the tool has no such parameter" for name in extra)
    else:
        yield f"{place}: breaks the rule '{rule}' of the schema"
