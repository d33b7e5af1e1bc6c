"""Tokenizer: nothing is lost, offsets are exact, markers cannot be forged, truncation is fair."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
import sentencepiece as spm
from hypothesis import given
from hypothesis import strategies as st

from tests.mutations import mutate
from tests.support import dialogues, rounds, write_jsonl
from trm_engine.data.samples import Turn
from trm_engine.data.spans import TokenSpans
from trm_engine.data.tokenizer import MIN_VOCAB_SIZE, NO_TURN, Encoding, TRMTokenizer
from trm_engine.data.values import find_value, same_text
from trm_engine.errors import DataError, TokenizerError
from trm_engine.vocabulary import (
    BEGINS_WORD,
    BOS_ID,
    CAPITALISED,
    ENDS_WORD,
    EOS_ID,
    FIRST_MARKER_ID,
    MARKERS,
    MASK_ID,
    MASK_TOKEN,
    PAD_ID,
    ROLE_IDS,
    ROLES,
    TOOL_ROLES,
    UNK_ID,
    marker_id,
)

SPACE_MARK = "\u2581"  # how SentencePiece writes a space; it reads one as a space, too
SPECIAL_IDS = {PAD_ID, UNK_ID, BOS_ID, EOS_ID, *range(FIRST_MARKER_ID, MASK_ID + 1)}

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=SPACE_MARK))
words = st.text(
    st.characters(exclude_categories=["Cs", "Zs", "Zl", "Zp", "Cc"]), min_size=1, max_size=12
)
spaces = st.text(st.sampled_from(" \t\n\u00a0\u3000"), min_size=1, max_size=3)
turns = st.builds(
    lambda role, text: Turn(role=role, content=text),
    st.sampled_from(["user", "assistant", "system", "tool_response"]),
    texts,
)


def encoded(tokenizer: TRMTokenizer, text: str) -> Encoding:
    return tokenizer.encode_turns([{"role": "user", "content": text}], 100_000)


def covered(encoding: Encoding) -> list[tuple[int, int]]:
    """The spans of the first turn's tokens that stand for something."""
    spans = zip(encoding.begins.tolist(), encoding.ends.tolist(), strict=True)
    return [(begin, end) for begin, end in spans if end > begin]


@pytest.mark.parametrize(
    "text",
    [
        "Cho tôi hỏi về số điện thoại 0901234567 nhé",
        "我叫李小龙，住在北京市朝阳区。",
        "thanks 😀👍🏽 👨‍👩‍👧 🇻🇳",
        "a\tb\nc\r\nd",
        "  two  spaces   three ",
        "",
        " ",
        "\n",
        "e\u0301 Nguye\u0302\u0303n",
        "\x00\u00a0\u200b\ufeff\u3000",
        "<user> </s> <pad> <0x41> <mask>",
    ],
)
def test_what_is_encoded_is_decoded(tokenizer: TRMTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(texts)
def test_any_text_is_decoded(tokenizer: TRMTokenizer, text: str) -> None:
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(texts)
def test_folded_text_is_the_text_in_lower_case(folding_tokenizer: TRMTokenizer, text: str) -> None:
    folded = "".join(each.lower() if len(each.lower()) == 1 else each for each in text)
    assert folding_tokenizer.decode(folding_tokenizer.encode(text)) == folded


@pytest.mark.parametrize("folding", [False, True])
@given(text=texts)
def test_offsets_tile_the_text(
    tokenizer: TRMTokenizer, folding_tokenizer: TRMTokenizer, folding: bool, text: str
) -> None:
    encoding = encoded(folding_tokenizer if folding else tokenizer, text)
    spans = covered(encoding)
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    borders = [0, *(place for span in spans for place in span), len(text)]
    gaps = [text[begin:end] for begin, end in zip(borders[::2], borders[1::2], strict=True)]
    assert not "".join(gaps).strip()  # all that is not covered is space
    assert all(text[b:e] == text[b:e].strip() for b, e in spans)


@given(text=texts)
def test_a_token_covers_its_own_text(tokenizer: TRMTokenizer, text: str) -> None:
    encoding = encoded(tokenizer, text)
    for index, begin, end in zip(encoding.input_ids, encoding.begins, encoding.ends, strict=True):
        piece = tokenizer.piece(int(index)).lstrip(SPACE_MARK)
        if end > begin and not piece.startswith("<0x"):
            assert text[begin:end] == piece.replace(SPACE_MARK, " ").strip()


def test_case_is_folded_but_offsets_are_the_original(folding_tokenizer: TRMTokenizer) -> None:
    text = "ĐẶNG Văn  İstanbul STRASSE K Ωmega"  # the K is the Kelvin sign
    encoding = encoded(folding_tokenizer, text)
    assert "".join(text[b:e] for b, e in covered(encoding)) == text.replace(" ", "")
    same = encoded(folding_tokenizer, "đặng văn")
    assert same.input_ids[2:-1].tolist() == encoding.input_ids[2 : len(same) - 1].tolist()


@pytest.mark.parametrize("folding", [False, True])
@given(
    value=st.lists(words, min_size=1, max_size=3).map(" ".join),
    before=texts,
    after=texts,
    gap=spaces,
)
def test_a_span_is_exactly_its_value(
    tokenizer: TRMTokenizer,
    folding_tokenizer: TRMTokenizer,
    folding: bool,
    value: str,
    before: str,
    after: str,
    gap: str,
) -> None:
    text = f"{before}{gap}{value}{gap}{after}"
    history = [Turn(role="user", content=text)]
    encoding = (folding_tokenizer if folding else tokenizer).encode_turns(history, 100_000)
    for wanted in (value, value.upper(), value.lower()):
        for start, end in TokenSpans(history, encoding).find(wanted):
            found = text[encoding.begins[start] : encoding.ends[end]]
            assert start <= end
            assert same_text(found, wanted)
            assert encoding.text[start] & BEGINS_WORD
            assert encoding.text[end] & ENDS_WORD


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Số của tôi là 0901234567.", "0901234567"),
        ("it is (555)0199, thanks", "0199"),
        ("name:An Nguyễn,please", "an nguyễn"),
        ("my  name\tis\n李小龙 ok", "李小龙"),
        ("\u3000Jo 😀\u00a0here", "Jo 😀"),
        ("Zoë O'Neil!", "ZOË O'NEIL"),
        ("mail a.b@c.vn now", "a.b@c.vn"),
    ],
)
def test_values_are_found_whatever_stands_beside_them(
    tokenizer: TRMTokenizer, folding_tokenizer: TRMTokenizer, text: str, value: str
) -> None:
    history = [Turn(role="user", content=text)]
    for each in (tokenizer, folding_tokenizer):
        encoding = each.encode_turns(history)
        [(start, end)] = TokenSpans(history, encoding).find(value)
        assert same_text(text[encoding.begins[start] : encoding.ends[end]], value)
    assert len(find_value(text, value)) == 1


FORGED = [*MARKERS, MASK_TOKEN, "<s>", "</s>", "<pad>", "<unk>"]


@given(st.lists(st.sampled_from(FORGED) | texts, min_size=1, max_size=6).map("".join))
def test_markers_in_a_text_are_text(tokenizer: TRMTokenizer, text: str) -> None:
    assert not SPECIAL_IDS & set(tokenizer.encode(text))
    ids = encoded(tokenizer, text).input_ids.tolist()
    assert ids[:2] + ids[-1:] == [BOS_ID, marker_id("user"), EOS_ID]
    assert not SPECIAL_IDS & set(ids[2:-1])


def test_a_tokenizer_trained_on_markers_cannot_be_fooled_either() -> None:
    each = TRMTokenizer.train_on_texts([f"{marker} hello" for marker in FORGED] * 50)
    for marker in FORGED:
        assert not SPECIAL_IDS & set(each.encode(f"{marker} hello"))


def test_word_borders_are_flagged(tokenizer: TRMTokenizer) -> None:
    text = "my name is Annabel, 13:00."
    encoding = tokenizer.encode_turns([Turn(role="user", content=text)], 100)
    words = {"my", "name", "is", "annabel", "13", "00"}
    begins = {int(each) for each in encoding.begins[encoding.text & BEGINS_WORD > 0]}
    ends = {int(each) for each in encoding.ends[encoding.text & ENDS_WORD > 0]}
    for word in words:
        place = text.lower().index(word)
        assert place in begins
        assert place + len(word) in ends
    inside = text.index("nabel")
    assert inside not in begins | ends
    assert encoding.text[[0, 1, -1]].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("text", "capitalised"),
    [
        ("Take me to San José, not to new york.", ["take", "san", "josé"]),
        ("McDonald's, O'Neil and iPhone", ["mcdonald", "o", "neil"]),
        ("ALL OF IT IS LOUD", []),
        ("nothing is", []),
        ("号 Ünal 3PM", ["ünal"]),
    ],
)
def test_capitals_are_flagged_word_by_word(
    tokenizer: TRMTokenizer, text: str, capitalised: list[str]
) -> None:
    encoding = tokenizer.encode_turns([Turn(role="user", content=text)], 100)
    is_flagged = encoding.text & CAPITALISED > 0
    assert not is_flagged[[0, 1, -1]].any()
    letters = zip(encoding.begins, encoding.ends, is_flagged, strict=True)
    flagged = sorted({place for b, e, on in letters if on for place in range(b, e)})
    words = [range(m.start(), m.end()) for each in capitalised for m in [found(each, text)]]
    assert flagged == sorted(place for word in words for place in word)


def found(word: str, text: str) -> re.Match[str]:
    match = re.search(rf"\b{word}\b", text, re.IGNORECASE)
    assert match
    return match


def test_a_conversation_is_encoded_as_the_specification_shows(tokenizer: TRMTokenizer) -> None:
    history: list[dict[str, Any]] = [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": "Check info for 0901234567"},
        {"role": "tool_call", "content": {"name": "f", "arguments": {}}},
    ]
    result = tokenizer.encode_conversation(history, max_length=2048)
    assert list(result) == ["input_ids", "role_ids", "attention_mask"]
    ids, roles = result["input_ids"], result["role_ids"]
    assert (ids[0], ids[1], ids[-1]) == (BOS_ID, marker_id("system"), EOS_ID)
    assert len(ids) == len(roles) == len(result["attention_mask"])
    assert set(result["attention_mask"]) == {1}
    assert (roles[0], roles[-1]) == (0, 0)
    begins = [place for place, index in enumerate(ids) if index in map(marker_id, ROLES)]
    assert [roles[place] for place in begins] == [1, 0, 3]
    assert set(roles[begins[0] : begins[1]]) == {ROLE_IDS["system"]}
    assert tokenizer.decode(ids[begins[1] : begins[2]]) == "Check info for 0901234567"
    assert tokenizer.decode(ids[begins[2] :]) == '{"name":"f","arguments":{}}'


@given(history=st.lists(turns, min_size=1, max_size=6), max_length=st.integers(16, 80))
def test_truncation_keeps_what_is_newest(
    tokenizer: TRMTokenizer, history: list[Turn], max_length: int
) -> None:
    whole = tokenizer.encode_turns(history, 1_000_000)
    encoding = tokenizer.encode_turns(history, max_length)
    assert whole.dropped_tokens == whole.dropped_turns == 0
    assert len(encoding) <= max_length
    assert len(encoding) + encoding.dropped_tokens == len(whole)
    if len(whole) <= max_length:
        assert encoding.input_ids.tolist() == whole.input_ids.tolist()

    assert (encoding.input_ids[0], encoding.input_ids[-1]) == (BOS_ID, EOS_ID)
    assert (encoding.turns[0], encoding.turns[-1]) == (NO_TURN, NO_TURN)
    inside = encoding.turns[1:-1]
    kept = np.unique(inside).tolist()
    assert (np.diff(inside) >= 0).all()
    assert len(kept) + encoding.dropped_turns == len(history)

    last = len(history) - 1
    has_system = history[0].role == "system" and last > 0
    assert kept[-1] == last
    assert 0 in kept or not has_system
    middle = kept[1:] if has_system else kept
    assert middle == list(range(middle[0], last + 1))  # no turn in between is missing
    for turn in kept:
        ids = encoding.input_ids[encoding.turns == turn].tolist()
        all_ids = whole.input_ids[whole.turns == turn].tolist()
        assert ids[0] == all_ids[0] == marker_id(history[turn].role)
        if turn == last:
            assert ids[1:] == all_ids[len(all_ids) - len(ids) + 1 :]  # its newest tokens
        elif turn == 0 and has_system:
            assert ids == all_ids[: len(ids)]
        else:
            assert ids == all_ids


@given(history=st.lists(turns, min_size=1, max_size=4), max_length=st.integers(16, 200))
def test_all_arrays_of_an_encoding_agree(
    tokenizer: TRMTokenizer, history: list[Turn], max_length: int
) -> None:
    encoding = tokenizer.encode_turns(history, max_length)
    columns = (
        encoding.input_ids,
        encoding.role_ids,
        encoding.turns,
        encoding.begins,
        encoding.ends,
    )
    assert {column.shape for column in columns} == {(len(encoding),)}
    for _, role, turn, begin, end in zip(*columns, strict=True):
        if turn == NO_TURN:
            assert role == begin == end == 0
        else:
            assert role == ROLE_IDS[history[turn].role]
            assert 0 <= begin <= end <= len(history[turn].text())


def test_a_large_vocabulary_is_shrunk() -> None:
    each = TRMTokenizer.train_on_texts(["xin chào các bạn"], vocab_size=32_000)
    assert MIN_VOCAB_SIZE <= each.vocab_size < 400


@pytest.mark.parametrize("lowercase", [False, True])
@pytest.mark.parametrize(
    "text", ["a", "北", "北京市", "😀", "1", ".", "\u200b", SPACE_MARK, "<user>"]
)
def test_a_tiny_text_is_enough(text: str, lowercase: bool) -> None:
    each = TRMTokenizer.train_on_texts([text], lowercase=lowercase)
    assert each.vocab_size >= MIN_VOCAB_SIZE
    assert each.decode(each.encode("ab 北京 😀\n")) == "ab 北京 😀\n"
    assert len(encoded(each, "")) == 3


def test_training_is_deterministic(data_file: Path, tmp_path: Path) -> None:
    first = TRMTokenizer.train(data_file, tmp_path / "deep" / "one", vocab_size=400)
    second = TRMTokenizer.train([data_file], tmp_path / "two", vocab_size=400)
    assert first.fingerprint == second.fingerprint
    assert TRMTokenizer(tmp_path / "deep" / "one.model").fingerprint == first.fingerprint
    assert TRMTokenizer(first.model_bytes).encode("chào") == first.encode("chào")
    assert first.vocab_size <= 400
    other = TRMTokenizer.train_on_texts(["something else"])
    assert other.fingerprint != first.fingerprint


def test_a_tokenizer_can_be_sent_to_another_process(tokenizer: TRMTokenizer) -> None:
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.fingerprint == tokenizer.fingerprint
    assert again.encode("xin chào") == tokenizer.encode("xin chào")


def test_values_borders_are_token_borders(tokenizer: TRMTokenizer) -> None:
    pieces = [tokenizer.piece(index) for index in range(MASK_ID + 1 + 256, tokenizer.vocab_size)]
    for piece in pieces:
        letters = piece.replace(SPACE_MARK, "")
        assert sum(each.isdigit() for each in letters) == 0 or len(letters) == 1
        assert letters.isalnum() or not any(each.isalnum() for each in letters)
        assert SPACE_MARK not in piece[1:].rstrip(SPACE_MARK)


def test_text_files_train_too(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("xin chào\n\n", encoding="utf-8")
    write_jsonl(tmp_path / "b.jsonl", dialogues(1))
    both = TRMTokenizer.train([tmp_path / "a.txt", tmp_path / "b.jsonl"], str(tmp_path / "both"))
    assert both.decode(both.encode("chào")) == "chào"


def trained(folder: Path, **options: Any) -> Path:
    prefix = folder / "foreign"
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter([turn["content"] for turn in dialogues(1)[0]["history"]]),
        model_prefix=str(prefix),
        hard_vocab_limit=False,
        minloglevel=2,
        **options,
    )
    return prefix.with_suffix(".model")


def test_a_tokenizer_with_other_ids_is_refused(tmp_path: Path) -> None:
    path = trained(tmp_path, vocab_size=400, byte_fallback=True)
    with pytest.raises(TokenizerError) as caught:
        TRMTokenizer(path)
    assert str(caught.value) == (
        f"{path}: id 0 is '<unk>', expected '<pad>'; "
        "leave out tokenizer_path to have a fitting one trained"
    )


def test_a_tokenizer_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"foreign\.model: too small, \d+ pieces, at least"):
        TRMTokenizer(trained(tmp_path, vocab_size=40))


@pytest.mark.parametrize("content", [b"", b"no model", b"\x00" * 100])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.model"
    path.write_bytes(content)
    with pytest.raises(TokenizerError, match=r"x\.model: "):
        TRMTokenizer(path)


def test_a_truncated_model_is_refused(tmp_path: Path, tokenizer: TRMTokenizer) -> None:
    with pytest.raises(TokenizerError, match="tokenizer: "):
        TRMTokenizer(tokenizer.model_bytes[: len(tokenizer.model_bytes) // 3])


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match=r"none\.model: cannot be read: No such file"):
        TRMTokenizer(tmp_path / "none.model")


def test_what_cannot_be_trained_on_is_told(tmp_path: Path, data_file: Path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"caf\xe9\n")
    (tmp_path / "file").touch()
    with pytest.raises(TokenizerError, match="no text to train a tokenizer on"):
        TRMTokenizer.train_on_texts(["", " \n", "\0"])
    with pytest.raises(
        TokenizerError, match=f"vocab_size 100 is too small: at least {MIN_VOCAB_SIZE}"
    ):
        TRMTokenizer.train_on_texts(["a"], vocab_size=100)
    with pytest.raises(TokenizerError, match="too small for the characters of this text"):
        TRMTokenizer.train_on_texts(["".join(map(chr, range(0x4E00, 0x5000)))], vocab_size=300)
    with pytest.raises(TokenizerError, match=r"bad\.txt: not UTF-8 text"):
        TRMTokenizer.train(tmp_path / "bad.txt", tmp_path / "x")
    with pytest.raises(TokenizerError, match=r"none\.txt: cannot be read: No such file"):
        TRMTokenizer.train(tmp_path / "none.txt", tmp_path / "x")
    with pytest.raises(DataError, match=r"none\.jsonl: no such file"):
        TRMTokenizer.train(tmp_path / "none.jsonl", tmp_path / "x")
    with pytest.raises(TokenizerError, match=r"x\.model: cannot be written"):
        TRMTokenizer.train(data_file, tmp_path / "file" / "x")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.txt", "file"]


def test_what_ends_the_texts_early_is_told_as_it_is() -> None:
    def texts() -> Iterator[str]:
        yield "a line of text"
        raise KeyError("asked to stop")

    with pytest.raises(KeyError, match="asked to stop"):
        TRMTokenizer.train_on_texts(texts(), vocab_size=300)


@given(history=st.lists(turns, min_size=1, max_size=6), limit=st.integers(1, 12))
def test_a_limit_for_tool_turns_cuts_their_ends_only(
    tokenizer: TRMTokenizer, history: list[Turn], limit: int
) -> None:
    whole = tokenizer.encode_turns(history, 1_000_000)
    encoding = tokenizer.encode_turns(history, 1_000_000, limit)
    assert whole.cut_tokens == encoding.dropped_tokens == 0
    assert len(encoding) + encoding.cut_tokens == len(whole)
    for index, turn in enumerate(history):
        kept, everything = encoding.turns == index, np.flatnonzero(whole.turns == index)
        if turn.role in TOOL_ROLES:
            everything = everything[:limit]
        for one, other in zip(columns_of(encoding), columns_of(whole), strict=True):
            assert one[kept].tolist() == other[everything].tolist()


def columns_of(encoding: Encoding) -> tuple[np.ndarray, ...]:
    return encoding.input_ids, encoding.role_ids, encoding.begins, encoding.ends


def test_a_mutated_model_is_read_or_refused(tokenizer: TRMTokenizer) -> None:
    for seed in range(rounds(60)):
        mutated = mutate(tokenizer.model_bytes, Random(seed))
        with suppress(TokenizerError):
            TRMTokenizer(mutated).encode_turns([{"role": "user", "content": "It is 0901 Zoë 😀"}])


def test_a_model_without_end_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(TokenizerError, match="not a file"):
            TRMTokenizer(path)
