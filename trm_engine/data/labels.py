"""Labels: the tools, slots and parameters that a model knows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from trm_engine.data.field import Field
from trm_engine.data.samples import Function, Tool


@dataclass(frozen=True)
class Definition:
    """What a tool is, besides its parameters.

    Attributes:
        name: by which it is called.
        description: in words.
        schema: the JSON Schema of its parameters, as text; "" for a tool of which only the name is
            known.
        required: the paths of the parameters that a call must have.
    """

    name: str
    description: str = ""
    schema: str = ""
    required: tuple[str, ...] = ()

    @cached_property
    def function(self) -> Function:
        """The definition as it was given."""
        parameters = json.loads(self.schema) if self.schema else {}
        return Function(name=self.name, description=self.description, parameters=parameters)


@dataclass(frozen=True)
class Labels:
    """The meaning of the model's outputs: class i is ``tools[i]``, slot channel i ``slots[i]``, ...

    A tool is a name and a definition: two tools with one name and other definitions are two
    classes. Parameters that are defined alike share a channel, even in different tools.

    Attributes:
        tools: their titles, all different: the name, or "name (2)" for its second definition.
        parameters: the argument channels of each tool.
        definitions: what the model reads of each tool besides its parameters.
        calls_together: the training data has calls that are made together, so that after a call
            the model is asked again.
    """

    tools: tuple[str, ...]
    parameters: tuple[tuple[int, ...], ...]
    slots: tuple[Field, ...]
    args: tuple[Field, ...]
    definitions: tuple[Definition, ...] = ()
    calls_together: bool = False

    def __post_init__(self) -> None:
        if not self.definitions:
            object.__setattr__(self, "definitions", tuple(map(Definition, self.tools)))

    @property
    def tool_name_to_id(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.tools)}

    @cached_property
    def _by_digest(self) -> dict[str, int]:
        tools = enumerate(self.definitions)
        return {each.function.digest: index for index, each in tools if each.schema}

    @cached_property
    def _by_name(self) -> dict[str, int]:
        names = [each.name for each in self.definitions]
        return {name: names.index(name) for name in names}

    @cached_property
    def takes(self) -> np.ndarray:
        """Which arguments each tool takes, [T + 1, A]; a tool that is none takes none."""
        takes = np.zeros((len(self.tools) + 1, len(self.args)), bool)
        for tool, channels in enumerate(self.parameters):
            takes[tool, list(channels)] = True
        return takes

    @cached_property
    def arg_is_choice(self) -> np.ndarray:
        """Which arguments have listed values, [A]."""
        return np.array([each.kind == "choice" for each in self.args], bool)

    def tool_of(self, function: Function) -> int:
        """The tool with a function's definition, else the first with its name; -1 for neither."""
        found = self._by_digest.get(function.digest)
        return self._by_name.get(function.name, -1) if found is None else found

    def knows(self, function: Function) -> bool:
        """Whether a tool has this definition, or only its name if the function says no more."""
        if function.is_bare:
            return function.name in self._by_name
        return function.digest in self._by_digest

    def called(self, name: str, tools: Iterable[Tool]) -> int:
        """The tool that a call by name means among those on offer; -1 if it is unknown."""
        for tool in tools:
            if tool.function.name == name:
                return self.tool_of(tool.function)
        return self._by_name.get(name, -1)

    def tools_json(self) -> str:
        """The tools with a known definition, as a JSON list of OpenAI's form."""
        functions = (each.function for each in self.definitions if each.schema)
        return json.dumps(
            [{"type": "function", "function": each.model_dump()} for each in functions],
            ensure_ascii=False,
        )

    def narrowed(self, tools: Sequence[int]) -> tuple[Labels, list[int]]:
        """The labels with these tools only, and the argument channels that are left."""
        channels = sorted({each for tool in tools for each in self.parameters[tool]})
        places = {channel: place for place, channel in enumerate(channels)}
        narrowed = replace(
            self,
            tools=tuple(self.tools[tool] for tool in tools),
            parameters=tuple(
                tuple(places[each] for each in self.parameters[tool]) for tool in tools
            ),
            args=tuple(self.args[channel] for channel in channels),
            definitions=tuple(self.definitions[tool] for tool in tools),
        )
        return narrowed, channels

    def name_of(self, tool: int) -> str:
        """The name by which a tool is called."""
        return self.definitions[tool].name

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
            "slots": [each.to_dict() for each in self.slots],
            "args": [each.to_dict() for each in self.args],
            "definitions": [asdict(each) for each in self.definitions],
            "calls_together": self.calls_together,
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
        for names in (self.tools, self.slot_names):
            if len(set(names)) < len(names):
                raise ValueError("labels: a name is duplicate")
        if not len(self.parameters) == len(self.definitions) == len(self.tools):
            raise ValueError("labels: parameters or definitions do not match the tools")
        if not all(each.name for each in self.definitions):
            raise ValueError("labels: a tool has no name")
        for channels, definition in zip(self.parameters, self.definitions, strict=True):
            if not all(0 <= channel < len(self.args) for channel in channels):
                raise ValueError("labels: a parameter does not exist")
            names = [self.args[channel].name for channel in channels]
            if len(set(names)) < len(names):
                raise ValueError("labels: a parameter is duplicate")
            if not set(definition.required) <= set(names):
                raise ValueError("labels: a required parameter does not exist")
            try:
                _ = definition.function
            except ValueError:
                raise ValueError("labels: a tool's schema cannot be read") from None
        if any((each.kind == "choice") != bool(each.values) for each in (*self.slots, *self.args)):
            raise ValueError("labels: a choice without values")
