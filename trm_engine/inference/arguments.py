"""Arguments: read off the logits of one step, within what the schemas of the tools allow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import log
from typing import Any

import numpy as np

from trm_engine.data.declared import Declarations, schema_at
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.values import value_text
from trm_engine.inference.carried import carried, said_words
from trm_engine.inference.decoding import Decoded
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.rivals import Reading, told_apart
from trm_engine.inference.token_texts import TokenTexts
from trm_engine.runs.schema.answers import PRESENT, Place

LEAST_PROBABILITY = 1e-6
"""Probabilities are kept so far from 0 and 1 before their logarithm is taken."""


def read_arguments(
    decoded: Decoded,
    row: int,
    tool: int,
    labels: Labels,
    texts: TokenTexts,
    declarations: Declarations,
) -> list[FieldValue]:
    """The likeliest valid value of every parameter of ``tool``, including those predicted absent.

    No two of them are read off the same words (``rivals``). What an earlier call used still holds
    (``carried``).

    ``declarations``: what the tool's schema in this conversation says, if it has one.
    """
    readers = [
        _Reader(decoded, row, texts, channel, labels.args[channel], declarations)
        for channel in labels.parameters[tool]
    ]
    readings = [reader.read() for reader in readers]
    values = [reading.value for reading in readings]
    if decoded.alternatives is not None:
        values = told_apart(readings, [reader.others for reader in readers])
    return [
        carried(value, texts, reader.limits) for reader, value in zip(readers, values, strict=True)
    ]


class _Reader:
    """Reads one argument of one conversation."""

    def __init__(
        self,
        decoded: Decoded,
        row: int,
        texts: TokenTexts,
        channel: int,
        field: Field,
        declarations: Declarations,
    ) -> None:
        self._decoded = decoded
        self._at = row, channel
        self._texts = texts
        self._field = field
        self._presence = float(decoded.arg_presence[row, channel])
        self.limits = field.within(schema_at(declarations, field.name))

    def read(self) -> Reading:
        """The likeliest valid value."""
        value = next((value for value, _ in self._valid()), self._nothing(self._presence))
        return Reading(value, self._said(value))

    def others(self) -> Iterator[Reading]:
        """How else the argument, which is present, can be read (``rivals.Others``).

        P(present | not the decoded words) says whether it has another value or none.
        """
        assert self._decoded.alternatives
        (_, first), *rest = self._valid()
        chance = self._decoded.alternatives.probability
        present = _inside(self._presence)
        likelihood = _inside(present * chance(*self._at, first))
        presence = (present - likelihood) / (1 - likelihood)
        if presence > PRESENT:
            found = [
                (present * chance(*self._at, which), value)
                for value, which in rest
                if isinstance(which, int) == isinstance(first, int)
            ]
            for other, value in sorted(found, key=lambda each: -each[0]):
                changed = replace(value, presence=presence)
                yield Reading(changed, self._said(value), log(likelihood / _inside(other)))
        yield Reading(self._nothing(presence), None, log(likelihood / (1 - present)))

    def _said(self, value: FieldValue) -> Place | None:
        return said_words(value, self._texts) if value.is_present else None

    def _nothing(self, presence: float) -> FieldValue:
        return FieldValue(self._field, presence, "", None)

    def _valid(self) -> Iterator[tuple[FieldValue, int | np.ndarray]]:
        """Valid values with their choice or span, likeliest first; of an absent argument one."""
        is_present = self._presence > PRESENT
        if self._field.kind == "choice":
            place = self._texts.word(int(self._decoded.arg_spans[self._at][0]))
            for number in self._choices(is_present):
                value = self._field.accept(self._field.values[number], self.limits)
                if value is not None:
                    yield self._value(value, place, number), number
            if not is_present:
                return
        for span in self._spans(is_present):
            place = self._texts.place(span)
            text = self._texts.at(place)
            if not text:
                return  # likelier than any other: it stands nowhere
            value = self._field.accept(text, self.limits)
            if value is not None:
                yield self._value(value, place), span

    def _value(self, value: Any, place: Place | None, choice: int = -1) -> FieldValue:
        return FieldValue(self._field, self._presence, value_text(value), value, place, choice)

    def _choices(self, with_others: bool) -> Iterator[int]:
        """The likeliest choice, then the others."""
        known = len(self._field.values)
        first = min(int(self._decoded.arg_choices[self._at]), known - 1)
        yield first
        if with_others and self._decoded.alternatives:
            others = self._decoded.alternatives.values(*self._at)
            yield from (each for each in others if each != first and each < known)

    def _spans(self, with_others: bool) -> Iterator[np.ndarray]:
        """The likeliest span, then others."""
        yield self._decoded.arg_spans[self._at]
        if with_others and self._decoded.alternatives:
            yield from self._decoded.alternatives.spans(*self._at)


def _inside(probability: float) -> float:
    """A probability of which the logarithm can be taken, and that of its opposite."""
    return min(max(probability, LEAST_PROBABILITY), 1 - LEAST_PROBABILITY)
