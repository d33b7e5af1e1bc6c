"""Labels: the tools, slots and parameters that a model knows."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from trm_engine.data.field import Field


@dataclass(frozen=True)
class Labels:
    """The meaning of the model's outputs: class i is ``tools[i]``, slot channel i ``slots[i]``, ...

    ``parameters[i]`` lists the argument channels of tool i. Parameters with the same path share a
    channel, even in different tools. ``calls_together``: the training data has calls that are made
    together, so that after a call the model is asked again.
    """

    tools: tuple[str, ...]
    parameters: tuple[tuple[int, ...], ...]
    slots: tuple[Field, ...]
    args: tuple[Field, ...]
    calls_together: bool = False

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
            "slots": [each.to_dict() for each in self.slots],
            "args": [each.to_dict() for each in self.args],
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
