"""Problems of fields that pydantic found, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXPECTED = {
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"
    ),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
    **dict.fromkeys(("dict_type", "model_type", "model_attributes_type"), "names with values"),
    "finite_number": "a finite number",
    "string_type": "text",
    "list_type": "a list",
    "greater_than": "more than {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "less_than": "less than {lt:g}",
    "less_than_equal": "at most {le:g}",
    "literal_error": "{expected}",
    "too_short": "{min_length} or more entries, not {actual_length}",
}
"""What was expected, by pydantic's type of the problem; the fields are those of its context."""


def in_our_words(problem: Mapping[str, Any]) -> str:
    """What is wrong with a value, without its place: "expected a whole number"."""
    if expected := EXPECTED.get(problem["type"]):
        return f"expected {expected.format(**problem.get('ctx', {}))}"
    message = str(problem["msg"]).removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
