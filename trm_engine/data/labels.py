"""Labels: the tools, slots and parameters that a model knows, collected from the training file."""

from __future__ import annotations

import hashlib
import json
import math
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from trm_engine.data.samples import Function, Sample, Tool, ToolCall
from trm_engine.data.spans import is_verbatim, value_text

MAX_CHOICES = 32
SELDOM_VERBATIM = 0.9
ENUM_COVERAGE = 0.95

Kind = Literal["span", "choice"]
JsonType = Literal["string", "number", "integer", "boolean", "json"]

JSON_TYPES: dict[str, JsonType] = {
    "string": "string",
    "number": "number",
    "integer": "integer",
    "boolean": "boolean",
    "array": "json",
    "object": "json",
}
"""Field type for each type of JSON Schema."""


@dataclass(frozen=True)
class Field:
    """A slot or parameter. A span is copied from the conversation; a choice is one of ``values``.

    ``json_type``: string, number, integer, boolean or json (anything else).
    """

    name: str
    kind: Kind = "span"
    values: tuple[str, ...] = ()
    json_type: JsonType = "string"

    def choice_of(self, value: str) -> int:
        """Index of ``value`` in the choices, ignoring case; -1 if it is none of them."""
        folded = value.casefold()
        return next((i for i, known in enumerate(self.values) if known.casefold() == folded), -1)

    def parse(self, text: str) -> Any:
        """Convert a text to this field's JSON type. Returns the text if that fails."""
        if self.json_type == "string" or not text:
            return text
        try:
            value = json.loads(text.lower() if self.json_type == "boolean" else text)
        except (ValueError, RecursionError):
            return text
        if isinstance(value, float) and not math.isfinite(value):
            return text
        return value if self._has_type(value) else text

    def _has_type(self, value: Any) -> bool:
        if self.json_type == "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        return _json_type(value) == self.json_type


@dataclass(frozen=True)
class Labels:
    """The meaning of the model's outputs: class i is ``tools[i]``, slot channel i ``slots[i]``, ...

    ``parameters[i]`` lists the argument channels of tool i. Parameters with the same name share a
    channel, even in different tools.
    """

    tools: tuple[str, ...]
    parameters: tuple[tuple[int, ...], ...]
    slots: tuple[Field, ...]
    args: tuple[Field, ...]

    @property
    def tool_name_to_id(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.tools)}

    @property
    def slot_names(self) -> list[str]:
        return [slot.name for slot in self.slots]

    @property
    def num_choices(self) -> int:
        """The largest number of values of a choice field; 0 if there is none."""
        return max((len(each.values) for each in (*self.slots, *self.args)), default=0)

    @property
    def fingerprint(self) -> str:
        """Short hash; equal labels have equal fingerprints."""
        text = json.dumps(self.to_dict(), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def arg_slots(self) -> tuple[int, ...]:
        """For each argument channel the slot with the same name, or -1."""
        slots = {slot.name: channel for channel, slot in enumerate(self.slots)}
        return tuple(slots.get(arg.name, -1) for arg in self.args)

    def sizes(self) -> dict[str, Any]:
        """The model settings that follow from the labels."""
        return {
            "num_tools": max(1, len(self.tools)),
            "num_slots": len(self.slots),
            "num_args": len(self.args),
            "num_choices": self.num_choices,
            "arg_slots": self.arg_slots,
            "tool_args": self.parameters,
        }

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready lists and dicts."""
        return {
            "tools": list(self.tools),
            "parameters": [list(channels) for channels in self.parameters],
            "slots": [_field_dict(each) for each in self.slots],
            "args": [_field_dict(each) for each in self.args],
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Labels:
        """The inverse of ``to_dict``.

        Raises:
            ValueError: ``values`` are not labels. The message is one line.
        """
        try:
            labels: Labels = TypeAdapter(cls).validate_python(values)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise ValueError(f"labels.{place}: {first['msg']}") from None
        labels.refuse_impossible()
        return labels

    def refuse_impossible(self) -> None:
        """Raise ValueError if a name is duplicate or a parameter's channel does not exist."""
        for names in (self.tools, self.slot_names, [arg.name for arg in self.args]):
            if len(set(names)) < len(names):
                raise ValueError("labels: a name is duplicate")
        if len(self.parameters) != len(self.tools):
            raise ValueError("labels: parameters do not match the tools")
        for channels in self.parameters:
            known = all(0 <= channel < len(self.args) for channel in channels)
            if not known or len(set(channels)) < len(channels):
                raise ValueError("labels: a parameter does not exist")
        if any((each.kind == "choice") != bool(each.values) for each in (*self.slots, *self.args)):
            raise ValueError("labels: a choice without values")


@dataclass
class FieldCounts:
    """Statistics of one field: how often it is filled and verbatim, and its values."""

    filled: int = 0
    verbatim: int = 0
    values: Counter[str] = field(default_factory=Counter)
    types: Counter[JsonType] = field(default_factory=Counter)
    many_values: bool = False

    def add(self, value: Any, sample: Sample) -> None:
        text = value_text(value)
        if not text:
            return
        self.filled += 1
        self.verbatim += is_verbatim(sample.history, text)
        self.types[_json_type(value)] += 1
        self._count(text)

    def to_field(self, name: str, enum: Sequence[str]) -> Field:
        """Decide between span and choice. A choice has the enum's values, then others seen."""
        json_type: JsonType = self.types.most_common(1)[0][0] if self.types else "string"
        values = _one_spelling([*enum, *_most_frequent_first(self.values)])
        if self._is_choice(enum) and 0 < len(values) <= MAX_CHOICES:
            return Field(name, "choice", tuple(values), json_type)
        return Field(name, "span", (), json_type)

    def _count(self, text: str) -> None:
        if text in self.values or len(self.values) <= 4 * MAX_CHOICES:
            self.values[text] += 1
        else:
            self.many_values = True

    def _is_choice(self, enum: Sequence[str]) -> bool:
        if self.many_values:
            return False
        if enum:
            folded = {value.casefold() for value in enum}
            inside = sum(count for text, count in self.values.items() if text.casefold() in folded)
            return inside >= ENUM_COVERAGE * self.filled
        return self.filled > 0 and self.verbatim < SELDOM_VERBATIM * self.filled


@dataclass
class LabelBuilder:
    """Collects labels and value statistics in one pass over the samples."""

    tools: dict[str, dict[str, None]] = field(default_factory=dict)
    slots: dict[str, FieldCounts] = field(default_factory=dict)
    args: dict[str, FieldCounts] = field(default_factory=dict)
    enums: dict[str, dict[str, None]] = field(default_factory=dict)
    types: dict[str, set[JsonType]] = field(default_factory=dict)
    newest_tools: list[Tool] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        if not _same_objects(sample.tools, self.newest_tools):  # lines that repeat tools share them
            self.newest_tools = sample.tools
            for tool in sample.tools:
                self._add_tool(tool.function)
        for name, value in sample.slots.items():
            self.slots.setdefault(name, FieldCounts()).add(value, sample)
        if sample.tool:
            self._add_call(sample.tool, sample)

    def build(self) -> Labels:
        args = {name: index for index, name in enumerate(self.args)}
        return Labels(
            tools=tuple(self.tools),
            parameters=tuple(tuple(args[name] for name in names) for names in self.tools.values()),
            slots=tuple(self._field(name, counts) for name, counts in self.slots.items()),
            args=tuple(self._arg(name, counts) for name, counts in self.args.items()),
        )

    def _arg(self, name: str, counts: FieldCounts) -> Field:
        """A parameter. Its type is the schemas' if they agree, else that of its values."""
        arg, declared = self._field(name, counts), self.types.get(name, set())
        return replace(arg, json_type=next(iter(declared))) if len(declared) == 1 else arg

    def _field(self, name: str, counts: FieldCounts) -> Field:
        return counts.to_field(name, list(self.enums.get(name, {})))

    def _add_tool(self, function: Function) -> None:
        parameters = self.tools.setdefault(function.name, {})
        for name, schema in function.properties.items():
            parameters[name] = None
            self.args.setdefault(name, FieldCounts())
            if declared := _schema_type(schema):
                self.types.setdefault(name, set()).add(declared)
            for text in map(value_text, schema.get("enum", ())):
                if text:
                    self.enums.setdefault(name, {})[text] = None

    def _add_call(self, call: ToolCall, sample: Sample) -> None:
        parameters = self.tools.setdefault(call.name, {})
        for name, value in call.arguments.items():
            parameters[name] = None
            self.args.setdefault(name, FieldCounts()).add(value, sample)


def _same_objects(some: Sequence[object], others: Sequence[object]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _most_frequent_first(values: Counter[str]) -> list[str]:
    return sorted(values, key=lambda text: (-values[text], text))


def _one_spelling(texts: Iterable[str]) -> list[str]:
    """The texts without duplicates, ignoring case."""
    spellings: dict[str, str] = {}
    for text in texts:
        spellings.setdefault(text.casefold(), text)
    return list(spellings.values())


def _json_type(value: Any) -> JsonType:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else "json"


def _schema_type(schema: dict[str, Any]) -> JsonType | None:
    """The JSON type in a parameter's schema, ignoring null; None if there is not exactly one."""
    declared = schema.get("type")
    types = declared if isinstance(declared, list) else [declared]
    types = [each for each in types if each != "null"]
    if len(types) != 1:
        return None
    return JSON_TYPES.get(types[0]) if isinstance(types[0], str) else None


def _field_dict(each: Field) -> dict[str, Any]:
    return {**asdict(each), "values": list(each.values)}
