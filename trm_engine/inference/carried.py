"""Carried values: what an earlier call used still holds, unless something was said since.

A slot or an argument often has the value that an argument of the same name had in an earlier call.
That call stands in the conversation, so its value is known, while the words that it was once read
off may have been corrected, cut off or read wrongly.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.values import parse_path, value_text
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.token_texts import Called, TokenTexts
from trm_engine.runs.schema.answers import Place


def called_fields(labels: Labels, conversations: Iterable[TokenTexts]) -> np.ndarray:
    """Which slots, then arguments, an earlier call used, [B, F]. They more often have a value."""
    names = [field.name for field in (*labels.slots, *labels.args)]
    return np.array([[name in each.called for name in names] for each in conversations])


def carried(
    value: FieldValue, texts: TokenTexts, limits: ParameterSchema | None = None
) -> FieldValue:
    """A slot's value, or an argument's within ``limits``, as the newest call that used it has it.

    What was said since counts more. An argument also stays as it was decoded if it was said in the
    turn of the user that led to the call (one turn can lead to several calls with other values), if
    it is a part of that value or the other way round ("Seattle", "Seattle, WA"), or if it is listed
    and nobody said it: the model concluded it.
    """
    called = texts.called.get(value.field.name)
    if called is None or not value.is_present:
        return value
    if _is_newer(value, called, texts, is_argument=limits is not None):
        return value
    found = _of_call(value, called, texts, limits)
    if found is None or (limits is not None and _is_part(value.text, found.text)):
        return value
    return found


def _is_part(one: str, other: str) -> bool:
    """Whether one of two texts is a part of the other; no text is part of none."""
    one, other = one.casefold(), other.casefold()
    return bool(one and other) and (one in other or other in one)


def _is_newer(value: FieldValue, called: Called, texts: TokenTexts, is_argument: bool) -> bool:
    """Whether a value is newer than that of a call."""
    words = said_words(value, texts)
    if words is None:
        return is_argument and value.choice >= 0
    since = called.turn + 1
    return words.turn >= (min(since, texts.asked) if is_argument else since)


def said_words(value: FieldValue, texts: TokenTexts) -> Place | None:
    """The words that a value was read off; None if it has none, or is listed and was not said."""
    if value.value is None or value.place is None:
        return None
    word = texts.at(value.place).casefold()
    return value.place if value.choice < 0 or word in value.text.casefold() else None


def _of_call(
    value: FieldValue, called: Called, texts: TokenTexts, limits: ParameterSchema | None
) -> FieldValue | None:
    """The value of a call for a field; None if the field cannot have it."""
    field, text, choice = value.field, value_text(called.value), -1
    if field.kind == "choice":
        choice = field.choice_of(called.value)
        if choice < 0:
            return None
        text = field.values[choice]
    typed = text if limits is None else field.accept(text, limits)
    if typed is None:
        return None
    return replace(
        value,
        text=value_text(typed),
        value=typed,
        place=_place(field, called, texts),
        choice=choice,
    )


def _place(field: Field, called: Called, texts: TokenTexts) -> Place | None:
    """The position of a value in the JSON of its call; None if it is not found."""
    keys = [each for each in parse_path(field.name) if isinstance(each, str)]
    text, wanted = texts.texts[called.turn], value_text(called.value)
    begin = text.find(wanted, text.find(json.dumps(keys[-1], ensure_ascii=False) + ":"))
    return Place(called.turn, begin, begin + len(wanted)) if begin >= 0 else None
