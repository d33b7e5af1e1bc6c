"""What an earlier call used still holds, unless something was said since."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Turn
from trm_engine.inference.carried import called_fields, carried
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.token_texts import Called, TokenTexts, called_values
from trm_engine.runs.schema.answers import Place

NOTHING = np.zeros(0, int)
NO_LIMITS = ParameterSchema()


def call(name: str, **arguments: Any) -> Turn:
    return Turn(role="tool_call", content={"name": name, "arguments": arguments})


def said(*turns: str | Turn) -> TokenTexts:
    """A conversation: texts of the user, and calls."""
    history = [Turn(role="user", content=t) if isinstance(t, str) else t for t in turns]
    return TokenTexts.of(history, NOTHING, NOTHING, NOTHING)


def found(texts: TokenTexts, turn: int, text: str, name: str = "city", presence: float = 0.9):
    begin = texts.texts[turn].index(text)
    return FieldValue(Field(name), presence, text, text, Place(turn, begin, begin + len(text)))


def test_the_newest_call_counts() -> None:
    history = [call("find", city="Rome", guests=2), call("find", city="Oslo", note=""), call("pay")]
    assert called_values(history) == {"city": Called(1, "Oslo"), "guests": Called(0, 2)}


def test_words_of_before_the_call_are_replaced_by_its_value() -> None:
    texts = said("Rome, no, Oslo", call("find", city="Oslo"), "Book it")
    value = carried(found(texts, 0, "Rome"), texts)
    assert (value.text, value.presence) == ("Oslo", 0.9)
    assert value.place is not None
    assert texts.at(value.place) == "Oslo"
    assert value.place.turn == 1


def test_what_was_said_since_stays() -> None:
    texts = said("Rome", call("find", city="Rome"), "Rather Oslo")
    assert carried(found(texts, 2, "Oslo"), texts).text == "Oslo"


def test_absent_and_unknown_fields_stay_as_they_are() -> None:
    texts = said("Rome or Oslo", call("find", city="Oslo"))
    absent = found(texts, 0, "Rome", presence=0.4)
    other = found(texts, 0, "Rome", name="town")
    assert carried(absent, texts) is absent
    assert carried(other, texts) is other


def test_what_is_said_nowhere_is_known_from_the_call() -> None:
    texts = said("The usual", call("find", city="Oslo"), "Book it")
    assert carried(FieldValue(Field("city"), 0.8, "", None), texts).text == "Oslo"


def test_one_turn_can_lead_to_two_calls() -> None:
    """The second one is not made for the city of the first."""
    texts = said("Rome and Oslo", call("find", city="Rome"))
    assert carried(found(texts, 0, "Oslo"), texts, NO_LIMITS).text == "Oslo"
    later = said("Rome and Oslo", call("find", city="Rome"), "Book it")
    assert carried(found(later, 0, "Oslo"), later, NO_LIMITS).text == "Rome"


def test_an_argument_stays_within_its_limits() -> None:
    texts = said("for 3", call("find", guests=12), "Book it")
    value = found(texts, 0, "3", name="guests")
    assert carried(value, texts, ParameterSchema("integer")).value == 12
    assert carried(value, texts, ParameterSchema("integer", maximum=8)).value == "3"


def test_an_argument_keeps_its_spelling() -> None:
    texts = said("to Oslo, NO", call("find", city="Oslo"), "Book it")
    value = found(texts, 0, "Oslo, NO")
    assert carried(value, texts, NO_LIMITS) is value
    assert carried(value, texts).text == "Oslo"


@pytest.mark.parametrize(("word", "kept"), [("small", False), ("please", True)])
def test_a_listed_argument_that_nobody_said_is_the_models_own(word: str, kept: bool) -> None:
    size = Field("size", "choice", ("small", "large"))
    texts = said("small please", call("order", size="large"), "Again")
    begin = texts.texts[0].index(word)
    place = Place(0, begin, begin + len(word))
    value = FieldValue(size, 0.9, "small", "small", place, 0)
    assert carried(value, texts, NO_LIMITS).text == ("small" if kept else "large")
    assert (carried(value, texts).text, carried(value, texts).choice) == ("large", 1)


def test_a_listed_field_cannot_have_another_value() -> None:
    size = Field("size", "choice", ("small", "large"))
    texts = said("small", call("order", size="medium"), "Again")
    value = FieldValue(size, 0.9, "small", "small", Place(0, 0, 5), 0)
    assert carried(value, texts) is value


def test_the_fields_that_calls_used() -> None:
    labels = Labels(("find",), ((0, 1),), (Field("city"),), (Field("city"), Field("a.b")))
    conversations = [said("Hi"), said(call("find", city="Rome")), said(call("find", a={"b": 1}))]
    assert called_fields(labels, conversations).tolist() == [
        [False, False, False], [True, True, False], [False, False, True],
    ]  # fmt: skip
