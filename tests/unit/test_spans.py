"""Spans: a value is found where it stands as words of its own, and nowhere else."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trm_engine.data.samples import Turn
from trm_engine.data.spans import MAX_OCCURRENCES, TokenSpans, is_verbatim
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.data.values import find_value


def said(*texts: str, role: str = "user") -> list[Turn]:
    return [Turn(role=role, content=text) for text in texts]


def found(tokenizer: TRMTokenizer, history: list[Turn], value: str) -> list[tuple[int, str]]:
    """Turn and text of each span found."""
    encoding = tokenizer.encode_turns(history, 10_000)
    places = []
    for start, end in TokenSpans(history, encoding).find(value):
        turn = int(encoding.turns[start])
        assert turn == encoding.turns[end]
        text = history[turn].text()[encoding.begins[start] : encoding.ends[end]]
        places.append((turn, text))
    return places


@pytest.mark.parametrize(
    ("text", "value", "spans"),
    [
        ("call An now", "An", [(5, 7)]),
        ("Anna, Joan and Ann", "An", []),
        ("an AN An", "An", [(0, 2), (3, 5), (6, 8)]),
        ("(An)", "An", [(1, 3)]),
        ("An_2", "An", [(0, 2)]),
        ("12 and 123 and 12", "12", [(0, 2), (15, 17)]),
        ("3.12", "12", [(2, 4)]),
        ("a1", "1", []),
        ("NGUYỄN Văn", "nguyễn văn", [(0, 10)]),
        ("aa a a", "a a", [(3, 6)]),  # the first "a a" ends a word
        ("312 12 12", "12 12", [(4, 9)]),
        ("我住在北京市", "北京", [(3, 5)]),
        ("哈哈哈", "哈哈", [(0, 2)]),
        ("北京Beijing北京", "beijing", [(2, 9)]),
        ("ชื่อสมชายครับ", "สมชาย", [(4, 9)]),
        ("서울에 살아요", "서울", [(0, 2)]),
        ("go 😀 now😀", "😀", [(3, 4), (8, 9)]),
        ("a+b (c)", "(c)", [(4, 7)]),
        ("a.c abc", "a.c", [(0, 3)]),
        ("new\nline", "new line", [(0, 8)]),
        ("ılık", "ilik", []),
        ("Straße", "strasse", [(0, 6)]),
        ("Straße", "stras", []),
        ("Nguye\u0302\u0303n", "nguye", []),
        ("नमस्ते जी", "नमस्ते", [(0, 6)]),
        ("नमस्ते जी", "नमस", []),
        ("short", "longer than it", []),
        ("", "x", []),
        ("anything", "", []),
    ],
)
def test_values_are_found_at_word_borders(
    text: str, value: str, spans: list[tuple[int, int]]
) -> None:
    assert find_value(text, value) == tuple(spans)


@given(text=st.text("ab 1.北"), value=st.text("aB 1.北", min_size=1, max_size=3))
def test_a_word_is_found_where_it_stands(text: str, value: str) -> None:
    spans = find_value(text, value)
    assert all(earlier[1] <= later[0] for earlier, later in pairwise(spans))
    words = f" {text} ".lower().split(" ")
    if " " not in value and value.lower() in words:
        assert spans


def test_verbatim_is_what_somebody_said() -> None:
    history = [
        *said("it is 0901"),
        Turn(role="tool_response", content={"plan": "basic"}),
        *said("You are An?", role="assistant"),
    ]
    assert is_verbatim(history, "0901")
    assert is_verbatim(history, "an")
    assert not is_verbatim(history, "basic")
    assert not is_verbatim(history, "090")


def test_spans_stand_in_what_the_user_said_before_others_and_tools(
    tokenizer: TRMTokenizer,
) -> None:
    history = [
        *said("my number is 0901"),
        *said("0901, and 55?", role="assistant"),
        Turn(role="tool_response", content={"phone": "0901", "id": 77}),
    ]
    assert found(tokenizer, history, "0901") == [(0, "0901")]
    assert found(tokenizer, history, "55") == [(1, "55")]
    assert found(tokenizer, history, "77") == [(2, "77")]
    assert found(tokenizer, history, "78") == []


def test_the_newest_occurrences_are_kept(tokenizer: TRMTokenizer) -> None:
    history = said(*[f"{number} : 55" for number in range(12)])
    places = found(tokenizer, history, "55")
    assert [turn for turn, _ in places] == list(range(12))[-MAX_OCCURRENCES:]


def test_case_and_inner_spaces(tokenizer: TRMTokenizer) -> None:
    history = said("I am AN NGUYỄN.", "an  nguyễn", "An Nguyễnx")
    assert found(tokenizer, history, "An Nguyễn") == [(0, "AN NGUYỄN"), (1, "an  nguyễn")]


def test_a_value_of_bytes_that_the_tokenizer_never_saw(tokenizer: TRMTokenizer) -> None:
    history = said("tên ตี๋ 😎ok 𝒳")
    assert found(tokenizer, history, "ตี๋") == [(0, "ตี๋")]
    assert found(tokenizer, history, "😎") == [(0, "😎")]
    assert found(tokenizer, history, "𝒳") == [(0, "𝒳")]


def test_turns_that_were_cut_off_are_not_searched(tokenizer: TRMTokenizer) -> None:
    history = said("first 0901", "and then a long story " * 3, "last 77")
    encoding = tokenizer.encode_turns(history, 16)
    spans = TokenSpans(history, encoding)
    assert spans.find("0901") == []
    assert len(spans.find("77")) == 1
