"""FieldValue: what a model says of one slot or argument."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trm_engine.data.field import Field
from trm_engine.runs.schema.answers import PRESENT, Place


@dataclass(frozen=True)
class FieldValue:
    """A field's likeliest value, and the probability that it has one.

    ``text`` is "" and ``value`` None if no valid value stands anywhere. ``place`` is the position
    of the value's span; for a choice, the word that its pointer marks. ``choice`` is the index of
    the choice, or -1 if the value is none.
    """

    field: Field
    presence: float
    text: str
    value: Any
    place: Place | None = None
    choice: int = -1

    @property
    def is_present(self) -> bool:
        """Whether the model predicts that the field has a value."""
        return self.presence > PRESENT

    @property
    def is_lacking(self) -> bool:
        """Whether the field should have a value that stands nowhere."""
        return self.is_present and self.value is None
