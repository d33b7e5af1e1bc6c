"""Label builder: derives the labels from training samples, in one pass."""

from __future__ import annotations

import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.declared import (
    NO_LIMITS,
    Declarations,
    agreed,
    broken_limits,
    declared,
    json_type_of,
    schema_at,
)
from trm_engine.data.field import Field, Kind, one_spelling
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Function, Sample, Tool, ToolCall
from trm_engine.data.spans import is_verbatim, stands_anywhere
from trm_engine.data.values import (
    JsonType,
    as_type,
    flatten,
    is_empty,
    meaning,
    type_of,
    value_text,
)

MAX_CHOICES = 32
SELDOM_VERBATIM = 0.9
KEPT_TO = 0.95
"""A share of the values. Data that keeps to an enum or a limit less often does not have it."""

SHOWN_VALUES = 3
TRUTH_VALUES = ("true", "false")


class Nowhere(NamedTuple):
    """How many of a span field's ``filled`` values are ``lacking``: they stand nowhere."""

    kind: str
    name: str
    lacking: int
    filled: int
    examples: list[str]


@dataclass
class FieldCounts:
    """Statistics of one field: how often it is filled and said, and its values.

    ``declared``: what schemas say about it. ``broken``: how many values break which limit.
    ``nowhere``: how many values stand nowhere in their conversation.
    """

    filled: int = 0
    verbatim: int = 0
    values: Counter[str] = field(default_factory=Counter)
    types: Counter[JsonType] = field(default_factory=Counter)
    many_values: bool = False
    declared: list[ParameterSchema] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    nowhere: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, value: Any, sample: Sample, schema: ParameterSchema | None = None) -> None:
        """Count a value. ``schema`` is what its tool says about it."""
        if is_empty(value):
            return
        declared_type = json_type_of(schema) if schema else None
        self.filled += 1
        self.types[type_of(value)] += 1
        self._count(value_text(value))
        if schema:
            typed = as_type(value, declared_type or "string") if isinstance(value, str) else value
            self.broken.update(broken_limits(typed, schema))
        if is_verbatim(sample.history, value, declared_type):
            self.verbatim += 1
        elif not stands_anywhere(sample.history, value, declared_type):
            self._add_nowhere(value_text(value))

    def declare(self, schema: ParameterSchema) -> None:
        """Note what a tool's schema says."""
        if schema not in self.declared:
            self.declared.append(schema)

    def to_field(self, name: str, enum: Sequence[str] = ()) -> Field:
        """Decide between span and choice. A choice has the enum's values, then others seen.

        ``enum``: the values that schemas list, as text.
        """
        json_type = self._json_type()
        ignored = tuple(limit for limit, count in self.broken.items() if self._is_often(count))
        plain = Field(name, json_type=json_type, limits=self._limits(ignored), ignored=ignored)
        if json_type == "boolean":
            return replace(plain, kind="choice", values=TRUTH_VALUES)
        seen = _most_frequent_first(self.values)
        values = one_spelling([text for text in (*enum, *seen) if text], plain.meant)
        kind: Kind = "choice" if self._is_choice(enum, plain) else "span"
        if kind == "choice" and 0 < len(values) <= MAX_CHOICES:
            return replace(plain, kind=kind, values=tuple(values))
        return plain

    def _json_type(self) -> JsonType:
        """The type that the schemas declare if they agree, else that of the values."""
        named = {json_type_of(schema) for schema in self.declared} - {None}
        if len(named) == 1:
            return named.pop() or "string"
        types = Counter(self.types)
        if types["number"]:
            types["number"] += types.pop("integer", 0)
        return types.most_common(1)[0][0] if types.total() else "string"

    def _limits(self, ignored: Sequence[str]) -> ParameterSchema:
        """What the schemas agree on; without them, the type of the values if all have one."""
        limits = agreed([each for each in self.declared if each != NO_LIMITS], ignored)
        seen = {"number" if each == "integer" else each for each in self.types}
        if limits.type is None and "type" not in ignored and len(seen) == 1:
            return replace(limits, type=seen.pop()) if seen <= {"number", "boolean"} else limits
        return limits

    def _is_often(self, broken: int) -> bool:
        return broken > (1 - KEPT_TO) * self.filled

    def _count(self, text: str) -> None:
        if text in self.values or len(self.values) <= 4 * MAX_CHOICES:
            self.values[text] += 1
        else:
            self.many_values = True

    def _add_nowhere(self, text: str) -> None:
        self.nowhere += 1
        if len(self.examples) < SHOWN_VALUES and text not in self.examples:
            self.examples.append(text)

    def _is_choice(self, enum: Sequence[str], plain: Field) -> bool:
        if self.many_values:
            return False
        if enum:
            known = {meaning(text, plain.meant) for text in enum}
            inside = [n for text, n in self.values.items() if meaning(text, plain.meant) in known]
            return sum(inside) >= KEPT_TO * self.filled
        return self.filled > 0 and self.verbatim < SELDOM_VERBATIM * self.filled


@dataclass
class LabelBuilder:
    """Collects labels and value statistics in one pass over the samples."""

    tools: dict[str, dict[str, None]] = field(default_factory=dict)
    slots: dict[str, FieldCounts] = field(default_factory=dict)
    args: dict[str, FieldCounts] = field(default_factory=dict)
    calls_together: bool = False
    _added: dict[str, Declarations] = field(default_factory=dict)
    _newest: list[Tool] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """Take in one sample."""
        if not _same_objects(sample.tools, self._newest):  # lines that repeat tools share them
            self._newest = sample.tools
            for tool in sample.tools:
                self._add_tool(tool.function)
        for name, value in sample.slots.items():
            self.slots.setdefault(name, FieldCounts()).add(value, sample)
        if sample.tool:
            self._add_call(sample.tool, sample)
        self.calls_together |= sample.history[-1].role == "tool_call"

    def build(self) -> Labels:
        """The labels of the samples so far."""
        args = {name: index for index, name in enumerate(self.args)}
        return Labels(
            tools=tuple(self.tools),
            parameters=tuple(tuple(args[name] for name in names) for names in self.tools.values()),
            slots=tuple(self._field(name, counts) for name, counts in self.slots.items()),
            args=tuple(self._field(name, counts) for name, counts in self.args.items()),
            calls_together=self.calls_together,
        )

    def nowhere(self) -> list[Nowhere]:
        """The span fields that have values that stand nowhere."""
        kinds = (("slot", self.slots), ("argument", self.args))
        return [
            Nowhere(kind, name, counts.nowhere, counts.filled, counts.examples)
            for kind, fields in kinds
            for name, counts in fields.items()
            if counts.nowhere and self._field(name, counts).kind == "span"
        ]

    def _field(self, name: str, counts: FieldCounts) -> Field:
        """A slot or an argument. The enum of an argument is that of the slot with its name too."""
        schemas = self.args[name].declared if name in self.args else []
        return counts.to_field(name, [value_text(each) for one in schemas for each in one.enum])

    def _add_tool(self, function: Function) -> None:
        declarations = declared(function)
        if self._added.get(function.name) is declarations:
            return
        self._added[function.name] = declarations
        parameters = self.tools.setdefault(function.name, {})
        for path, schema in declarations.items():
            if "[]" not in path:  # an item has a channel when a call has it
                self._argument(parameters, path).declare(schema)

    def _add_call(self, call: ToolCall, sample: Sample) -> None:
        declarations = self._declarations(call.name, sample)
        parameters = self.tools.setdefault(call.name, {})
        for path, value in flatten(call.arguments).items():
            if value in ([], {}):
                continue  # stands for itself
            schema = schema_at(declarations, path)
            counts = self._argument(parameters, path)
            counts.add(value, sample, schema)
            if schema:
                counts.declare(schema)

    def _argument(self, parameters: dict[str, None], path: str) -> FieldCounts:
        parameters[path] = None
        return self.args.setdefault(path, FieldCounts())

    def _declarations(self, name: str, sample: Sample) -> Declarations:
        return self._added.get(name, {}) if name in sample.tool_names else {}


def _same_objects(some: Sequence[object], others: Sequence[object]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _most_frequent_first(values: Counter[str]) -> Iterable[str]:
    return sorted(values, key=lambda text: (-values[text], text))
