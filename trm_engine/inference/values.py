"""Values: read off the logits of one step, within what the schemas of the tools allow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.inference.carried import carried
from trm_engine.inference.decoding import Decoded
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.token_texts import TokenTexts

LEAST_PENALTY = 1.0
"""An argument is missing if it takes at least this off log P(call): then P(call) <= 0.37."""


def read_slots(decoded: Decoded, row: int, labels: Labels, texts: TokenTexts) -> list[FieldValue]:
    """The likeliest value of every slot, including those predicted empty. Slots are text."""
    channels = zip(
        labels.slots,
        decoded.slot_presence[row],
        decoded.slot_choices[row],
        decoded.slot_spans[row],
        strict=True,
    )
    return [carried(_read_slot(*channel, texts), texts) for channel in channels]


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
