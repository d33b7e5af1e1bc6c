"""Values are read off exactly, and are what the tool's schema allows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from trm_engine.data.catalogue.schema import ParameterSchema
from trm_engine.data.declared import Declarations
from trm_engine.data.field import Field
from trm_engine.data.labels import Labels
from trm_engine.data.samples import Turn
from trm_engine.data.spans import TokenSpans
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.inference.arguments import read_arguments
from trm_engine.inference.decoding import Alternatives, Decoded
from trm_engine.inference.field_value import FieldValue
from trm_engine.inference.token_texts import TokenTexts
from trm_engine.inference.values import (
    argument_values,
    missing_arguments,
    read_slots,
    slot_values,
)
from trm_engine.runs.schema.answers import Place

VALUES = [
    "0901234567",
    "An Nguyễn",
    "李小龙",
    "Jo 😀",
    "Zoë O'Neil",
    "a\tb  c",
    "555-0199",
    "12:30",
]


@pytest.mark.parametrize("value", VALUES)
def test_values_are_read_off_exactly(tokenizer: TRMTokenizer, value: str) -> None:
    turns = [
        Turn(role="system", content="Be kind."),
        Turn(role="user", content=f"so:  {value} , please\n({value})"),
        Turn(role="tool_response", content={"id": value}),
    ]
    encoding = tokenizer.encode_turns(turns)
    texts = TokenTexts(
        [turn.text() for turn in turns], encoding.turns, encoding.begins, encoding.ends
    )
    spans = TokenSpans(turns, encoding).find(value)
    assert len(spans) == 2
    for span in spans:
        assert texts.text(np.array(span)) == value


def test_there_is_no_text_where_there_is_no_span() -> None:
    texts = TokenTexts(["ab"], np.array([-1, 0]), np.array([0, 0]), np.array([0, 2]))
    assert texts.text(np.array([-1, -1])) == ""
    assert texts.text(np.array([0, 1])) == ""
    assert texts.text(np.array([1, 1])) == "ab"


def test_a_word_is_whole_from_any_of_its_tokens_on() -> None:
    """sav|ings|.| my|sav and a turn's last word."""
    texts = TokenTexts(
        ["savings. my", "sav"],
        np.array([-1, 0, 0, 0, 0, 0, 1, 1]),
        np.array([0, 0, 0, 3, 7, 9, 0, 0]),
        np.array([0, 0, 3, 7, 8, 11, 0, 3]),
    )
    words = [texts.word(token) for token in (2, 3, 4, 5, 7)]
    assert words == [
        Place(0, 0, 7), Place(0, 3, 7), Place(0, 7, 8), Place(0, 9, 11), Place(1, 0, 3),
    ]  # fmt: skip
    assert texts.word(0) is None
    assert texts.word(-1) is None


def decoded_of(spans: list[tuple[int, int]], **changes: np.ndarray) -> Decoded:
    """One sample with these spans for its slots and its arguments alike."""
    count = len(spans)
    plain = Decoded(
        decision=np.ones(1),
        q=np.ones(1),
        tools=np.ones((1, 1)),
        next_tools=np.ones((1, 1)),
        slot_presence=np.ones((1, count)),
        slot_spans=np.array([spans]),
        slot_choices=np.zeros((1, count), int),
        arg_presence=np.ones((1, count)),
        arg_spans=np.array([spans]),
        arg_choices=np.zeros((1, count), int),
        missing_penalty=np.zeros((1, count)),
        arg_spans_right=np.ones((1, count)),
        arg_choices_right=np.ones((1, count)),
    )
    return replace(plain, **changes)


def test_missing_arguments_are_those_that_take_off_enough_the_most_first() -> None:
    fields = (Field("city"), Field("date"), Field("name"), Field("phone"))
    labels = Labels(("call", "find"), ((3,), (0, 1, 2)), (), fields)
    decoded = decoded_of([(0, 0)] * 4, missing_penalty=np.array([[1.0, 4.5, 0.99, 9.0]]))
    assert list(missing_arguments(decoded, 0, 1, labels).items()) == [("date", 4.5), ("city", 1.0)]


def test_slots_and_arguments_as_text() -> None:
    texts = TokenTexts(
        ["is it red"], np.array([-1, 0, 0, 0]), np.array([0, 0, 3, 6]), np.array([0, 2, 5, 9])
    )
    fields = (Field("colour"), Field("plan", "choice", ("basic", "more")), Field("absent"))
    labels = Labels(("paint", "stop"), ((0, 1, 2), ()), fields, fields)
    presence = np.array([[0.9, 0.6, 0.5]])
    decoded = decoded_of(
        [(3, 3), (1, 1), (2, 2)],
        slot_presence=presence,
        arg_presence=presence,
        slot_choices=np.array([[0, 1, 0]]),
        arg_choices=np.array([[0, 0, 0]]),
    )
    assert slot_values(decoded, 0, labels, texts) == {"colour": "red", "plan": "more", "absent": ""}
    assert arguments(decoded, labels, texts) == {"colour": "red", "plan": "basic"}
    assert arguments(decoded, labels, texts, tool=1) == {}


def test_values_come_with_the_places_they_were_read_off() -> None:
    texts = TokenTexts(
        ["is it", "a red one"],
        np.array([-1, 0, 0, 1, 1, 1, 1]),
        np.array([0, 0, 3, 0, 0, 2, 6]),
        np.array([0, 2, 5, 0, 1, 5, 9]),
    )
    fields = (Field("colour"), Field("plan", "choice", ("basic", "more")), Field("none"))
    labels = Labels(("paint",), ((0, 2),), fields, fields)
    decoded = decoded_of(
        [(5, 6), (2, 2), (-1, -1)],
        slot_presence=np.array([[0.75, 0.5, 0.25]]),
        slot_choices=np.array([[0, 1, 0]]),
    )
    colour, plan, none = read_slots(decoded, 0, labels, texts)
    assert (colour.text, colour.place, colour.choice) == ("red one", Place(1, 2, 9), -1)
    assert (plan.text, plan.place, plan.choice) == ("more", Place(0, 3, 5), 1)
    assert not plan.is_present
    assert (none.text, none.place, none.presence) == ("", None, 0.25)
    assert [value.field for value in read_arguments(decoded, 0, 0, labels, texts, {})] == [
        fields[0],
        fields[2],
    ]


# --- limits -------------------------------------------------------------------------------------

WORDS = ["-", "room", "for", "20", "people", "or", "2", "on", "2024-02-01"]
"""The first one stands for BOS: a value there stands nowhere."""


def said() -> TokenTexts:
    """The words as tokens of one turn."""
    ends = np.cumsum([len(word) + 1 for word in WORDS]) - 1
    begins = np.r_[0, ends[:-1] + 1]
    turns = np.array([-1, *[0] * (len(WORDS) - 1)])
    return TokenTexts([" ".join(WORDS)], turns, begins, ends)


def liking(*words: str, choices: list[float] | None = None) -> Decoded:
    """One argument whose likeliest spans are these words, in this order."""
    logits = np.full((1, 1, len(WORDS)), -9.0)
    for rank, word in enumerate(words):
        logits[0, 0, WORDS.index(word)] = -float(rank)
    best = WORDS.index(words[0])
    values = np.array([[choices or [0.0]]])
    decoded = decoded_of([(best, best)], arg_choices=values.argmax(-1))
    turns = np.array([[-1, *[0] * (len(WORDS) - 1)]])
    return replace(decoded, alternatives=Alternatives(logits, logits, turns, values, 4))


def read(field: Field, decoded: Decoded, declared: ParameterSchema | None = None) -> FieldValue:
    labels = Labels(("book",), ((0,),), (), (field,))
    declarations: Declarations = {field.name: declared} if declared else {}
    [value] = read_arguments(decoded, 0, 0, labels, said(), declarations)
    return value


def arguments(decoded: Decoded, labels: Labels, texts: TokenTexts, tool: int = 0) -> dict[str, Any]:
    return argument_values(read_arguments(decoded, 0, tool, labels, texts, {}))


@pytest.mark.parametrize(
    ("field", "words", "value"),
    [
        (Field("n", json_type="integer"), ["20"], 20),
        (Field("n", json_type="string"), ["20"], "20"),
        (Field("n", limits=ParameterSchema("integer")), ["people", "room", "2"], 2),
        (Field("n", limits=ParameterSchema("integer", maximum=8)), ["20", "for", "2"], 2),
        (Field("n", limits=ParameterSchema("integer", minimum=3)), ["2", "20"], 20),
        (Field("n", limits=ParameterSchema(format="date")), ["20", "2024-02-01"], "2024-02-01"),
        (Field("n", limits=ParameterSchema(pattern="^pe")), ["room", "people"], "people"),
        (Field("n", limits=ParameterSchema(enum=("PEOPLE",))), ["room", "people"], "PEOPLE"),
        (Field("n", limits=ParameterSchema(enum=(2, 4))), ["20", "2"], 2),
        (Field("n", limits=ParameterSchema("boolean")), ["room", "20"], None),
        (Field("n", limits=ParameterSchema("integer")), ["room", "-", "20"], None),
    ],
)
def test_the_likeliest_valid_value_is_taken(field: Field, words: list[str], value: Any) -> None:
    found = read(field, liking(*words))
    assert found.value == value
    assert type(found.value) is type(value)
    assert found.text == ("" if value is None else str(value))
    assert found.is_lacking == (value is None)
    assert (found.place is None) == (value is None)


def test_what_the_conversations_own_tool_says_counts_more() -> None:
    field = Field("n", limits=ParameterSchema("integer", minimum=10), json_type="integer")
    decoded = liking("2", "20")
    assert read(field, decoded).value == 20
    assert read(field, decoded, ParameterSchema("integer")).value == 2
    assert read(field, decoded, ParameterSchema("string")).value == "2"
    ignoring = replace(field, ignored=("minimum",))
    assert read(ignoring, decoded, ParameterSchema("integer", minimum=10)).value == 2


def test_a_choice_is_among_those_that_the_schema_allows() -> None:
    field = Field("n", "choice", ("small", "large", "huge"))
    decoded = liking("20", choices=[3.0, 1.0, 2.0])
    assert read(field, decoded).value == "small"
    assert read(field, decoded, ParameterSchema(enum=("LARGE", "HUGE"))).value == "HUGE"
    assert read(field, decoded, ParameterSchema(enum=("LARGE", "HUGE"))).choice == 2
    assert read(field, decoded, ParameterSchema(enum=(20,))).value == 20
    assert read(field, decoded, ParameterSchema(enum=("new",))).value is None


def test_an_absent_argument_is_not_searched_for() -> None:
    field = Field("n", limits=ParameterSchema("integer"))
    decoded = replace(liking("room", "20"), arg_presence=np.array([[0.4]]))
    assert read(field, decoded).value is None
    assert not read(field, decoded).is_lacking


def test_what_stands_nowhere_is_missing_and_not_in_the_call() -> None:
    labels = Labels(("book",), ((0, 1),), (), (Field("n", json_type="integer"), Field("m")))
    decoded = decoded_of([(0, 0), (4, 4)], missing_penalty=np.array([[0.25, 0.5]]))
    values = read_arguments(decoded, 0, 0, labels, said(), {})
    assert argument_values(values) == {"m": "people"}
    assert missing_arguments(decoded, 0, 0, labels, values) == {"n": 0.25}
    assert missing_arguments(decoded, 0, 0, labels) == {}
