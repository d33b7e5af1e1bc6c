"""OpenAPI documents: every operation is a tool with its parameters and its body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from trm_engine.data.catalogue import read_catalogue, read_tools_file

PETS = """
openapi: 3.1.0
info: {title: Pets, version: "1"}
paths:
  /pets/{id}:
    summary: One pet
    parameters:
      - {name: id, in: path, required: true, schema: {type: integer}, description: Which pet}
      - {name: lang, in: query, schema: {type: string}}
    get:
      operationId: getPet
      summary: Read a pet
      description: It must exist.
      parameters:
        - {name: lang, in: query, schema: {type: string, enum: [en, no]}}
        - $ref: "#/components/parameters/Trace"
        - {name: Accept, in: header, schema: {type: string}}
        - {name: session, in: cookie, schema: {type: string}}
    put:
      parameters: [{name: filter, in: query, content: {application/json: {schema: {type: object}}}}]
      requestBody: {$ref: "#/components/requestBodies/Pet"}
  /photos:
    post:
      operationId: upload
      requestBody: {content: {image/png: {}}}
  /clash:
    post:
      operationId: clash
      parameters: [{name: name, in: query, schema: {type: string}}]
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Pet"}}}
  /names:
    post:
      operationId: names
      requestBody:
        content: {application/json: {schema: {type: array, items: {type: string}}}}
components:
  parameters:
    Trace: {name: X-Trace, in: header, required: true, schema: {type: string, format: uuid}}
  requestBodies:
    Pet:
      required: true
      content: {application/json; charset=utf-8: {schema: {$ref: "#/components/schemas/Pet"}}}
  schemas:
    Pet:
      type: object
      required: [name, born, seen]
      properties:
        name: {type: string}
        born: {type: [string, "null"], format: date}
        seen: {type: string, readOnly: true}
        tag: {type: string, nullable: true}
"""

BODY = {
    "name": {"type": "string"},
    "born": {"type": "string", "format": "date"},
    "tag": {"type": "string"},
}


def tools_of(document: Any) -> dict[str, dict[str, Any]]:
    found = read_catalogue(document, "api.json")
    assert (found.problems, found.warnings) == ([], [])
    return {tool["function"]["name"]: tool["function"] for tool in found.tools}


def test_openapi_3(tmp_path: Path) -> None:
    path = tmp_path / "pets.yaml"
    path.write_text(PETS)
    found = read_tools_file(path)
    assert (found.problems, found.warnings) == ([], [])
    tools = {tool["function"]["name"]: tool["function"] for tool in found.tools}
    assert list(tools) == ["getPet", "put_pets_id", "upload", "clash", "names"]
    assert tools["getPet"] == {
        "name": "getPet",
        "description": "Read a pet\nIt must exist.",
        "parameters": {
            "type": "object",
            "properties": {
                "id": {"type": "integer", "description": "Which pet"},
                "lang": {"type": "string", "enum": ["en", "no"]},
                "X-Trace": {"type": "string", "format": "uuid"},
            },
            "required": ["id", "X-Trace"],
        },
    }
    put = tools["put_pets_id"]
    assert put["description"] == "One pet"
    assert put["parameters"]["properties"].items() >= BODY.items()
    assert put["parameters"]["properties"]["filter"] == {"type": "object"}
    assert put["parameters"]["required"] == ["id", "name"]
    assert tools["upload"]["parameters"] == {
        "type": "object",
        "properties": {"body": {"type": "string", "format": "binary"}},
    }
    assert tools["clash"]["parameters"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "body": {"type": "object", "properties": BODY, "required": ["name"]},
        },
        "required": ["body"],
    }
    assert tools["names"]["parameters"]["properties"] == {
        "body": {"type": "array", "items": {"type": "string"}}
    }


def test_swagger_2() -> None:
    body = {"name": "pet", "in": "body", "required": True, "schema": {"$ref": "#/definitions/Pet"}}
    parameters = [
        {"name": "limit", "in": "query", "type": "integer", "minimum": 1, "description": "Most"},
        {"name": "tags", "in": "query", "type": "array", "items": {"type": "string"}},
        {"name": "file", "in": "formData", "type": "file", "required": True},
        body,
    ]
    definitions = {"Pet": {"properties": {"name": {"type": "string"}}, "required": ["name"]}}
    paths = {"/pets": {"post": {"operationId": "add", "parameters": parameters}}}
    document = {"swagger": "2.0", "paths": paths, "definitions": definitions}
    assert tools_of(document)["add"]["parameters"] == {
        "type": "object",
        "properties": {
            "limit": {"type": "integer", "description": "Most", "minimum": 1},
            "tags": {"type": "array", "items": {"type": "string"}},
            "file": {"type": "string", "format": "binary"},
            "name": {"type": "string"},
        },
        "required": ["file", "name"],
    }


def test_the_same_name_in_two_places() -> None:
    parameters = [{"name": "id", "in": place, "schema": {}} for place in ("path", "query")]
    document = {"openapi": "3.0.0", "paths": {"/a": {"get": {"parameters": parameters}}}}
    assert list(tools_of(document)["get_a"]["parameters"]["properties"]) == ["id", "id_query"]


def test_what_is_not_in_the_document_is_told() -> None:
    operation = {
        "operationId": "f",
        "parameters": [{"$ref": "other.yaml#/p"}, {"in": "query"}],
        "requestBody": {"$ref": "#/components/requestBodies/None"},
    }
    found = read_catalogue({"openapi": "3.0.0", "paths": {"/a": {"get": operation}}}, "api.json")
    assert [tool["function"]["name"] for tool in found.tools] == ["f"]
    assert len(found.warnings) == 3
    told = "\n".join(found.warnings)
    assert "paths./a.get.parameters[0].$ref': 'other.yaml#/p' is another file" in told
    assert "paths./a.get.parameters[1].name': expected the name of a parameter" in told
    assert "paths./a.get.requestBody.$ref': '#/components/requestBodies/None' is not in" in told
