"""Plain schemas: any JSON Schema without references and combinations, and its parameters."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any, Literal

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from trm_engine.data.catalogue.plain import LARGEST, plain_schema
from trm_engine.data.catalogue.schema import ParameterSchema, parameters_of


def plain(schema: Any) -> tuple[dict[str, Any], list[str]]:
    """The plain form of a schema, and the warnings."""
    warnings: list[str] = []
    read = plain_schema(schema, "parameters", lambda path, told: warnings.append(f"{path}: {told}"))
    return read, warnings


def plain_of(schema: Any) -> dict[str, Any]:
    """The plain form of a schema that is read without a warning."""
    read, warnings = plain(schema)
    assert warnings == []
    return read


class Unit(StrEnum):
    CELSIUS = "celsius"
    KELVIN = "kelvin"


class Place(BaseModel):
    city: str = Field(description="Name of the city")
    code: int | None = None


class Weather(BaseModel):
    unit: Unit = Unit.CELSIUS
    place: Place
    stops: list[Place] = []
    days: Annotated[int, Field(gt=0, le=14)]
    mode: Literal["fast"] | None
    note: Annotated[str, Field(description="Anything else")] | None = None
    after: Weather | None = None


class TestPydantic:
    def test_references_unions_and_nulls_become_plain(self) -> None:
        read, warnings = plain(Weather.model_json_schema())
        assert read["properties"]["unit"] == {
            "type": "string",
            "enum": ["celsius", "kelvin"],
            "default": "celsius",
        }
        place = {
            "type": "object",
            "properties": {
                "city": {"type": "string", "description": "Name of the city"},
                "code": {"type": "integer"},
            },
            "required": ["city"],
        }
        assert read["properties"]["place"] == place
        assert read["properties"]["stops"] == {"type": "array", "default": [], "items": place}
        assert read["properties"]["mode"] == {"type": "string", "enum": ["fast"]}
        assert read["properties"]["note"] == {"type": "string", "description": "Anything else"}
        assert read["required"] == ["place", "days"]  # mode may be null
        assert read["properties"]["after"] == {"type": "object"}
        assert (
            warnings
            == [
                "parameters.$ref.properties.after.anyOf[0].$ref: '#/$defs/Weather' leads back to "
                "itself; it is read once"
            ]
            or len(warnings) == 1
        )

    def test_parameters_by_path(self) -> None:
        parameters = parameters_of(Weather.model_json_schema())
        assert list(parameters) == [
            *("unit", "place.city", "place.code", "stops[].city", "stops[].code"),
            *("days", "mode", "note", "after"),
        ]
        assert parameters["unit"].enum == ("celsius", "kelvin")
        assert parameters["days"] == ParameterSchema(
            "integer", minimum=1, maximum=14, required=True
        )
        assert parameters["place.city"].required
        assert not parameters["stops[].city"].required
        assert parameters["place.code"].type == "integer"


class TestPlainSchema:
    @pytest.mark.parametrize(
        "schema",
        [
            {"type": ["integer", "null"]},
            {"anyOf": [{"type": "integer"}, {"type": "null"}]},
            {"oneOf": [{"type": "null"}, {"type": "integer"}]},
            {"type": "integer", "nullable": True},
            {"type": "INTEGER"},
            {"type": "int"},
            {"type": "int, optional"},
            {"type": "Optional[int]"},
            {"allOf": [{"type": "integer"}, {"type": "number"}]},
            {"type": "integer", "properties": None, "enum": None, "description": None},
            "integer",
        ],
    )
    def test_one_type_written_in_many_ways(self, schema: Any) -> None:
        assert plain_of(schema) == {"type": "integer"}

    @pytest.mark.parametrize(
        ("schema", "expected"),
        [
            ({"const": "x"}, {"type": "string", "enum": ["x"]}),
            ({"enum": [1, 2.5, None]}, {"type": "number", "enum": [1, 2.5]}),
            ({"enum": ["a", 1]}, {"enum": ["a", 1]}),
            ({"enum": []}, {}),
            ({"type": "List[str]"}, {"type": "array", "items": {"type": "string"}}),
            ({"type": "dict"}, {"type": "object"}),
            ({"type": "any"}, {}),
            ({"type": "date"}, {"type": "string", "format": "date"}),
            ({"type": ["string", "integer"]}, {"type": ["string", "integer"]}),
            (
                {"type": "integer", "minimum": 0, "exclusiveMinimum": True, "maximum": "9"},
                {"type": "integer", "maximum": 9, "exclusiveMinimum": 0},
            ),
            (
                {"oneOf": [{"const": "a", "title": "A"}, {"const": "b"}], "description": "d"},
                {"type": "string", "description": "d", "enum": ["a", "b"]},
            ),
            (
                {"anyOf": [{"enum": ["a"]}, {"type": "string"}]},
                {"type": "string"},
            ),
            (
                {"allOf": [{"minimum": 1, "maximum": 9}, {"minimum": 2}], "type": "number"},
                {"type": "number", "minimum": 2, "maximum": 9},
            ),
            (
                {"prefixItems": [{"type": "integer"}, {"type": "string"}]},
                {"type": "array", "items": {"type": ["integer", "string"]}},
            ),
        ],
    )
    def test_combinations(self, schema: Any, expected: dict[str, Any]) -> None:
        assert plain_of(schema) == expected

    def test_objects_are_merged(self) -> None:
        first = {"properties": {"a": {"type": "integer"}}, "required": ["a"]}
        second = {"properties": {"b": {"type": "string"}}, "required": ["b"]}
        properties = {"a": {"type": "integer"}, "b": {"type": "string"}}
        whole = {"type": "object", "properties": properties, "required": ["a", "b"]}
        assert plain_of({"allOf": [first, second]}) == whole
        assert plain_of({"oneOf": [first, second]}) == {"type": "object", "properties": properties}

    def test_a_property_may_say_itself_that_it_is_required(self) -> None:
        properties = {"a": {"type": "str", "required": True}, "b": {"type": "str"}}
        assert plain_of({"properties": properties})["required"] == ["a"]

    def test_references_by_name_anchor_and_definition(self) -> None:
        schema = {
            "properties": {
                "a": {"$ref": "#/$defs/kind", "description": "own"},
                "b": {"$ref": "#/definitions/of~1that"},
                "c": {"$ref": "#named"},
            },
            "$defs": {
                "kind": {"enum": ["x"], "description": "theirs"},
                "other": {"$anchor": "named", "type": "boolean"},
            },
            "definitions": {"of/that": {"type": "integer"}},
        }
        assert plain_of(schema)["properties"] == {
            "a": {"type": "string", "description": "own", "enum": ["x"]},
            "b": {"type": "integer"},
            "c": {"type": "boolean"},
        }

    @pytest.mark.parametrize(
        ("schema", "warning"),
        [
            ({"$ref": "#/$defs/X"}, "$ref: '#/$defs/X' is not in the file"),
            ({"$ref": "https://a.example/x"}, "$ref: 'https://a.example/x' is another file"),
            ({"$ref": 7}, "$ref: expected a reference"),
            ({"type": "strng"}, "type: 'strng' is no type (did you mean 'string'?)"),
            ({"enum": "a, b"}, "enum: expected a list"),
            ({"minimum": "low"}, "minimum: expected a number"),
            ({"properties": "x"}, "properties: expected an object"),
            ({"properties": {"a": 5}}, "properties.a: expected a schema"),
            ({"properties": [{"name": ["a"]}, {}]}, "properties: expected a schema with a name"),
            ({"properties": {"a": {}}, "required": [["a"]]}, "required: '['a']' is no property"),
            ({"anyOf": {}}, "anyOf: expected a list"),
            (
                {"properties": {"city": {}}, "required": ["cty"]},
                "required: 'cty' is no property (did you mean 'city'?)",
            ),
        ],
    )
    def test_what_cannot_be_read_is_told(self, schema: Any, warning: str) -> None:
        _, warnings = plain(schema)
        assert [each[: len(warning) + 11] for each in warnings] == [f"parameters.{warning}"]

    def test_references_that_lead_back_end(self) -> None:
        tree = {"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}}
        read, warnings = plain(tree)
        assert read == {"type": "object", "properties": {"left": {}, "right": {}}}
        assert len(warnings) == 2

    def test_a_schema_that_doubles_at_each_level_is_cut(self) -> None:
        levels = {
            f"L{n}": {"properties": {side: {"$ref": f"#/$defs/L{n + 1}"} for side in "ab"}}
            for n in range(40)
        }
        read, warnings = plain({"$ref": "#/$defs/L0", "$defs": {**levels, "L40": {}}})
        assert len(warnings) == 1
        assert str(read).count("properties") < LARGEST


schemas = st.recursive(
    st.sampled_from(
        [
            *({"type": name} for name in ("string", "integer", "number", "boolean", "null")),
            {"const": "a"},
            {"enum": ["a", "b", 3]},
            {"type": "integer", "minimum": 0, "exclusiveMaximum": 4},
            {"type": ["string", "number"]},
            {"$ref": "#/$defs/name"},
            True,
        ]
    ),
    lambda inner: st.one_of(
        # Closed: in an open one of several alternatives, a property that only another one names may
        # be anything, but its plain form keeps what that one says, since a call needs a type.
        st.fixed_dictionaries(
            {
                "type": st.just("object"),
                "properties": st.dictionaries(st.sampled_from("xy"), inner),
                "additionalProperties": st.just(False),
            }
        ),
        st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
        st.builds(
            lambda key, two: {key: two},
            st.sampled_from(["anyOf", "allOf"]),
            st.lists(inner, min_size=1, max_size=2),
        ),
    ),
    max_leaves=6,
)
values = st.recursive(
    st.sampled_from(["a", "z", 0, 3, 2.5, True]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("xy"), inner),
    max_leaves=4,
)
DEFINITIONS = {"name": {"type": "string"}}
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "properties",
                    "items",
                    "enum",
                    "anyOf",
                    "allOf",
                    "$ref",
                    "required",
                    "const",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


class TestProperties:
    @given(schemas, values)
    @settings(max_examples=300, deadline=None)
    def test_what_a_schema_allows_its_plain_form_allows(self, schema: Any, value: Any) -> None:
        whole = {"allOf": [schema], "$defs": DEFINITIONS}
        if jsonschema.Draft202012Validator(whole).is_valid(value):
            assert jsonschema.Draft202012Validator(plain_schema(whole)).is_valid(value)

    @given(anything)
    @settings(max_examples=300, deadline=None)
    def test_any_json_is_read_and_the_plain_form_stays(self, schema: Any) -> None:
        read, _ = plain(schema)
        assert plain_of(read) == read
        assert parameters_of(read) == parameters_of(schema)
