"""Label builder: derives the labels from training samples, in one pass."""

from __future__ import annotations

import json
import operator
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, count
from typing import Any, NamedTuple

from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.declared import (
    NO_LIMITS,
    Declarations,
    agreed,
    broken_limits,
    declared,
    described_parameters,
    json_type_of,
    schema_at,
)
from trm_engine.data.field import Field, one_spelling
from trm_engine.data.labels import Definition, Labels
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
MOSTLY, KEPT_TO = 0.5, 0.95
"""Shares of the values. A choice has at most MAX_CHOICES values: all that there are, or all seen
more than once if these are nearly all (KEPT_TO). If values are said as they are, an enum must list
most of them, too. Data that keeps to a limit less often does not have it."""

MAX_DEFINITIONS = 8
"""Definitions of one name that are told apart."""

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

    def merge(self, other: FieldCounts) -> None:
        """Add what another has counted."""
        self.filled += other.filled
        self.verbatim += other.verbatim
        self.values.update(other.values)
        self.types.update(other.types)
        self.many_values |= other.many_values
        self.nowhere += other.nowhere
        self.examples = [*self.examples, *other.examples][:SHOWN_VALUES]

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
        if len(values) > MAX_CHOICES:
            again = [text for text in seen if self.values[text] > 1]
            values = one_spelling([text for text in (*enum, *again) if text], plain.meant)
        if len(values) <= MAX_CHOICES and self._are_choices(values, enum, plain):
            return replace(plain, kind="choice", values=tuple(values))
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

    def _are_choices(self, values: Sequence[str], enum: Sequence[str], plain: Field) -> bool:
        """Whether these are nearly all values, and are listed or seldom said as they are."""

        def share_of(texts: Sequence[str]) -> float:
            known = {meaning(text, plain.meant) for text in texts}
            inside = [n for text, n in self.values.items() if meaning(text, plain.meant) in known]
            return sum(inside) / self.filled if self.filled else 1.0

        is_said = self.verbatim >= SELDOM_VERBATIM * self.filled
        is_listed = bool(enum) and share_of(enum) >= MOSTLY
        may_be = bool(values) and not self.many_values and (is_listed or not is_said)
        return may_be and share_of(values) >= KEPT_TO


class Parameter(NamedTuple):
    """What makes a parameter: its path, and what a schema says about it."""

    path: str
    schema: ParameterSchema = NO_LIMITS

    def __hash__(self) -> int:
        """A hash without the schema's values, which may be lists."""
        return hash((self.path, self.schema.description))


@dataclass
class ToolCounts:
    """One tool: its definition, and its parameters by path."""

    name: str
    function: Function | None = None
    required: tuple[str, ...] = ()
    parameters: dict[str, Parameter] = field(default_factory=dict)
    declarations: Declarations = field(default_factory=dict)

    def define(self, function: Function, with_first_items: bool) -> None:
        """Take over a definition. An item of an array has a channel when a call has it, or if it is
        the first one and ``with_first_items``."""
        self.function = function
        described = {
            path.replace("[]", "[0]"): schema
            for path, schema in described_parameters(function).items()
            if with_first_items or "[]" not in path
        }
        self.declarations = declared(function)
        for path, schema in described.items():
            self.parameters[path] = Parameter(path, replace(schema, required=False))
        self.required = tuple(path for path in described if described[path].required)

    def parameter(self, path: str) -> Parameter:
        """The parameter at a path of a call."""
        if path not in self.parameters:
            schema = schema_at(self.declarations, path) or NO_LIMITS
            self.parameters[path] = Parameter(path, schema)
        return self.parameters[path]

    def definition(self) -> Definition:
        if self.function is None:
            return Definition(self.name)
        schema = json.dumps(self.function.parameters, ensure_ascii=False)
        return Definition(self.name, self.function.description, schema, self.required)


@dataclass
class LabelBuilder:
    """Collects labels and value statistics in one pass over the samples.

    ``with_first_items``: whether first items of arrays are arguments even if no call has them.
    """

    with_first_items: bool = False
    tools: dict[str, list[ToolCounts]] = field(default_factory=dict)
    slots: dict[str, FieldCounts] = field(default_factory=dict)
    args: dict[Parameter, FieldCounts] = field(default_factory=dict)
    calls_together: bool = False
    _newest: Sequence[Tool] = ()
    _offered: dict[str, ToolCounts] = field(default_factory=dict)

    def add(self, sample: Sample) -> None:
        """Take in one sample."""
        if not _same_objects(sample.tools, self._newest):  # lines that repeat tools share them
            self._newest = sample.tools
            self._offered = {}
            for tool in sample.tools:
                name = tool.function.name
                self._offered.setdefault(name, self.add_tool(tool.function))
        for name, value in sample.slots.items():
            self.slots.setdefault(name, FieldCounts()).add(value, sample)
        if sample.tool:
            self._add_call(sample.tool, sample)
        self.calls_together |= sample.history[-1].role == "tool_call"

    def add_tool(self, function: Function) -> ToolCounts:
        """Take in a tool's definition. After MAX_DEFINITIONS of a name the first one counts."""
        known = self.tools.setdefault(function.name, [])
        for each in known:
            if function.is_bare or (each.function and each.function.digest == function.digest):
                return each
        if not known or (known[0].function and len(known) < MAX_DEFINITIONS):
            known.append(ToolCounts(function.name))
        elif known[0].function:
            return known[0]
        tool = known[-1]
        called = dict(tool.parameters)
        if not function.is_bare:
            tool.define(function, self.with_first_items)
        for path, parameter in tool.parameters.items():
            counts, before = self._counts(parameter), called.get(path, parameter)
            if before != parameter:
                counts.merge(self.args[before])
                self._drop_unused(before)
        return tool

    def build(self) -> Labels:
        """The labels of the samples so far."""
        tools = [tool for definitions in self.tools.values() for tool in definitions]
        args = {parameter: channel for channel, parameter in enumerate(self.args)}
        return Labels(
            tools=tuple(titles(tool.name for tool in tools)),
            parameters=tuple(
                tuple(args[each] for each in tool.parameters.values()) for tool in tools
            ),
            slots=tuple(self._slot(name, counts) for name, counts in self.slots.items()),
            args=tuple(map(self._argument, self.args)),
            definitions=tuple(tool.definition() for tool in tools),
            calls_together=self.calls_together,
        )

    def nowhere(self) -> list[Nowhere]:
        """The span fields that have values that stand nowhere."""
        fields = [
            *(("slot", self._slot(name, counts), counts) for name, counts in self.slots.items()),
            *(("argument", self._argument(each), counts) for each, counts in self.args.items()),
        ]
        return [
            Nowhere(kind, each.name, counts.nowhere, counts.filled, counts.examples)
            for kind, each, counts in fields
            if counts.nowhere and each.kind == "span"
        ]

    def _slot(self, name: str, counts: FieldCounts) -> Field:
        """A slot. Its enum and its description are those of the arguments with its name."""
        namesakes = [each.schema for each in self.args if each.path == name]
        described = [schema.description for schema in namesakes if schema.description]
        found = counts.to_field(name, _listed(namesakes))
        return replace(found, description=described[0] if described else "")

    def _argument(self, parameter: Parameter) -> Field:
        schema = parameter.schema
        found = self.args[parameter].to_field(parameter.path, _listed([schema]))
        return replace(found, description=schema.description)

    def _add_call(self, call: ToolCall, sample: Sample) -> None:
        tool = self._offered.get(call.name) or self.add_tool(Function(name=call.name))
        for path, value in flatten(call.arguments).items():
            if value in ([], {}):
                continue  # stands for itself
            parameter = tool.parameter(path)
            limits = replace(parameter.schema, description="")
            self._counts(parameter).add(value, sample, None if limits == NO_LIMITS else limits)

    def _drop_unused(self, parameter: Parameter) -> None:
        tools = (tool for definitions in self.tools.values() for tool in definitions)
        if not any(parameter in tool.parameters.values() for tool in tools):
            del self.args[parameter]

    def _counts(self, parameter: Parameter) -> FieldCounts:
        counts = self.args.get(parameter)
        if counts is None:
            counts = self.args[parameter] = FieldCounts()
            limits = replace(parameter.schema, description="")
            if limits != NO_LIMITS:
                counts.declare(limits)
        return counts


def extended(labels: Labels, functions: Iterable[Function]) -> Labels:
    """The labels with further tools, of which nothing but the definitions is known.

    Tools that the labels know are not added. Parameters that are defined like known ones share
    their channels.
    """
    builder = LabelBuilder(with_first_items=True)  # there are no calls to show the items
    for function in functions:
        if not labels.knows(function):
            builder.add_tool(function)
    new = builder.build()
    if not new.tools:
        return labels
    channels = {_parameter(each): channel for channel, each in enumerate(labels.args)}
    added = [each for each in new.args if _parameter(each) not in channels]
    channels |= {_parameter(each): len(labels.args) + place for place, each in enumerate(added)}
    definitions = (*labels.definitions, *new.definitions)
    parameters = tuple(
        tuple(channels[_parameter(new.args[channel])] for channel in own) for own in new.parameters
    )
    return replace(
        labels,
        tools=tuple(titles((each.name for each in new.definitions), labels.tools)),
        parameters=(*labels.parameters, *parameters),
        args=(*labels.args, *added),
        definitions=definitions,
    )


def with_tools_of(labels: Labels, other: Labels) -> Labels:
    """The labels with the tools that only ``other`` has."""
    if labels is other:
        return labels
    return extended(labels, (each.function for each in other.definitions))


def titles(names: Iterable[str], taken: Sequence[str] = ()) -> list[str]:
    """The titles ``taken``, then the names, the second of two equal ones as "name (2)"."""
    found = dict.fromkeys(taken)
    for name in names:
        spellings = (f"{name} ({number})" for number in count(2))
        found[next(each for each in chain((name,), spellings) if each not in found)] = None
    return list(found)


def _parameter(field: Field) -> Parameter:
    return Parameter(field.name, replace(field.limits, description=field.description))


def _listed(schemas: Iterable[ParameterSchema]) -> list[str]:
    """The values that schemas list, as text."""
    return [value_text(each) for schema in schemas for each in schema.enum]


def _same_objects(some: Sequence[object], others: Sequence[object]) -> bool:
    return len(some) == len(others) and all(map(operator.is_, some, others))


def _most_frequent_first(values: Counter[str]) -> Iterable[str]:
    return sorted(values, key=lambda text: (-values[text], text))
