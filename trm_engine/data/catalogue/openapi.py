"""OpenAPI: the operations of a document (OpenAPI 3 or Swagger 2) as tools."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from trm_engine.data.catalogue.plain import SchemaReader, Warn, finished

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
PLACES = ("path", "query", "header", "formData")
NOT_GIVEN = {"accept", "content-type", "authorization"}
"""Headers that no caller gives: OpenAPI says that their definitions are ignored."""
JSON_CONTENT = re.compile(r"application/(.+\+)?json\b|\*/\*")
FORM_CONTENT = re.compile(r"application/x-www-form-urlencoded|multipart/form-data")
OF_SWAGGER = ("type", "format", "enum", "items", "minimum", "maximum", "default", "pattern")


def is_openapi(value: dict[str, Any]) -> bool:
    """Whether this is an OpenAPI or Swagger document."""
    return isinstance(value.get("paths"), dict) and ("openapi" in value or "swagger" in value)


def operations(
    document: dict[str, Any], path: str, warn: Warn
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each operation as a tool ``{name, description, parameters}``, with its place."""
    reader = _Document(document, warn)
    prefix = f"{path}." if path else ""
    for url, item in document["paths"].items():
        place = f"{prefix}paths.{url}"
        item = reader.followed(item, place)
        for method in METHODS:
            if isinstance(operation := item.get(method), dict):
                at = f"{place}.{method}"
                yield at, reader.tool(operation, item, f"{method} {url}", at)


class _Document:
    """Reads the operations of one document; references lead into it."""

    def __init__(self, document: dict[str, Any], warn: Warn) -> None:
        self._references = SchemaReader([document], warn)
        self._warn = warn

    def followed(self, value: Any, path: str) -> dict[str, Any]:
        """An object, or the one that its reference leads to; {} with a warning if there is none."""
        for _ in range(8):
            if not isinstance(value, dict) or not isinstance(value.get("$ref"), str):
                break
            value = self._references.resolve(value["$ref"], f"{path}.$ref")
            if value is None:
                return {}
        if not isinstance(value, dict):
            self._warn(path, "expected an object")
            return {}
        return value

    def tool(
        self, operation: dict[str, Any], item: dict[str, Any], called: str, path: str
    ) -> dict[str, Any]:
        """An operation as a tool. ``item`` has what the operations of its URL share."""
        properties = self._parameters(operation, item, path)
        required = [name for name, schema in properties.items() if schema.pop("required")]
        schema: dict[str, Any] = {"type": "object", "properties": properties, "required": required}
        body, must_be_given = self._body(operation, item, path)
        if body is not None:
            schema = self._with_body(schema, body, must_be_given, path)
        return {
            "name": operation.get("operationId") or _slug(called),
            "description": _description(operation, item),
            "parameters": schema,
        }

    def _parameters(
        self, operation: dict[str, Any], item: dict[str, Any], path: str
    ) -> dict[str, dict[str, Any]]:
        """The schema of each parameter; those of the operation replace those of its URL."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        for parameter, place in self._written(operation, item, path):
            name, at = str(parameter.get("name", "")), parameter.get("in")
            if not name:
                self._warn(f"{place}.name", "expected the name of a parameter")
            elif at in PLACES and not (at == "header" and name.lower() in NOT_GIVEN):
                found[name, str(at)] = self._parameter(parameter, place)
        properties: dict[str, dict[str, Any]] = {}
        for (name, at), schema in found.items():
            properties[f"{name}_{at}" if name in properties else name] = schema
        return properties

    def _written(
        self, operation: dict[str, Any], item: dict[str, Any], path: str
    ) -> Iterator[tuple[dict[str, Any], str]]:
        for owner, place in ((item, path.rpartition(".")[0]), (operation, path)):
            listed = owner.get("parameters") or []
            if not isinstance(listed, list):
                self._warn(f"{place}.parameters", "expected a list")
                continue
            for index, parameter in enumerate(listed):
                at = f"{place}.parameters[{index}]"
                if followed := self.followed(parameter, at):
                    yield followed, at

    def _parameter(self, parameter: dict[str, Any], path: str) -> dict[str, Any]:
        """A parameter as a schema that says whether it is required."""
        schema: Any = parameter.get("schema")
        if schema is None and isinstance(parameter.get("content"), dict):
            schema = self._content(parameter["content"], path)
        if schema is None:  # Swagger 2
            schema = {key: parameter[key] for key in OF_SWAGGER if key in parameter}
        needed = parameter.get("required") is True
        found: dict[str, Any] = {"allOf": [schema], "required": needed}
        if isinstance(text := parameter.get("description"), str):
            found["description"] = text
        return found

    def _body(self, operation: dict[str, Any], item: dict[str, Any], path: str) -> tuple[Any, bool]:
        """The schema of what is sent, and whether it must be; None if nothing is sent."""
        if operation.get("requestBody") is not None:
            body = self.followed(operation["requestBody"], f"{path}.requestBody")
            content = body.get("content")
            schema = self._content(content, path) if isinstance(content, dict) else None
            return schema, body.get("required") is True
        for parameter, _ in self._written(operation, item, path):
            if parameter.get("in") == "body":  # Swagger 2
                return parameter.get("schema", {}), parameter.get("required") is True
        return None, False

    def _content(self, content: dict[str, Any], path: str) -> Any:
        """The schema of JSON, or else of a form. Other content, such as an image, is one value."""
        for kind in (JSON_CONTENT, FORM_CONTENT):
            for name, media in content.items():
                if kind.match(name):
                    return self.followed(media, path).get("schema", {})
        return {"type": "string", "format": "binary"} if content else None

    def _with_body(
        self, schema: dict[str, Any], body: Any, must_be_given: bool, path: str
    ) -> dict[str, Any]:
        """The properties of the body beside the parameters, or under `body` if they clash."""
        reader = SchemaReader(self._references.roots, self._warn)
        plain = finished(reader.read(body, f"{path}.requestBody").schema)
        given, needed = plain.get("properties", {}), plain.get("required", [])
        if not given or plain["type"] != "object" or given.keys() & schema["properties"].keys():
            given, needed = {"body": plain}, ["body"]
        return {
            "type": "object",
            "properties": {**schema["properties"], **given},
            "required": [*schema["required"], *(needed if must_be_given else ())],
        }


def _description(operation: dict[str, Any], item: dict[str, Any]) -> str:
    """The summary and the description, or those of the URL."""
    for owner in (operation, item):
        texts = [owner.get(key) for key in ("summary", "description")]
        told = [text.strip() for text in texts if isinstance(text, str) and text.strip()]
        if told:
            return "\n".join(dict.fromkeys(told))
    return ""


def _slug(called: str) -> str:
    """A name for an operation that has none: get_users_id of ``get /users/{id}``."""
    return re.sub(r"\W+", "_", called).strip("_")
