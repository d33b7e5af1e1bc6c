"""Values: equal however they are spelled, found where they stand, nested by path."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trm_engine.data.values import (
    find_value,
    flatten,
    folded,
    is_empty,
    meaning,
    parse_path,
    read_number,
    same_text,
    same_value,
    unflatten,
    value_text,
)
from trm_engine.data.values.folding import fold

ODD = "abßİŉ ﬁ北Σς１２٣4½²ガ\u0301\u0327\u200b\u200d\u00a0\n\t\u2019'`\"“«»–-"
ODD += "\u1100\u1161\u11a8\uff76\uff9e"
texts = st.text(ODD) | st.text(max_size=20)


# --- folding ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" Straße ", "STRASSE\n"),
        ("Joe’s", "joe's"),
        ("Joe`s", "Joe´s"),
        ("“An”", '"An"'),
        ("«An»", '"An"'),
        ("10–12", "10-12"),
        ("New\u00a0York", "new york"),
        ("New \r\n  York", "New York"),
        ("a\u3000b", "a b"),
        ("Nguye\u0302\u0303n", "Nguyễn"),
        ("An\u200bna\ufeff", "Anna"),
        ("soft\u00adware", "software"),
        ("ＡＢＣ１２", "abc12"),
        ("ﬁne…", "fine..."),
        ("٣", "3"),
        ("ΟΔΟΣ", "οδος"),
        ("ｶﾞ", "ガ"),
        ("각", "\u1100\u1161\u11a8"),
        ("❤️", "❤"),
        ("10 pm", "10pm"),
        ("7:30\u00a0AM", "7:30am"),
        ("5 km and 20 m", "5 km and 20 m"),
    ],
)
def test_spellings_of_one_text_are_equal(one: str, other: str) -> None:
    assert same_text(one, other)
    assert same_value(one, other)
    assert find_value(f"so: {one}, then", other) != ()
    assert find_value(f"so: {other.strip()}, then", one) != ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("An Nguyen", "AnNguyen"),
        ("ılık", "ilik"),
        ("re-do", "redo"),
        ("é", "e"),
        ("1 e3", "1e3"),
        ("1 2", "12"),
        ("a 1", "a1"),
    ],
)
def test_other_texts_are_not(one: str, other: str) -> None:
    assert not same_text(one, other)
    assert find_value(one, other) == ()


@given(texts)
@example("e\u200b\u0301")
@example(" \u0301")
def test_offsets_lead_back_to_what_was_folded(text: str) -> None:
    within = fold(text)
    if within.begins is None or within.ends is None:
        assert len(within.text) == len(text)
        return
    assert len(within.text) == len(within.begins) == len(within.ends)
    assert all(begin < end for begin, end in zip(within.begins, within.ends, strict=True))
    pieces = list(dict.fromkeys(zip(within.begins, within.ends, strict=True)))
    assert all(one[1] <= other[0] for one, other in pairwise(pieces))
    assert "".join(fold(text[slice(*piece)]).text for piece in pieces) == within.text


@given(st.text("aB é\u0301ñ’'“北Ж\u00a0-–", max_size=12))
def test_a_text_is_folded_alike_with_offsets_and_without(text: str) -> None:
    plain, marked = fold(text), fold(f"{text}\u200b\u200b")
    assert marked.begins is not None
    assert plain.text == marked.text


@given(texts)
def test_outer_spaces_say_nothing(text: str) -> None:
    assert folded(text) == folded(f"\n{text} \u00a0")


@given(st.text(st.characters(exclude_categories=["Cs", "Cf"]), max_size=8))
def test_decomposed_text_is_equal(text: str) -> None:
    assert same_text(text, unicodedata.normalize("NFD", text))


# --- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12.50", "12.5"),
        ("1,200", "1200"),
        ("1,234,567.80", "1234567.8"),
        ("12,34,567", "1234567"),
        ("+5", "5"),
        ("-5.0", "-5"),
        ("−5", "-5"),
        ("1e3", "1000"),
        ("2.5E-1", "0.25"),
        (".5", "0.5"),
        ("0", "0"),
        ("0.10", "0.1"),
        ("Two", "2"),
        ("twelve", "12"),
        ("１２", "12"),
        ("9" * 40, "9" * 40),
    ],
)
def test_what_is_a_number(text: str, number: str) -> None:
    assert read_number(text) == Decimal(number)
    assert same_value(text, int(number) if number.lstrip("-").isdigit() else float(number))


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "0901",
            "00",
            "-",
            "+",
            ".",
            "e3",
            "1e",
            "1,2",
            "1,20",
            "12,5",
            "1.2.3",
            "2024-02-01",
        ),
        *("10:30", "5pm", "v2", "twenty", "1e999", "9" * 65, "1_000", "0x10", "nan", "10²", "½"),
    ],
)
def test_what_is_none(text: str) -> None:
    assert read_number(text) is None
    assert same_value(text, text)


@pytest.mark.parametrize(
    ("text", "value", "found"),
    [
        ("pay 12.50 euros", 12.5, ["12.50"]),
        ("pay $12.50.", 12.5, ["12.50"]),
        ("pay 1,200 or 1200, or 1200.00", 1200, ["1,200", "1200", "1200.00"]),
        ("5 and 5.0 and +5", 5.0, ["5", "5.0", "+5"]),
        ("a table for two", 2, ["two"]),
        ("that one, for 1", 1, ["1"]),
        ("Two bedrooms", 2, ["Two"]),
        ("a two-bedroom flat", 2, ["two"]),
        ("twenty-two, two hundred, two thousand", 2, []),
        ("on 2024-02-01 at 2:30, 2/3, v2, 2.1.0 and 2nd", 2, []),
        ("1 2 3", 2, ["2"]),
        ("1,2,3", 2, ["2"]),
        ("2,5", 2, []),
        ("it is -5 or 3-5 or room-5", -5, ["-5"]),
        ("room-5", 5, ["5"]),
        ("about .5 of it", 0.5, [".5"]),
        ("call 0901", 901, []),
        ("10² is 100", 102, []),
        ("٣ places", 3, ["٣"]),
        ('{"price":12.50}', 12.5, ["12.50"]),
        ("5%", 5, ["5"]),
        ("it is 1e3", 1000, ["1e3"]),
        ("5", True, []),
        ("9" * 10_000, 9, []),
    ],
)
def test_numbers_are_found_however_they_are_written(
    text: str, value: Any, found: list[str]
) -> None:
    assert [text[begin:end] for begin, end in find_value(text, value)] == found


def test_text_that_is_a_number_is_found_as_text_first() -> None:
    text = "12.5, not 12.50"
    assert find_value(text, "12.50") == ((10, 15),)
    assert find_value("it is 12.5", "12.50") == ((6, 10),)
    assert find_value("it is 12.5", "12.50", "string") == ()


numbers = st.integers(-(10**12), 10**12) | st.decimals(
    allow_nan=False, allow_infinity=False, places=3, min_value=-(10**6), max_value=10**6
).map(float)


def spellings(number: int | float) -> list[Any]:
    """Ways to write a number."""
    plain = f"{Decimal(repr(number)):f}"
    zeros = f"{plain}00" if "." in plain else f"{plain}.00"
    grouped = f"{Decimal(repr(number)):,f}"
    return [number, float(number), plain, zeros, grouped, plain.replace("-", "−"), f" {plain}"]


@given(numbers)
def test_every_spelling_of_a_number_is_equal_and_found(number: int | float) -> None:
    ways = spellings(number)
    assert len({meaning(way) for way in ways}) == 1
    for way in ways:
        if isinstance(way, str):
            text = f"so {way.strip()} it is"
            assert find_value(text, number) == ((3, 3 + len(way.strip())),)


scalars = (
    numbers | st.booleans() | texts | st.sampled_from(["two", "2", "2.0", "TWO", "0901", "901"])
)
nested: st.SearchStrategy[Any] = st.recursive(
    scalars | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(".[]\\ab", max_size=3), inner)
    ),
    max_leaves=8,
)


@given(nested, nested, nested, st.sampled_from([None, "string", "number", "boolean", "json"]))
def test_equality_is_an_equivalence(one: Any, two: Any, three: Any, kind: Any) -> None:
    assert same_value(one, one, kind)
    assert same_value(one, two, kind) == same_value(two, one, kind)
    if same_value(one, two, kind) and same_value(two, three, kind):
        assert same_value(one, three, kind)


def test_types_decide_what_text_means() -> None:
    assert same_value("5", 5.0)
    assert not same_value("1.10", "1.1", "string")
    assert not same_value("0901", 901)
    assert not same_value("true", True)
    assert same_value("True", True, "boolean")
    assert not same_value("yes", True, "boolean")
    assert not same_value(True, 1)
    assert same_value([1, {"a": "B"}], [1.0, {"a": "b"}])
    assert not same_value([1, 2], [2, 1])
    assert same_value(float("inf"), float("inf"))


def test_deep_values_are_compared_as_text() -> None:
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert same_value(deep, deep)


# --- search -------------------------------------------------------------------------------------


@given(st.text(ODD, max_size=12), st.text(ODD, min_size=1, max_size=3))
def test_what_is_found_is_the_value_and_does_not_overlap(text: str, value: str) -> None:
    spans = find_value(text, value, "string")
    assert all(same_text(text[begin:end], value) for begin, end in spans)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))


@pytest.mark.parametrize("value", [None, "", "  ", "\u200b", [], {}])
def test_nothing_stands_nowhere(value: Any) -> None:
    assert find_value("anything ''  [] {}", value, "string") == () or value in ([], {})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (" An\n", "An"),
        ("  ", ""),
        (True, "true"),
        (0, "0"),
        (2.5, "2.5"),
        ([1, "é"], '[1,"é"]'),
        ({"a": {"b": None}}, '{"a":{"b":null}}'),
    ],
)
def test_every_value_has_a_text(value: Any, text: str) -> None:
    assert value_text(value) == text


def test_empty_values() -> None:
    assert all(map(is_empty, (None, "", " \n", [], {})))
    assert not any(map(is_empty, (0, False, "x", [None], {"a": None}, "[]")))


# --- paths --------------------------------------------------------------------------------------


def test_nested_arguments_by_path() -> None:
    arguments = {"a": {"b": 1}, "c": ["x", {"d": True}], "e": {}, "f": [], "g.h": None, "": [[2]]}
    flat = {"a.b": 1, "c[0]": "x", "c[1].d": True, "e": {}, "f": [], r"g\.h": None, "[0][0]": 2}
    assert flatten(arguments) == flat
    assert unflatten(flat) == arguments
    assert parse_path(r"g\.h[3].x") == ["g.h", 3, "x"]


@given(st.dictionaries(st.text(".[]\\a0", max_size=4), nested, max_size=4))
def test_arguments_survive_flattening(arguments: dict[str, Any]) -> None:
    flat = flatten(arguments)
    assert unflatten(flat) == arguments
    assert list(unflatten(flat)) == list(arguments)


def test_deep_and_long_values_stand_for_themselves() -> None:
    long = list(range(1000))
    deep: Any = 1
    for _ in range(500):
        deep = {"a": deep}
    arguments = {"long": long, "deep": deep}
    assert flatten(arguments)["long"] == long
    assert len(flatten(arguments)) == 2
    assert unflatten(flatten(arguments)) == arguments


def test_items_without_a_value_are_left_out_of_their_array() -> None:
    assert unflatten({"c[2]": "z", "c[0]": "x"}) == {"c": ["x", "z"]}


@given(st.lists(st.sampled_from(["a", "a.b", "a[0]", "a[1].c", "a.b.c", "b", "[0]", ""])))
def test_contradictory_paths_are_left_out(paths: list[str]) -> None:
    built = unflatten(dict.fromkeys(paths, 1))
    assert flatten(built).items() <= dict.fromkeys(paths, 1).items() or "a[1].c" in paths


@pytest.mark.parametrize("path", ["a[", "a[x]", "a]]\\", "a[0]b"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a path"):
        parse_path(path)
