"""Tokens of texts and conversations, and what of them is not seen."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import to_builtins

from tests.support import TOOLS, dialogues, sample
from trm_engine.data.samples import Sample, Turn
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import DataError
from trm_engine.inspection.tokens import read_conversation, token_columns, unseen
from trm_engine.vocabulary import BOS_ID, EOS_ID, ROLES, marker_id

TEXTS = ["hi", "số 0901 😀 e\u0301", "  two  words ", "", "word " * 30, "我叫李小龙", "\n"]


def turns_of(texts: list[str]) -> list[Turn]:
    roles = ("system", "user", "assistant")
    return [Turn(role=roles[index % 3], content=text) for index, text in enumerate(texts)]


def test_columns_are_those_of_the_encoding(tokenizer: TRMTokenizer) -> None:
    turns = [
        *turns_of(["Be kind.", "It is 12 😀"]),
        Turn(role="tool_response", content={"id": "é"}),
    ]
    encoding = tokenizer.encode_turns(turns)
    columns = to_builtins(token_columns(encoding, tokenizer))
    assert {len(column) for column in columns.values()} == {len(encoding)}
    assert columns["ids"] == encoding.input_ids.tolist()
    assert columns["ids"][0] == BOS_ID
    assert columns["ids"][-1] == EOS_ID
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for row in rows:
        assert row["pieces"] == tokenizer.piece(row["ids"])
        if row["turns"] == -1:
            assert (row["roles"], row["begins"], row["ends"]) == ("", -1, -1)
            continue
        turn = turns[row["turns"]]
        assert row["roles"] == turn.role
        if row["ids"] == marker_id(turn.role):
            assert (row["begins"], row["ends"]) == (-1, -1)
            assert row["pieces"] == f"<{turn.role}>"
        else:
            assert 0 <= row["begins"] <= row["ends"] <= len(turn.text())
    for index, turn in enumerate(turns):
        kept = [row for row in rows if row["turns"] == index]
        text = "".join(turn.text()[row["begins"] : row["ends"]] for row in kept[1:])
        assert text == turn.text().replace(" ", "")


@given(
    texts=st.lists(st.sampled_from(TEXTS), min_size=1, max_size=12),
    max_length=st.integers(10, 80),
)
def test_what_is_not_seen_is_what_no_token_covers(
    tokenizer: TRMTokenizer, texts: list[str], max_length: int
) -> None:
    turns = turns_of(texts)
    encoding = tokenizer.encode_turns(turns, max_length)
    stretches = unseen(texts, encoding)
    covered: list[set[int]] = [set() for _ in texts]
    columns = (encoding.turns.tolist(), encoding.begins.tolist(), encoding.ends.tolist())
    for turn, begin, end in zip(*columns, strict=True):
        if turn >= 0:
            covered[turn] |= set(range(begin, end))
    hidden: list[set[int]] = [set() for _ in texts]
    for stretch in stretches:
        hidden[stretch.turn] |= set(range(stretch.begin, stretch.end))
    for text, seen, cut in zip(texts, covered, hidden, strict=True):
        assert not seen & cut
        assert {place for place, letter in enumerate(text) if not letter.isspace()} <= seen | cut
    left_out = set(range(len(texts))) - set(encoding.turns.tolist())
    whole = {each.turn for each in stretches if each.end == len(texts[each.turn])}
    assert left_out <= whole
    assert encoding.dropped_tokens or not stretches


def test_the_beginning_of_a_long_last_turn_is_not_seen(tokenizer: TRMTokenizer) -> None:
    texts = ["before", "one " * 50 + "two"]
    encoding = tokenizer.encode_turns(turns_of(texts), 20)
    [stretch] = unseen(texts, encoding)
    assert (stretch.turn, stretch.begin) == (1, 0)
    assert texts[1][stretch.end :].startswith("one ")
    assert texts[1][stretch.end :].endswith("one two")


def test_what_is_cut_off_a_tool_turn_is_not_seen(tokenizer: TRMTokenizer) -> None:
    turn = Turn(role="tool_response", content={"rows": ["one two three"] * 5})
    encoding = tokenizer.encode_turns([turn, *turns_of(["thanks"])], max_tool_tokens=6)
    [stretch] = unseen([turn.text(), "thanks"], encoding)
    assert (stretch.turn, stretch.end) == (0, len(turn.text()))
    assert stretch.begin == encoding.ends[encoding.turns == 0].max() > 0


# --- conversations --------------------------------------------------------------------------------


def test_a_record_is_a_sample_or_a_conversation() -> None:
    record = dialogues(1)[1]
    whole = read_conversation(record)
    assert isinstance(whole, Sample)
    assert whole.tool
    bare = read_conversation({"history": record["history"]})
    assert not isinstance(bare, Sample)
    assert bare.history == whole.history
    unfinished = {**record, "tool": {}, "tools": TOOLS}
    assert not isinstance(read_conversation(unfinished), Sample)
    assert read_conversation(unfinished).tool_names == ["find_customer", "change_plan"]


@pytest.mark.parametrize(
    ("record", "said"),
    [
        ({}, "history: missing"),
        ({"history": []}, "history"),
        (sample(history=[{"role": "usr", "content": "x"}]), "did you mean 'user'"),
        (sample(history=[{"role": "user", "content": "\ud83d"}]), "half of a character"),
        (sample(history=[{"role": "tool_call", "content": "{"}]), "content of a tool_call"),
    ],
)
def test_what_is_no_conversation_is_explained(record: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_conversation(record)


def test_roles_are_those_of_the_vocabulary(tokenizer: TRMTokenizer) -> None:
    turns = [Turn(role=role, content={"name": "x", "arguments": {}}) for role in ROLES[3:]]
    columns = token_columns(tokenizer.encode_turns(turns), tokenizer)
    assert set(columns.roles) == {"", *ROLES[3:]}
