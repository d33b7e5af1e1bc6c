"""Type names: converts the type names of catalogues to JSON Schema."""

from __future__ import annotations

import ast
import re
import warnings
from functools import lru_cache
from typing import Any

JSON_TYPES = ("string", "number", "integer", "boolean", "object", "array", "null")

TEXTS = "str text char character varchar bytes enum"
INTEGERS = "int int32 int64 long short byte bigint"
NUMBERS = "float float32 float64 double decimal numeric"
ARRAYS = "array list tuple set frozenset sequence iterable collection vector arraylist"
OBJECTS = "object dict dictionary map mapping hashmap hash struct record json"
ANYTHING = "any unknown type_unspecified"
UNIONS = {"union", "anyof", "oneof"}
WRAPPERS = {"annotated", "required", "notrequired", "final", "readonly"}
OPTIONAL = {"optional", "nullable"}
NOTES = {"required", "mandatory"}

NAMES: dict[str, dict[str, Any]] = {
    **{name: {"type": name} for name in JSON_TYPES},
    **{name: {"type": "string"} for name in TEXTS.split()},
    **{name: {"type": "integer"} for name in INTEGERS.split()},
    **{name: {"type": "number"} for name in NUMBERS.split()},
    "bool": {"type": "boolean"},
    **{name: {"type": "array"} for name in ARRAYS.split()},
    **{name: {"type": "object"} for name in OBJECTS.split()},
    **{name: {"type": "null"} for name in ("none", "nonetype", "undefined", "void")},
    **{name: {} for name in ANYTHING.split()},
    **{name: {"type": "string", "format": name} for name in ("date", "time", "email", "uuid")},
    **{name: {"type": "string", "format": "date-time"} for name in ("datetime", "timestamp")},
    **{name: {"type": "string", "format": "uri"} for name in ("uri", "url")},
    "file": {"type": "string", "format": "binary"},
}
"""JSON Schema for each name of a type, in lower case."""


@lru_cache(maxsize=1024)
def schema_of_type(text: str) -> dict[str, Any] | None:
    """The JSON Schema of a type's name or expression; None if it is not known.

    It reads the names of Python, Java, JavaScript and Gemini (``STRING``), and expressions such as
    ``List[int]``, ``Optional[str]``, ``int | None``, ``str, optional`` and ``string[]``. The
    caller must not change the result.
    """
    name = text.strip().lower()
    if name in NAMES:
        return NAMES[name]
    if name.endswith("[]"):
        return _array_of([schema_of_type(text.strip()[:-2])])
    written = re.sub(r"\bor\b", "|", text.strip()).replace("<", "[").replace(">", "]")
    expression = parsed_expression(written)
    return None if expression is None else _expression(expression)


def parsed_expression(text: str) -> ast.expr | None:
    """A text as an expression of Python, which is not run; None if it is none."""
    with warnings.catch_warnings():  # of escapes such as \\d, which data may well have
        warnings.simplefilter("ignore")
        try:
            return ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None


def _expression(node: ast.expr) -> dict[str, Any] | None:
    match node:
        case ast.Constant(value=None):
            return NAMES["null"]
        case ast.Constant(value=str() as text):
            return schema_of_type(text)
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return NAMES.get(name.lower())
        case ast.BinOp(left=left, op=ast.BitOr(), right=right):
            return _any_of([_expression(left), _expression(right)])
        case ast.Subscript(value=ast.Name(id=name) | ast.Attribute(attr=name), slice=inner):
            return _generic(name.lower(), inner.elts if isinstance(inner, ast.Tuple) else [inner])
        case ast.Tuple(elts=[first, *notes]):
            return _with_notes(_expression(first), notes)
    return None


def _generic(name: str, inner: list[ast.expr]) -> dict[str, Any] | None:
    """A type with types in brackets, such as ``List[int]``."""
    if name == "literal":
        values = [each.value for each in inner if isinstance(each, ast.Constant)]
        return {"enum": values} if len(values) == len(inner) else None
    if name in UNIONS:
        return _any_of([_expression(each) for each in inner])
    if name in OPTIONAL:
        return _any_of([_expression(inner[0]), NAMES["null"]])
    if name in WRAPPERS:
        return _expression(inner[0])
    outer = NAMES.get(name, {})
    if outer.get("type") == "array":
        inner = [each for each in inner if not _is_ellipsis(each)]
        return _array_of([_expression(each) for each in inner])
    if outer.get("type") == "object" and len(inner) == 2:
        values_of = _expression(inner[1])
        return {"type": "object", "additionalProperties": values_of} if values_of else outer
    return None


def _with_notes(schema: dict[str, Any] | None, notes: list[ast.expr]) -> dict[str, Any] | None:
    """A type with words behind it, as in ``str, optional``."""
    words = {note.id.lower() for note in notes if isinstance(note, ast.Name)}
    if schema is None or len(words) != len(notes) or words - OPTIONAL - NOTES:
        return None
    return _any_of([schema, NAMES["null"]]) if words & OPTIONAL else schema


def _any_of(schemas: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    return None if None in schemas else {"anyOf": schemas}


def _array_of(schemas: list[dict[str, Any] | None]) -> dict[str, Any] | None:
    items = schemas[0] if len(schemas) == 1 else _any_of(schemas)
    return None if items is None else {"type": "array", "items": items}


def _is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...
