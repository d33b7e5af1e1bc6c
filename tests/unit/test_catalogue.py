"""Catalogues: tools in any interface's shape are read as ours, and what is lost is told."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trm_engine.data.catalogue import (
    Catalogue,
    InferredTools,
    ToolReader,
    read_catalogue,
    read_tools,
    read_tools_file,
)
from trm_engine.data.fields import ConvertError

SCHEMA = {
    "type": "object",
    "properties": {
        "amount": {"type": "integer", "description": "How much"},
        "unit": {"type": "string", "enum": ["celsius", "kelvin"]},
    },
    "required": ["amount"],
}
HEAT = {"name": "heat", "description": "Heats it", "parameters": SCHEMA}
OURS = [{"type": "function", "function": HEAT}]
NAMED = {"name": "heat", "description": "Heats it"}
BARE = {"type": "object", "properties": {}}
MCP = {**NAMED, "title": "Heat", "inputSchema": SCHEMA, "outputSchema": {"properties": {"x": {}}}}
GEMINI = {
    **NAMED,
    "parameters": {
        "type": "OBJECT",
        "properties": {
            "amount": {"type": "INTEGER", "description": "How much"},
            "unit": {"type": "STRING", "enum": ["celsius", "kelvin"], "nullable": True},
        },
        "required": ["amount"],
    },
}
OF_ARROW = {
    **NAMED,
    "type": None,
    "parameters": {
        "type": "object",
        "properties": {
            "amount": {"type": "integer", "description": "How much", "enum": None},
            "unit": {"type": "string", "description": None, "enum": ["celsius", "kelvin"]},
            "of_another_tool": None,
            "of_a_third": {"type": None, "description": None, "enum": None},
        },
        "required": ["amount"],
    },
}
OF_CLASS = {"title": "heat", "description": "Heats it", **SCHEMA}
XLAM = {
    **NAMED,
    "parameters": {
        "amount": {"type": "int", "description": "How much", "required": True},
        "unit": {"type": "str, optional", "enum": ["celsius", "kelvin"]},
    },
}
LISTED = [
    {"name": "amount", "type": "integer", "description": "How much", "required": True},
    {"name": "unit", "type": "string", "enum": ["celsius", "kelvin"]},
]
SHAPES: dict[str, Any] = {
    "OpenAI": [{"type": "function", "function": {**HEAT, "strict": True}}],
    "Responses": [{"type": "function", **HEAT}],
    "functions": [HEAT],
    "object with functions": {"functions": [HEAT]},
    "MCP": {"tools": [MCP]},
    "JSON-RPC": {"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP]}},
    "pages of JSON-RPC": [{"jsonrpc": "2.0", "id": 1, "result": {"tools": [MCP]}}],
    "Anthropic": [{**NAMED, "input_schema": SCHEMA, "cache_control": {"type": "ephemeral"}}],
    "Gemini": [{"functionDeclarations": [GEMINI]}],
    "Gemini in Python": {"tools": [{"function_declarations": [GEMINI]}]},
    "Gemini with JSON Schema": [{**NAMED, "parametersJsonSchema": SCHEMA}],
    "Bedrock": {"tools": [{"toolSpec": {**NAMED, "inputSchema": {"json": SCHEMA}}}]},
    "Cohere": [{**NAMED, "parameter_definitions": XLAM["parameters"]}],
    "xLAM": [XLAM],
    "smolagents": [{**NAMED, "inputs": XLAM["parameters"], "output_type": "string"}],
    "ToolACE": [{**NAMED, "parameters": {**SCHEMA, "type": "dict"}, "required": None}],
    "list of parameters": [{**NAMED, "parameters": LISTED}],
    "Arrow": [{"type": "function", "function": OF_ARROW}],
    "class": OF_CLASS,
    "one tool": HEAT,
    "by name": {"heat": {"description": "Heats it", "parameters": SCHEMA}},
    "JSON text": json.dumps([HEAT]),
    "texts": [json.dumps(HEAT)],
    "JSON Lines": f"{json.dumps(HEAT)}\n{json.dumps(HEAT)}\n",
    "schema as text": [{**NAMED, "parameters": json.dumps(SCHEMA)}],
    "Python": repr([HEAT]),
}


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))


def read(value: Any) -> Catalogue:
    return read_catalogue(value, "t.json")


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_the_same_tool(shape: str) -> None:
    assert read(SHAPES[shape]) == Catalogue(OURS)


def test_references_of_a_tool_lead_into_its_schema_or_its_file() -> None:
    schema = {"properties": {"a": {"$ref": "#/$defs/x"}, "b": {"$ref": "#/shared/y"}},
              "$defs": {"x": {"type": "integer"}}}  # fmt: skip
    found = read({"tools": [{"name": "t", "input_schema": schema}], "shared": {"y": {"enum": [1]}}})
    assert found.warnings == []
    assert found.tools[0]["function"]["parameters"]["properties"] == {
        "a": {"type": "integer"},
        "b": {"type": "integer", "enum": [1]},
    }


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (None, []),
        ("", []),
        (" \n", []),
        ("null", []),
        ([], []),
        ("[]", []),
        ([None], []),
        (["heat", " cool "], ["heat", "cool"]),
        ([{"name": "heat"}], ["heat"]),
        ([{"name": "heat", "parameters": None}], ["heat"]),
        ([{"name": "heat", "parameters": ""}], ["heat"]),
        ([{"name": "heat", "parameters": {}}], ["heat"]),
        ([{"name": "heat", "parameters": []}], ["heat"]),
        ([{"type": "web_search_20250305", "name": "web_search", "max_uses": 5}], ["web_search"]),
        ([{"type": "web_search_preview"}], ["web_search_preview"]),
        ([{"googleSearch": {}}], ["googleSearch"]),
        ([{"type": "custom", "custom": {"name": "sql"}}], ["sql"]),
    ],
)
def test_tools_without_parameters(value: Any, names: list[str]) -> None:
    expected = [{"type": "function", "function": {"name": n, "parameters": BARE}} for n in names]
    assert read(value) == Catalogue(expected)


def test_parameters_with_the_names_of_keywords() -> None:
    parameters = {
        "type": {"type": "str"},
        "properties": {"type": "str"},
        "required": {"type": "bool"},
    }
    tool = read([{"name": "f", "parameters": parameters}]).tools[0]
    assert tool["function"]["parameters"]["properties"] == {
        "type": {"type": "string"},
        "properties": {"type": "string"},
        "required": {"type": "boolean"},
    }


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ([HEAT, {"description": "x"}], "field 'tools[1].name': expected the name of a tool"),
        ([HEAT, {"function": {"name": ""}}], "field 'tools[1].function.name': expected the name"),
        ([HEAT, 7], "field 'tools[1]': expected a tool (an object), got 7"),
        ([HEAT, {"name": "f", "parameters": 7}], "field 'tools[1].parameters': expected a schema"),
        ([HEAT, {"name": "f", "inputSchema": "x"}], "field 'tools[1].inputSchema': expected a"),
        ({"tools": [HEAT, {"name": 1}]}, "field 'tools[1].name': expected the name of a tool"),
    ],
)
def test_a_tool_that_cannot_be_read_is_named_and_the_others_stay(value: Any, problem: str) -> None:
    found = read(value)
    assert found.tools == OURS
    assert [each[: len(problem) + 8] for each in found.problems] == [f"t.json, {problem}"]
    with pytest.raises(ConvertError):
        found.all_tools()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (7, "t.json: expected a list of tools"),
        ("tools", "t.json: expected a list of tools, or a document with tools (OpenAI, MCP, "),
        ({"tool": 1}, "got an object with tool"),
        ({"tools": {"a": 1}}, "field 'tools': expected a list of tools"),
        (
            {"jsonrpc": "2.0", "id": 1, "error": {"code": -32601, "message": "no"}},
            "field 'error': expected the result of tools/list, got an object with code, message",
        ),
    ],
)
def test_what_has_no_place_for_tools_is_refused(value: Any, problem: str) -> None:
    with pytest.raises(ConvertError) as error:
        read(value)
    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("value", "warning"),
    [
        ({"tools": [HEAT], "nextCursor": "2"}, "'nextCursor': the server has more tools"),
        ([HEAT, {**HEAT, "description": "?"}], "'tools[1]': 'heat' is defined twice"),
        (
            [{**NAMED, "inputSchemas": SCHEMA}],
            "'tools[0].inputSchemas': taken for the schema of the parameters (did you mean "
            "'inputSchema'?)",
        ),
        ([{**HEAT, "description": {"en": "x"}}], "'tools[0].description': expected text"),
        (
            [{**NAMED, "parameters": {"type": "array", "items": {}, "required": []}}],
            "'tools[0].parameters': expected the schema of an object, got one of type array",
        ),
        (
            [{**NAMED, "input_schema": {"properties": {"a": {"$ref": "#/x"}}}}],
            "'tools[0].input_schema.properties.a.$ref': '#/x' is not in the file",
        ),
    ],
)
def test_what_is_left_out_of_a_tool_is_told(value: Any, warning: str) -> None:
    found = read(value)
    assert [tool["function"]["name"] for tool in found.tools] == ["heat"]
    assert len(found.warnings) == 1
    assert found.warnings[0].startswith(f"t.json, field {warning}")


class TestFiles:
    def test_files_of_json_and_json_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "tools.json"
        for text in (json.dumps([HEAT]), "\ufeff" + json.dumps({"tools": [MCP]}, indent=1)):
            path.write_text(text)
            assert read_tools_file(path).tools == OURS
        path.write_text(f'{json.dumps(HEAT)}\n\n{{"name": "cool"}}\n')
        assert len(read_tools_file(path).tools) == 2

    def test_yaml_is_read_as_json_has_it(self, tmp_path: Path) -> None:
        path = tmp_path / "tools.yaml"
        path.write_text(
            "- name: ask\n"
            "  input_schema:\n"
            "    properties:\n"
            "      answer: {type: string, enum: [yes, no, 2024-01-01]}\n"
            "      limit: {type: integer, minimum: 1, default: null}\n"
        )
        assert read_tools_file(path).tools[0]["function"]["parameters"]["properties"] == {
            "answer": {"type": "string", "enum": ["yes", "no", "2024-01-01"]},
            "limit": {"type": "integer", "minimum": 1},
        }

    def test_anchors_numbers_as_keys_and_compressed_files(self, tmp_path: Path) -> None:
        path = tmp_path / "api.yml.gz"
        text = (
            "openapi: 3.0.0\n"
            "paths:\n"
            "  /a:\n"
            "    get: {operationId: a, parameters: &all [{name: p, in: query, schema: {}}],\n"
            "          responses: {200: {description: ok}}}\n"
            "    put: {operationId: b, parameters: *all}\n"
        )
        path.write_bytes(gzip.compress(text.encode()))
        tools = [tool["function"] for tool in read_tools_file(path).tools]
        assert [tool["name"] for tool in tools] == ["a", "b"]
        assert [list(tool["parameters"]["properties"]) for tool in tools] == [["p"], ["p"]]

    @pytest.mark.parametrize(
        ("name", "text", "problem"),
        [
            ("t.json", "[]", "t.json: expected a list of tools, but it has none"),
            ("t.json", "[{]", "t.json, line 1: expected JSON"),
            ("t.yaml", "a: b: c", "t.yaml, line 1: expected YAML"),
            ("t.yaml", "a: .nan\nb: !!python/object:x {}", "t.yaml, line 2: expected YAML"),
            ("t.yaml", "a: &a [*a]", "t.yaml: expected YAML of JSON's types"),
            ("t.yaml", BOMB, "t.yaml: expected YAML of JSON's types (its anchors stand for more"),
        ],
    )
    def test_files_that_are_none(self, tmp_path: Path, name: str, text: str, problem: str) -> None:
        path = tmp_path / name
        path.write_text(text)
        with pytest.raises(ConvertError, match=re.escape(problem)):
            read_tools_file(path)


class TestToolReader:
    def test_equal_lists_are_one_and_warn_once(self) -> None:
        reader = ToolReader()
        tools = [{"name": "f", "parameters": {"properties": {"a": {"type": "strng"}}}}]
        first = reader.read(tools, "line 1")
        assert reader.read(json.loads(json.dumps(tools)), "line 2") is first
        assert len(reader.warnings) == 1
        assert reader.read(None, "line 3") == []

    def test_problems_have_the_place_of_each_line(self) -> None:
        reader = ToolReader()
        for line in ("line 1", "line 2"):
            with pytest.raises(ConvertError, match=f"^{line}, field 'tools"):
                reader.read([{}], line)


class TestInferredTools:
    def test_types_are_those_of_all_values(self) -> None:
        inferred = InferredTools()
        inferred.add("book", {"people": 2, "price": 3, "window": True, "at": "8", "note": None})
        inferred.add("book", {"people": 3, "price": 2.5, "window": False, "at": 8, "tags": ["a"]})
        inferred.add("move", {"to": {"city": "Oslo", "days": [1, 2.5]}, "empty": [], "open": {}})
        inferred.add("stop", {})
        book, move, stop = (each["function"] for each in inferred.tools())
        assert book["parameters"]["properties"] == {
            "people": {"type": "integer"},
            "price": {"type": "number"},
            "window": {"type": "boolean"},
            "at": {},
            "note": {},
            "tags": {"type": "array", "items": {"type": "string"}},
        }
        assert move["parameters"]["properties"] == {
            "to": {
                "type": "object",
                "properties": {
                    "city": {"type": "string"},
                    "days": {"type": "array", "items": {"type": "number"}},
                },
            },
            "empty": {"type": "array"},
            "open": {"type": "object"},
        }
        assert stop == {"name": "stop", "parameters": BARE}

    def test_an_object_of_very_many_names_is_a_table(self) -> None:
        inferred = InferredTools()
        inferred.add("put", {"ages": {f"person {n}": n for n in range(1000)}})
        properties = inferred.tools()[0]["function"]["parameters"]["properties"]
        assert properties == {"ages": {"type": "object"}}

    def test_they_are_a_catalogue(self) -> None:
        inferred = InferredTools()
        inferred.add("f", {"a": {"b": [{"c": 1}, {"c": "x", "d": None}]}})
        assert read(inferred.tools()) == Catalogue(inferred.tools())


def test_the_intents_of_services_are_tools() -> None:
    size = {"name": "size", "is_categorical": True, "possible_values": ["1", "2"]}
    place = {"name": "place", "description": "Where", "is_categorical": False}
    find = {"name": "Find", "required_slots": ["place"], "optional_slots": {"size": "1"}}
    find_other = {"name": "Find", "required_slots": ["place"], "optional_slots": {"day": "x"}}
    found = read(
        [
            {"service_name": "A", "slots": [size, place], "intents": [find]},
            {"service_name": "B", "slots": [place, {"name": "day"}], "intents": [find_other]},
            {"service_name": "C", "slots": [], "intents": [{"name": "Stop"}, {}]},
        ]
    )
    tools = {tool["function"]["name"]: tool["function"]["parameters"] for tool in found.tools}
    assert tools == {
        "Find": {
            "type": "object",
            "properties": {
                "place": {"type": "string", "description": "Where"},
                "size": {"type": "string", "enum": ["1", "2"]},
                "day": {"type": "string"},
            },
            "required": ["place"],
        },
        "Stop": BARE,
    }
    assert found.warnings == ["t.json, field '[2].intents[1].name': expected the name of an intent"]


WORDS = [
    *("tools", "result", "function", "name", "type", "parameters", "properties", "input_schema"),
    *(
        "service_name",
        "slots",
        "intents",
        "heat",
        "object",
        "openapi",
        "paths",
        "get",
        "$ref",
        "#/tools",
        "required",
        "anyOf",
    ),
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(WORDS) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(WORDS) | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(anything)
@settings(max_examples=500, deadline=None)
def test_any_json_is_read_or_refused_and_what_is_read_stays(value: Any) -> None:
    try:
        tools = read(value).tools
    except ConvertError:
        return
    assert read(tools) == Catalogue(tools)
    assert read_tools(json.dumps(tools), "t.json") == tools
