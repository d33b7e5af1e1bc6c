"""Two arguments of a call are not read off the same words, unless the model is sure of both."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import log
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_read_values import WORDS, arguments, decoded_of, said
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.inference.decoding import Alternatives, Decoded
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.rivals import Reading, told_apart
from trm_engine.runs.schema.answers import Place

UNLIKELY = 1e-9


def pointing(*chances: dict[str, float], presence: list[float] | None = None) -> Decoded:
    """Arguments whose spans of one word have these probabilities."""
    starts = np.full((1, len(chances), len(WORDS)), np.log(UNLIKELY))
    for channel, by_word in enumerate(chances):
        for word, chance in by_word.items():
            starts[0, channel, WORDS.index(word)] = log(chance)
    best = starts[0].argmax(axis=-1)
    ends = np.where(starts > np.log(UNLIKELY), 0.0, -30.0)
    turns = np.array([[-1, *[0] * (len(WORDS) - 1)]])
    choices = np.zeros((1, len(chances), 1))
    decoded = decoded_of([(each, each) for each in best.tolist()])
    return replace(
        decoded,
        arg_presence=np.array([presence or [0.9] * len(chances)]),
        alternatives=Alternatives(starts, ends, turns, choices, 1),
    )


def read(decoded: Decoded, *fields: Field) -> dict[str, Any]:
    labels = Labels(("book",), (tuple(range(len(fields))),), (), fields)
    return arguments(decoded, labels, said())


def test_the_less_sure_one_is_absent() -> None:
    decoded = pointing({"people": 0.9}, {"people": 0.9}, presence=[0.95, 0.6])
    assert read(decoded, Field("director"), Field("actor")) == {"director": "people"}


def test_it_takes_its_next_words_if_it_must_have_some() -> None:
    decoded = pointing({"20": 0.8, "2": 0.2}, {"20": 0.9}, presence=[0.999, 0.99])
    assert read(decoded, Field("leaving"), Field("returning")) == {
        "leaving": "2",
        "returning": "20",
    }


def test_what_the_model_is_sure_of_stays() -> None:
    decoded = pointing({"20": 0.99}, {"20": 0.99}, presence=[0.99, 0.99])
    assert read(decoded, Field("from"), Field("to")) == {"from": "20", "to": "20"}


def test_a_third_argument_keeps_its_words() -> None:
    """The one that must move does not take what another one has."""
    decoded = pointing(
        {"20": 0.6, "2": 0.3, "on": 0.1}, {"20": 0.9}, {"2": 0.9}, presence=[1.0] * 3
    )
    found = read(decoded, Field("a"), Field("b"), Field("c"))
    assert found == {"a": "on", "b": "20", "c": "2"}


def test_listed_values_may_be_the_same_but_numbers_not() -> None:
    words = Place(0, 3, 11)

    def reading(text: str, choice: int = 1) -> Reading:
        return Reading(FieldValue(Field("n"), 0.9, text, text, words, choice), words)

    def nothing(cost: float) -> Any:
        return lambda: iter([Reading(FieldValue(Field("n"), 0.1, "", None), None, cost)])

    def texts(text: str, *choices: int) -> list[str]:
        found = told_apart([reading(text, each) for each in choices], [nothing(1.0), nothing(0.5)])
        return [each.text for each in found]

    assert texts("checking", 0, 1) == ["checking", "checking"]
    assert texts("2", 0, 1) == ["2", ""]
    assert texts("checking", 0, -1) == ["checking", ""]


@given(st.lists(st.tuples(st.integers(0, 3), st.floats(0.0, 2.9)), min_size=1, max_size=6))
def test_no_two_are_left_on_the_same_words(arguments: list[tuple[int, float]]) -> None:
    """Whatever was decoded, if another reading is likely enough."""
    places = [Place(0, 5 * place, 5 * place + 4) for place, _ in arguments]
    decoded = [Reading(FieldValue(Field("n"), 0.9, "word", "word", each), each) for each in places]
    absent = FieldValue(Field("n"), 0.2, "", None)
    others = [(lambda cost=cost: [Reading(absent, None, cost)]) for _, cost in arguments]
    found = told_apart(decoded, others)
    kept = [value.place for value in found if value.place]
    assert not any(one == other for one, other in combinations(kept, 2))
    assert set(kept) == set(places)
