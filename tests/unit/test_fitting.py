"""Arguments fitted to a schema: always valid, or refused with the argument's name."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.inference.fitting import Misfit, ToolSchema

PROPERTIES: dict[str, Any] = {
    "count": {"type": "integer", "minimum": 1},
    "price": {"type": "number"},
    "name": {"type": "string"},
    "is_new": {"type": "boolean"},
    "plan": {"type": "string", "enum": ["Basic", "Premium"]},
    "level": {"type": "integer", "enum": [1, 2]},
    "tags": {"type": "array", "items": {"type": "string"}},
    "when": {"type": "object", "properties": {"day": {"type": "string"}}, "required": ["day"]},
}
TEXTS = st.text('ab1,.{["', max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2),
    max_leaves=4,
)


def fitted(name: str, value: Any) -> Any:
    return ToolSchema({"properties": {name: PROPERTIES[name]}}).fit({name: value})[name]


@pytest.mark.parametrize(
    ("name", "value", "meant"),
    [
        ("count", "12", 12),
        ("count", 12.0, 12.0),
        ("count", "1,200", 1200),
        ("price", "19.90", 19.9),
        ("price", "7", 7),
        ("name", 12, "12"),
        ("is_new", "true", True),
        ("is_new", "Yes", True),
        ("plan", " premium", "Premium"),
        ("level", "2", 2),
        ("tags", "red", ["red"]),
        ("tags", '["red", "blue"]', ["red", "blue"]),
        ("tags", 3, ["3"]),
        ("when", '{"day": "Monday"}', {"day": "Monday"}),
    ],
)
def test_a_value_in_the_type_of_the_schema(name: str, value: Any, meant: Any) -> None:
    assert fitted(name, value) == meant


@pytest.mark.parametrize(
    ("parameters", "arguments", "said"),
    [
        ({"required": ["name"]}, {}, "argument 'name' is missing"),
        ({}, {"count": "many"}, "argument 'count' does not fit its schema"),
        ({}, {"count": "0"}, "argument 'count' does not fit its schema"),
        ({}, {"plan": "gold"}, "argument 'plan' does not fit its schema"),
        ({}, {"when": {}}, "argument 'when.day' is missing"),
    ],
)
def test_what_does_not_fit(
    parameters: dict[str, Any], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(Misfit) as raised:
        ToolSchema({"properties": PROPERTIES, **parameters}).fit(arguments)
    assert str(raised.value) == said


def test_arguments_that_the_tool_has_not_are_left_out() -> None:
    schema = {"properties": {"name": {"type": "string"}}}
    assert ToolSchema(schema).fit({"name": "x", "plan": "y"}) == {"name": "x"}
    more = {**schema, "additionalProperties": True}
    assert ToolSchema(more).fit({"name": "x", "plan": "y"}) == {"name": "x", "plan": "y"}
    assert ToolSchema({}).fit({"plan": "y"}) == {"plan": "y"}


def test_a_pattern_is_not_matched() -> None:
    """The pattern comes from a stranger, and could take for ever."""
    slow = {"properties": {"name": {"type": "string", "pattern": "^(a+)+$"}}}
    value = {"name": "a" * 64 + "!"}
    assert ToolSchema(slow).fit(value) == value


@given(st.dictionaries(st.sampled_from(sorted(PROPERTIES)), VALUES))
def test_what_is_fitted_is_valid(arguments: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": PROPERTIES, "additionalProperties": False}
    try:
        fitted = ToolSchema(schema).fit(arguments)
    except Misfit:
        return
    jsonschema.validate(fitted, schema)
    assert fitted.keys() == arguments.keys()
