"""Inferred tools: what calls show of tools that nothing lists."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from trm_engine.data.catalogue.merging import type_of_value

MOST_PROPERTIES = 64
"""An object whose names are more than these is a table, whose names are values."""
DEEPEST = 8


class SeenValues:
    """The types of the values that a parameter has had."""

    def __init__(self, depth: int = 0) -> None:
        self._depth = depth
        self._types: dict[str, None] = {}
        self._properties: dict[str, SeenValues] = {}
        self._items: SeenValues | None = None

    def add(self, value: Any) -> None:
        """Take one more value into account; null says nothing."""
        kind = type_of_value(value)
        if kind == "null":
            return
        self._types[kind] = None
        if self._depth == DEEPEST:
            return
        if kind == "object":
            for name, inner in value.items():
                self.property(name).add(inner)
        elif kind == "array":
            self._items = self._items or SeenValues(self._depth + 1)
            for inner in value:
                self._items.add(inner)

    def property(self, name: str) -> SeenValues:
        """The values that the property of that name has had."""
        if name not in self._properties and len(self._properties) > MOST_PROPERTIES:
            return SeenValues(DEEPEST)
        return self._properties.setdefault(name, SeenValues(self._depth + 1))

    def schema(self) -> dict[str, Any]:
        """A schema that has all the values. It names no type if they have several."""
        types = {*self._types}
        if types == {"integer", "number"}:
            types = {"number"}
        if len(types) != 1:
            return {}
        schema: dict[str, Any] = {"type": types.pop()}
        if schema["type"] == "object" and 0 < len(self._properties) <= MOST_PROPERTIES:
            schema["properties"] = self.properties()
        if schema["type"] == "array" and self._items and (items := self._items.schema()):
            schema["items"] = items
        return schema

    def properties(self) -> dict[str, dict[str, Any]]:
        """The schema of each property."""
        return {name: seen.schema() for name, seen in self._properties.items()}


class InferredTools:
    """Collects the calls of a file and infers its tools. Only names and types are inferred."""

    def __init__(self) -> None:
        self._tools: dict[str, SeenValues] = {}

    def add(self, name: str, arguments: dict[str, Any]) -> None:
        """Take one more call into account."""
        seen = self._tools.setdefault(name, SeenValues())
        for parameter, value in arguments.items():
            seen.property(parameter).add(value)

    def tools(self) -> list[dict[str, Any]]:
        """The tools in the order of their first calls."""
        return [_tool(name, seen.properties()) for name, seen in self._tools.items()]


def inferred_tool(name: str, parameters: Iterable[str]) -> dict[str, Any]:
    """A tool of which no more than the names of its parameters is known."""
    return _tool(name, {parameter: {} for parameter in parameters})


def _tool(name: str, properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}
