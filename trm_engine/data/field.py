"""Field: one slot or argument of a model, and what its values may be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal

from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.declared import (
    LIMITS,
    NO_LIMITS,
    allowed,
    broken_limits,
    json_type_of,
    without,
)
from trm_engine.data.values import JsonType, as_type, is_empty, meaning, same_value

Kind = Literal["span", "choice"]


@dataclass(frozen=True)
class Field:
    """A slot or an argument. A span is copied from the conversation; a choice is one of ``values``.

    Attributes:
        name: of a slot; the path of an argument ("cities[0]", see data/values/paths.py).
        kind: how its value is read off the model.
        values: of a choice, as text.
        json_type: of the values that are predicted.
        limits: what the schemas of the training data say about values, if they agree.
        ignored: limits that the training data does not keep to. They limit no prediction.
        description: in words, as a tool's schema has it.
    """

    name: str
    kind: Kind = "span"
    values: tuple[str, ...] = ()
    json_type: JsonType = "string"
    limits: ParameterSchema = NO_LIMITS
    ignored: tuple[str, ...] = ()
    description: str = ""

    @property
    def meant(self) -> JsonType | None:
        """The type under which values are compared. Undeclared text may be a number."""
        is_declared = self.limits.type is not None or self.json_type != "string"
        return self.json_type if is_declared else None

    def same(self, one: Any, other: Any) -> bool:
        """Whether two values are equal, as texts or typed."""
        return same_value(self._typed(one), self._typed(other), self.meant)

    def choice_of(self, value: Any) -> int:
        """Index of ``value`` in the choices; -1 if it is none of them."""
        wanted = meaning(self._typed(value), self.meant)
        return self._meanings.index(wanted) if wanted in self._meanings else -1

    @cached_property
    def _meanings(self) -> list[Any]:
        return [meaning(self._typed(known), self.meant) for known in self.values]

    def parse(self, text: str) -> Any:
        """A text as a value of this field's type. Returns the text if it cannot be one."""
        return as_type(text, self.json_type)

    def within(self, declared: ParameterSchema | None) -> ParameterSchema:
        """The limits of a prediction: those of the conversation's own tool, else the field's."""
        return self.limits if declared is None else without(declared, self.ignored)

    def accept(self, text: str, limits: ParameterSchema) -> Any:
        """A text as a value within ``limits``; None if it is none."""
        value = as_type(text, json_type_of(limits) or self.json_type)
        if is_empty(value):
            return None
        if limits.enum:
            return allowed(value, limits)
        return None if any(broken_limits(value, limits)) else value

    def _typed(self, value: Any) -> Any:
        return self.parse(value) if isinstance(value, str) else value

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready lists and dicts."""
        limits = {name: getattr(self.limits, name) for name in LIMITS if self.limits != NO_LIMITS}
        given = {name: value for name, value in limits.items() if value not in (None, ())}
        return {
            **asdict(self),
            "values": list(self.values),
            "ignored": list(self.ignored),
            "limits": {**given, "enum": list(self.limits.enum)} if self.limits.enum else given,
        }


def one_spelling(texts: Iterable[str], json_type: JsonType | None) -> list[str]:
    """The texts without those equal to an earlier one."""
    spellings: dict[Any, str] = {}
    for text in texts:
        spellings.setdefault(meaning(text, json_type), text)
    return list(spellings.values())
