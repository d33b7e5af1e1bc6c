"""Catalogue: the definitions that conversations and tool files hold, or calls imply."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from trm_engine.data.fields import as_list, as_name, as_object, as_text, decoded, without_nulls
from trm_engine.data.sources import parse, read_text


def read_tools_file(path: Path) -> list[dict[str, Any]]:
    """The tools of a JSON file: a list, or an object with one under `tools`."""
    value = parse(read_text(path), str(path))
    if isinstance(value, dict) and "tools" in value:
        return _tools(value["tools"], str(path), "tools")
    return _tools(value, str(path), None)


def read_tools(value: Any, where: str) -> list[dict[str, Any]]:
    """The tools that a conversation lists itself, in any shape; [] for none."""
    value = decoded(value)
    if value is None or (isinstance(value, str) and not value.strip()):
        return []
    return _tools(value, where, "tools")


def _tools(value: Any, where: str, name: str | None) -> list[dict[str, Any]]:
    """A list of tool definitions, each as {"type": "function", "function": {…}}."""
    items = as_list(without_nulls(decoded(value)), where, name)
    return [_tool(item, where, f"{name or 'tools'}[{i}]") for i, item in enumerate(items)]


def _tool(value: Any, where: str, name: str) -> dict[str, Any]:
    tool = as_object(value, where, name)
    if "function" in tool:
        tool = as_object(tool["function"], where, f"{name}.function")
    function = {key: part for key, part in tool.items() if key != "type" and part is not None}
    as_name(function.get("name"), where, f"{name}.name")
    as_text(function.get("description", ""), where, f"{name}.description")
    parameters = as_object(function.get("parameters", {}), where, f"{name}.parameters")
    properties = as_object(parameters.get("properties", {}), where, f"{name}.parameters.properties")
    for parameter, schema in properties.items():
        as_object(schema, where, f"{name}.parameters.properties.{parameter}")
    return {"type": "function", "function": function}


def inferred_tool(name: str, parameters: Iterable[str]) -> dict[str, Any]:
    """A definition with no more than what calls show."""
    properties = {parameter: {"type": "string"} for parameter in parameters}
    schema = {"type": "object", "properties": properties}
    return {"type": "function", "function": {"name": name, "parameters": schema}}
