"""Plain schemas: any JSON Schema without references and combinations.

A plain schema has the keywords KEPT. `$ref` is replaced by what it refers to; `allOf`, `anyOf`,
`oneOf` and `const` become the keywords that they amount to; `type` is one name or a list of
names, never null. What may be null is optional.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TYPE_CHECKING, Any

from trm_engine.data.catalogue.merging import Part, both, either, type_of_values
from trm_engine.data.catalogue.type_names import schema_of_type
from trm_engine.data.fields import present
from trm_engine.errors import did_you_mean
from trm_engine.printable import one_line

if TYPE_CHECKING:
    from referencing._core import Resolver

DEEPEST = 32
"""Number of levels, references included, that are read of a schema."""
LARGEST = 4000
"""Number of schemas that are read of one tool."""

TEXTS = ("description", "format", "pattern")
NUMBERS = (
    *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    *("minLength", "maxLength", "minItems", "maxItems"),
)
KEPT = (
    *("type", "description", "enum", "format", "default", *NUMBERS, "pattern", "uniqueItems"),
    *("items", "properties", "required", "additionalProperties"),
)

COMBINED = {"$ref", "$dynamicRef", "allOf", "anyOf", "oneOf"}

Warn = Callable[[str, str], None]
"""Is told the path of a field, and what was not read there."""


def plain_schema(
    schema: Any, path: str = "", warn: Warn | None = None, *, roots: Sequence[Any] = ()
) -> dict[str, Any]:
    """The plain form of a schema. What cannot be read is left out, and ``warn`` is told.

    Args:
        schema: a JSON Schema of any draft, OpenAPI's and Gemini's dialects, or the name of a type.
        path: place of the schema in its file, for warnings.
        roots: documents in which `$ref` is looked up, beside the schema itself.
    """
    reader = SchemaReader([schema, *roots], warn or _ignore)
    return finished(reader.read(schema, path).schema)


def finished(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with its keywords in order; `required` names only what is a property."""
    result: dict[str, Any] = {}
    for key in KEPT:
        value = schema.get(key)
        if value is None or (key == "type" and value == "null"):
            continue
        if key == "properties":
            value = {name: finished(each) for name, each in value.items()}
        elif isinstance(value, dict) and key in ("items", "additionalProperties"):
            value = finished(value)
        elif key == "required":
            known, optional = schema.get("properties", {}), schema.get("optional", ())
            value = [name for name in value if name in known and name not in optional]
            if not value:
                continue
        result[key] = value
    return result


@dataclass
class SchemaReader:
    """Reads the schemas of one tool. References are looked up in ``roots``, in this order."""

    roots: Sequence[Any]
    warn: Warn
    known: dict[int, tuple[Part, int]] = field(default_factory=dict)
    """What a reference amounts to, and the number of schemas in it, by the schema's identity."""
    size: int = 0
    cuts: int = 0
    resolvers: list[Resolver[Any]] = field(default_factory=list)

    def read(self, schema: Any, path: str, above: tuple[int, ...] = ()) -> Part:
        """The plain form of one schema. ``above``: identities of the schemas it stands in."""
        self.size += 1
        if isinstance(schema, str):
            return self._read_text(schema, path, above)
        if isinstance(schema, bool) or schema is None:
            return Part()
        if not isinstance(schema, dict):
            self.warn(path, "expected a schema (an object)")
            return Part()
        if len(above) >= DEEPEST or self.size > LARGEST:
            return self._cut(schema, path)
        given = {key: value for key, value in schema.items() if value is not None}
        part = reduce(both, self._parts(given, path, (*above, id(schema))))
        return replace(part, schema=_with_implied_type(part.schema))

    def _parts(self, schema: dict[str, Any], path: str, above: tuple[int, ...]) -> Iterable[Part]:
        """The parts that a value has to fulfil, its own keywords first."""
        yield self._own(schema, path, above)
        if "type" in schema:
            yield self._types(schema["type"], f"{path}.type", above)
        for key in ("$ref", "$dynamicRef"):
            if key in schema:
                yield self._referred(schema[key], f"{path}.{key}", above)
        yield from self._members(schema, "allOf", path, above)
        for key in ("anyOf", "oneOf"):
            if members := self._members(schema, key, path, above):
                yield either(members)

    def _own(self, schema: dict[str, Any], path: str, above: tuple[int, ...]) -> Part:
        """The keywords of a schema that hold whatever else it refers to."""
        found: dict[str, Any] = {}
        part = Part(found, optional=_says_optional(schema))
        self._values(schema, path, part)
        self._numbers(schema, path, found)
        for key in TEXTS:
            if isinstance(text := schema.get(key), str):
                found[key] = text
            elif key in schema:
                self.warn(f"{path}.{key}", "expected text")
        self._structure(schema, path, part, above)
        required = schema.get("required")
        if isinstance(required, bool):
            part.required = required
        elif isinstance(required, list):
            found["required"] = self._required(required, schema, found, path)
        return part

    def _values(self, schema: dict[str, Any], path: str, part: Part) -> None:
        """The values that are allowed, and the default."""
        values = [schema["const"]] if "const" in schema else schema.get("enum")
        if isinstance(values, list):
            if allowed := [value for value in values if value is not None]:
                part.schema["enum"] = allowed
            part.optional = part.optional or len(allowed) < len(values)
        elif values is not None:
            self.warn(f"{path}.enum", "expected a list of values")
        if "default" in schema:
            part.schema["default"] = schema["default"]
        if schema.get("uniqueItems") is True:
            part.schema["uniqueItems"] = True

    def _numbers(self, schema: dict[str, Any], path: str, found: dict[str, Any]) -> None:
        for key in NUMBERS:
            value = schema.get(key)
            if isinstance(value, bool):  # JSON Schema 4: whether the limit itself is excluded
                limit = key.removeprefix("exclusive").lower()
                if value and limit in found:
                    found[key] = found.pop(limit)
            elif (number := _number(value)) is not None:
                found[key] = number
            elif value is not None:
                self.warn(f"{path}.{key}", "expected a number")

    def _structure(
        self, schema: dict[str, Any], path: str, part: Part, above: tuple[int, ...]
    ) -> None:
        """The properties of objects, and the items of arrays."""
        found = part.schema
        if "properties" in schema:
            self._properties(schema["properties"], f"{path}.properties", found, above)
        if members := _items(schema):
            parts = [self.read(each, f"{path}.items", above) for each in members]
            found["items"] = either(parts).schema
        more = schema.get("additionalProperties")
        if more is False or isinstance(more, dict):
            found["additionalProperties"] = (
                more and self.read(more, f"{path}.additionalProperties", above).schema
            )

    def _properties(
        self, value: Any, path: str, found: dict[str, Any], above: tuple[int, ...]
    ) -> None:
        """Properties by name, or a list of schemas that have a name."""
        if isinstance(value, list):
            named = [each for each in value if isinstance(each, dict) and each.get("name")]
            if len(named) < len(value):
                self.warn(path, "expected a schema with a name in each place")
            value = {str(each["name"]): each for each in named}
        if not isinstance(value, dict):
            self.warn(path, "expected an object with a schema for each name")
            return
        read = {
            str(name): self.read(each, f"{path}.{name}", above)
            for name, each in value.items()
            if present(each) is not None and each is not False and not _is_read_only(each)
        }
        found["properties"] = {name: part.schema for name, part in read.items()}
        found["required"] = [name for name, part in read.items() if part.required]
        found["optional"] = [name for name, part in read.items() if part.optional]

    def _required(
        self, names: list[Any], schema: dict[str, Any], found: dict[str, Any], path: str
    ) -> list[str]:
        """The names that are required, those of properties that say so themselves included."""
        properties = schema.get("properties")
        if properties and isinstance(properties, dict) and not COMBINED & schema.keys():
            for name in map(str, names):
                if name not in properties:
                    hint = did_you_mean(name, properties)
                    self.warn(f"{path}.required", f"'{one_line(name)}' is no property{hint}")
        given = [*found.get("required", ()), *names]
        return list(dict.fromkeys(name for name in given if isinstance(name, str)))

    def _types(self, value: Any, path: str, above: tuple[int, ...]) -> Part:
        """The type or types of a schema, written in any way."""
        names = value if isinstance(value, list) else [value]
        parts = []
        for name in names:
            if isinstance(name, dict):  # a whole schema under "type"
                parts.append(self.read(name, path, above))
            elif isinstance(name, str) and (known := schema_of_type(name)) is not None:
                simple = "type" in known and len(known) == 1
                parts.append(Part(known) if simple else self.read(known, path, above))
            elif name is not None:
                hint = did_you_mean(str(name), ("string", "number", "integer", "boolean", "array"))
                self.warn(path, f"'{one_line(str(name))[:60]}' is no type{hint}")
                parts.append(Part())
        return either(parts)

    def _members(
        self, schema: dict[str, Any], key: str, path: str, above: tuple[int, ...]
    ) -> list[Part]:
        value = schema.get(key, [])
        if not isinstance(value, list):
            self.warn(f"{path}.{key}", "expected a list of schemas")
            return []
        return [
            self.read(each, f"{path}.{key}[{index}]", above) for index, each in enumerate(value)
        ]

    def _read_text(self, text: str, path: str, above: tuple[int, ...]) -> Part:
        """The name of a type in place of a schema, or else a description."""
        known = schema_of_type(text)
        return Part({"description": text}) if known is None else self.read(known, path, above)

    # References ---------------------------------------------------------------------------------

    def _referred(self, reference: Any, path: str, above: tuple[int, ...]) -> Part:
        """What a reference amounts to. One that leads back to itself is read once."""
        target = self.resolve(reference, path)
        if target is None:
            return Part()
        if id(target) in above:
            self.warn(path, f"'{one_line(str(reference))}' leads back to itself; it is read once")
            return self._cut(target)
        if id(target) in self.known:
            part, size = self.known[id(target)]
            if self.size + size <= LARGEST:
                self.size += size
                return part
        size, cuts = self.size, self.cuts
        part = self.read(target, path, above)
        if self.cuts == cuts:
            self.known[id(target)] = part, self.size - size
        return part

    def resolve(self, reference: Any, path: str) -> Any:
        """The value that a reference leads to; None, with a warning, if there is none."""
        from referencing.exceptions import Unresolvable

        if not isinstance(reference, str):
            self.warn(path, "expected a reference such as '#/$defs/Name'")
            return None
        self.resolvers = self.resolvers or [_resolver(root) for root in self.roots]
        for resolver in self.resolvers:
            try:
                return resolver.lookup(reference).contents
            except (Unresolvable, ValueError, TypeError, LookupError, AttributeError):
                continue
        is_inside = reference.startswith("#")
        problem = "is not in the file" if is_inside else "is another file; put its content here"
        self.warn(path, f"'{one_line(reference)}' {problem}")
        return None

    def _cut(self, schema: Any, path: str = "") -> Part:
        """A schema without its inside."""
        self.cuts += 1
        if path and self.cuts == 1:
            what = f"more than {LARGEST:,} schemas" if self.size > LARGEST else "nested too deeply"
            self.warn(path, f"{what}; the rest is left out")
        kind = schema.get("type") if isinstance(schema, dict) else None
        known = schema_of_type(kind) if isinstance(kind, str) else None
        return Part({"type": known["type"]} if known and "type" in known else {})


def _resolver(root: Any) -> Resolver[Any]:
    """Finds references in a document, which is a schema or has schemas in it."""
    from referencing import Registry
    from referencing.jsonschema import DRAFT202012

    resource = DRAFT202012.create_resource(root)
    registry: Registry[Any] = Registry().with_resource("", resource)
    return registry.resolver()


def _with_implied_type(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema with the type that its other keywords are about, if it names none."""
    if "type" in schema:
        return schema
    if "properties" in schema:
        return {**schema, "type": "object"}
    if "items" in schema:
        return {**schema, "type": "array"}
    return {**schema, **type_of_values(schema.get("enum", ()))}


def _items(schema: dict[str, Any]) -> list[Any]:
    """The schemas of an array's items. Those of a tuple are one for each place."""
    given = [schema[key] for key in ("prefixItems", "items") if key in schema]
    members = [each for items in given for each in (items if isinstance(items, list) else [items])]
    return [each for each in members if each is not False]


def _is_read_only(schema: Any) -> bool:
    """Whether only answers have it, so that no call gives it."""
    return isinstance(schema, dict) and schema.get("readOnly") is True


def _says_optional(schema: dict[str, Any]) -> bool:
    return any(schema.get(key) is True for key in ("nullable", "x-nullable", "optional"))


def _number(value: Any) -> int | float | None:
    """A number, which Gemini writes as text."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int | float) else None


def _ignore(path: str, message: str) -> None:
    pass
