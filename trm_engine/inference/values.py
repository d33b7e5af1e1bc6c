"""Values: read off the logits of one step, within what the schemas of the tools allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_engine.data.borders import is_border
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.inference.decoding import Decoded
from trm_engine.inference.field_value import FieldValue
from trm_engine.runs.schema.answers import Place

LEAST_PENALTY = 1.0
"""An argument is missing if it takes at least this off log P(call): then P(call) <= 0.37."""


@dataclass(frozen=True)
class TokenTexts:
    """The position of each token of a sample: turn and character offsets [L] in ``texts``."""

    texts: list[str]
    turns: np.ndarray
    begins: np.ndarray
    ends: np.ndarray

    def place(self, span: np.ndarray) -> Place | None:
        """The position of a span, which lies within one turn; None if it has no text."""
        return self._place(int(span[0]), int(span[1]))

    def word(self, first: int) -> Place | None:
        """The position from a token to the end of its word; None if it has no text."""
        last = first
        while (place := self._place(first, last)) is not None:
            text, after = self.texts[place.turn], last + 1
            is_last = after == len(self.turns) or self.turns[after] != place.turn
            if is_last or is_border(text, place.end):
                break
            last = after
        return place

    def text(self, span: np.ndarray) -> str:
        """The text of a span, which lies within one turn; "" if it has none."""
        return self.at(self.place(span))

    def at(self, place: Place | None) -> str:
        """The text at a position; "" for none."""
        return "" if place is None else self.texts[place.turn][place.begin : place.end]

    def _place(self, first: int, last: int) -> Place | None:
        if first < 0 or self.turns[first] < 0:
            return None
        return Place(int(self.turns[first]), int(self.begins[first]), int(self.ends[last]))


def read_slots(decoded: Decoded, row: int, labels: Labels, texts: TokenTexts) -> list[FieldValue]:
    """The likeliest value of every slot, including those predicted empty. Slots are text."""
    channels = zip(
        labels.slots,
        decoded.slot_presence[row],
        decoded.slot_choices[row],
        decoded.slot_spans[row],
        strict=True,
    )
    return [_read_slot(*channel, texts) for channel in channels]


def _read_slot(
    field: Field, presence: float, choice: int, span: np.ndarray, texts: TokenTexts
) -> FieldValue:
    if field.kind == "choice":
        number = min(int(choice), len(field.values) - 1)
        text, place = field.values[number], texts.word(int(span[0]))
        return FieldValue(field, float(presence), text, text, place, number)
    place = texts.place(span)
    text = texts.at(place)
    return FieldValue(field, float(presence), text, text or None, place)


def slot_values(decoded: Decoded, row: int, labels: Labels, texts: TokenTexts) -> dict[str, str]:
    """The predicted value of every slot; "" if it is predicted empty."""
    return present_texts(read_slots(decoded, row, labels, texts))


def present_texts(values: Sequence[FieldValue]) -> dict[str, str]:
    """Values as text by the name of the field; "" where none is predicted."""
    return {value.field.name: value.text if value.is_present else "" for value in values}


def argument_values(values: Sequence[FieldValue]) -> dict[str, Any]:
    """The arguments of a call by path, without those predicted absent or without a valid value."""
    return {
        value.field.name: value.value
        for value in values
        if value.is_present and value.value is not None
    }


def missing_arguments(
    decoded: Decoded, row: int, tool: int, labels: Labels, values: Sequence[FieldValue] = ()
) -> dict[str, float]:
    """The missing arguments of the next call (of ``tool``) with their penalties, largest first.

    Those of a call made now, given its ``values``, include the ones without a valid value.
    """
    penalties = decoded.missing_penalty[row]
    lacking = {value.field.name for value in values if value.is_lacking}
    own = {labels.args[arg].name: float(penalties[arg]) for arg in labels.parameters[tool]}
    missing = {
        name: penalty
        for name, penalty in own.items()
        if penalty >= LEAST_PENALTY or name in lacking
    }
    return dict(sorted(missing.items(), key=lambda each: -each[1]))
