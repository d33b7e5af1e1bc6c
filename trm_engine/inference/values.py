"""Values: read off the logits of one step, within what the schemas of the tools allow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trm_engine.data.borders import is_border
from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.declared import Declarations, schema_at
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.values import value_text
from trm_engine.inference.decoding import Decoded
from trm_engine.runs.schema.answers import PRESENT, Place

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


def read_arguments(
    decoded: Decoded,
    row: int,
    tool: int,
    labels: Labels,
    texts: TokenTexts,
    declarations: Declarations,
) -> list[FieldValue]:
    """The likeliest valid value of every parameter of ``tool``, including those predicted absent.

    ``declarations``: what the tool's schema in this conversation says, if it has one.
    """
    reader = _ArgumentReader(decoded, row, texts)
    return [
        reader.read(channel, labels.args[channel], declarations)
        for channel in labels.parameters[tool]
    ]


class _ArgumentReader:
    """Reads arguments of one conversation."""

    def __init__(self, decoded: Decoded, row: int, texts: TokenTexts) -> None:
        self._decoded = decoded
        self._row = row
        self._texts = texts

    def read(self, channel: int, field: Field, declarations: Declarations) -> FieldValue:
        """The likeliest valid value of an argument."""
        presence = float(self._decoded.arg_presence[self._row, channel])
        limits = field.within(schema_at(declarations, field.name))
        is_present = presence > PRESENT
        if field.kind == "choice":
            place = self._texts.word(int(self._decoded.arg_spans[self._row, channel, 0]))
            for number in self._choices(channel, field, is_present):
                value = field.accept(field.values[number], limits)
                if value is not None:
                    return FieldValue(field, presence, value_text(value), value, place, number)
            if not is_present:
                return FieldValue(field, presence, "", None)
        return self._read_span(channel, field, presence, limits)

    def _read_span(
        self, channel: int, field: Field, presence: float, limits: ParameterSchema
    ) -> FieldValue:
        for span in self._spans(channel, presence > PRESENT):
            place = self._texts.place(span)
            text = self._texts.at(place)
            if not text:
                break  # likelier than any other: it stands nowhere
            value = field.accept(text, limits)
            if value is not None:
                return FieldValue(field, presence, value_text(value), value, place)
        return FieldValue(field, presence, "", None)

    def _choices(self, channel: int, field: Field, with_others: bool) -> Iterator[int]:
        """The likeliest choice, then the others."""
        first = min(int(self._decoded.arg_choices[self._row, channel]), len(field.values) - 1)
        yield first
        if with_others and self._decoded.alternatives:
            others = self._decoded.alternatives.values(self._row, channel)
            yield from (each for each in others if each != first and each < len(field.values))

    def _spans(self, channel: int, with_others: bool) -> Iterator[np.ndarray]:
        """The likeliest span, then others."""
        yield self._decoded.arg_spans[self._row, channel]
        if with_others and self._decoded.alternatives:
            yield from self._decoded.alternatives.spans(self._row, channel)


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
