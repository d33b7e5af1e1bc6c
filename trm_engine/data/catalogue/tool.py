"""Tool: converts one tool from the form of any interface to ours."""

from __future__ import annotations

from typing import Any

from trm_engine.data.catalogue.plain import KEPT, Warn, plain_schema
from trm_engine.data.catalogue.type_names import schema_of_type
from trm_engine.data.fields import as_name, fail, json_or_text
from trm_engine.errors import did_you_mean

WRAPPERS = ("function", "toolSpec", "tool_spec", "custom", "tool")
"""Keys under which the tool stands, in an object around it."""
SCHEMA_KEYS = (
    *("parameters", "inputSchema", "input_schema", "parametersJsonSchema"),
    *("parameters_json_schema", "parameter_definitions", "input_parameters", "inputs"),
    *("args_schema", "args"),
)
"""Keys under which the schema of a tool's parameters stands."""
RESULTS = {"outputSchema", "output_schema", "output", "outputs", "returns", "response"}
"""Keys of schemas that are not about parameters."""
SCHEMA_SIGNS = {
    *("$ref", "$defs", "$schema", "definitions", "allOf", "anyOf", "oneOf"),
    *("required", "additionalProperties"),
}


def read_tool(
    value: Any, where: str, path: str, roots: tuple[Any, ...], warn: Warn
) -> dict[str, Any]:
    """A tool as ``{"type": "function", "function": {name, description, parameters}}``.

    Raises:
        ConvertError: it is no tool, or it has no name.
    """
    if isinstance(value, str):
        return _tool(as_name(value.strip(), where, path), "", {})
    if not isinstance(value, dict):
        fail(where, path, "a tool (an object)", value)
    tool, inner = _unwrapped(value, path)
    name = as_name(_stripped(tool.get("name")), where, f"{inner}.name")
    key = _schema_key(tool, inner, warn)
    schema = {} if key is None else _schema(tool[key], where, f"{inner}.{key}")
    place = f"{inner}.{key or 'parameters'}"
    parameters = plain_schema(schema, place, warn, roots=(tool, *roots))
    if parameters.get("type", "object") != "object":
        warn(place, f"expected the schema of an object, got one of type {parameters['type']}")
        parameters = {}
    about_parameters = parameters.pop("description", "")
    return _tool(name, _description(tool, inner, warn) or about_parameters, parameters)


def _stripped(name: Any) -> Any:
    return name.strip() if isinstance(name, str) else name


def _tool(name: str, description: str, parameters: dict[str, Any]) -> dict[str, Any]:
    function: dict[str, Any] = {"name": name}
    if description:
        function["description"] = description
    function["parameters"] = {"type": "object", "properties": {}} | parameters
    return {"type": "function", "function": function}


def _unwrapped(value: dict[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """The object that has the tool's name and schema, and its place."""
    value = {key: each for key, each in value.items() if each is not None}
    for key in WRAPPERS:
        if isinstance(value.get(key), dict):
            return _unwrapped(value[key], f"{path}.{key}")
    if "name" in value:
        return value, path
    if "title" in value and "properties" in value:  # the schema of a class
        return {"name": value["title"], "parameters": value}, path
    kind = value.get("type")
    is_own = kind == "function" or "properties" in value
    if isinstance(kind, str) and not is_own:  # a tool of the provider, such as web_search
        return {"name": kind, **value}, path
    if len(value) == 1 and isinstance(inner := next(iter(value.values())), dict):
        key = next(iter(value))
        return {"name": key, **inner}, f"{path}.{key}"
    return value, path


def _description(tool: dict[str, Any], path: str, warn: Warn) -> str:
    text = tool.get("description") or ""
    if isinstance(text, list) and all(isinstance(part, str) for part in text):
        text = "\n".join(text)
    if not isinstance(text, str):
        warn(f"{path}.description", "expected text")
        return ""
    return text


def _schema_key(tool: dict[str, Any], path: str, warn: Warn) -> str | None:
    """The key under which the schema stands: a known one, or else one that holds a schema."""
    for key in SCHEMA_KEYS:
        if key in tool:
            return key
    for key, value in tool.items():
        if key not in RESULTS and isinstance(value, dict) and "properties" in value:
            hint = did_you_mean(key, SCHEMA_KEYS)
            warn(f"{path}.{key}", f"taken for the schema of the parameters{hint}")
            return key
    return None


def _schema(value: Any, where: str, path: str) -> Any:
    """The schema of a tool's parameters, from any way to write it."""
    value = None if isinstance(value, str) and not value.strip() else json_or_text(value)
    if isinstance(value, dict) and value.keys() == {"json"}:  # Bedrock
        value = value["json"]
    if value is None or value == []:
        return {}
    if isinstance(value, list):
        return {"properties": value}
    if not isinstance(value, dict):
        fail(where, path, "a schema (an object)", value)
    return value if _is_schema(value) else {"properties": value}


def _is_schema(value: dict[str, Any]) -> bool:
    """Whether this is a JSON Schema, and not an object with a schema for each parameter."""
    present = {key: each for key, each in value.items() if each is not None}
    kind, properties = present.get("type"), present.get("properties")
    if isinstance(kind, str) and (schema_of_type(kind) or {}).get("type") == "object":
        return True
    if isinstance(kind, list) or any(key in present for key in SCHEMA_SIGNS - {"required"}):
        return True
    if isinstance(present.get("required"), list):
        return True
    if isinstance(properties, list):
        return True
    return isinstance(properties, dict) and not _is_parameter(properties)


def _is_parameter(value: dict[str, Any]) -> bool:
    """Whether this is the schema of one value, not an object with a schema for each name."""
    kind = value.get("type")
    return isinstance(kind, str) and schema_of_type(kind) is not None and value.keys() <= {*KEPT}
