"""From a configuration to datasets: what is judged on, and whether it was trained on."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from tests.models import small_config, small_model
from tests.support import dialogues, write_jsonl
from trm_engine.config import Config
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.training.prepare import Prepared, count_parameters, prepare_data
from trm_engine.training.word_vectors import start_from_word_vectors


@pytest.fixture
def train_file(tmp_path: Path) -> Path:
    return write_jsonl(tmp_path / "train.jsonl", dialogues(20))


def prepared(train: Path, tokenizer: TRMTokenizer, **data: Any) -> Prepared:
    cache = str(train.parent / "cache")
    settings = {"train_data": str(train), "cache_dir": cache, **data}
    return prepare_data(Config.model_validate({"data": settings}), tokenizer)


def test_judging_on_the_training_data_is_warned_of(
    train_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    copy = write_jsonl(tmp_path / "copy.jsonl", reversed(dialogues(20)))
    for found in (
        prepared(train_file, tokenizer, val_data=str(train_file)),
        prepared(train_file, tokenizer, val_data=str(copy)),
        prepared(train_file, tokenizer, val_split=0.0),
    ):
        assert found.overlap == len(found.val) == 60
        [note] = found.notes
        assert note.startswith("evaluation is on the training data: all 60 validation samples")


def test_samples_that_are_in_both_are_counted_and_many_warned_of(
    train_file: Path, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    samples = dialogues(40)
    few = write_jsonl(tmp_path / "few.jsonl", samples[57:])
    many = write_jsonl(tmp_path / "many.jsonl", samples[50:])
    found = prepared(train_file, tokenizer, val_data=str(few))
    assert (found.overlap, found.notes) == (3, [])
    found = prepared(train_file, tokenizer, val_data=str(many))
    assert found.overlap == 10
    [note] = found.notes
    assert note.startswith("10 of 70 validation samples are in the training data too")


def _calling_again(path: Path, every: int) -> Path:
    """Samples whose history ends with a response; each ``every``-th one, if any, is a call."""
    samples = [
        {
            "history": [
                {"role": "user", "content": f"call {number}"},
                {"role": "tool_call", "content": {"name": "dial", "arguments": {"n": number}}},
                {
                    "role": "tool_response",
                    "content": {"line": "it is busy " * 8, "n": number},
                },
            ],
            "decision": "tool_call" if every and number % every == 0 else "direct_answer",
            "tool": {"name": "dial", "arguments": {"n": number}}
            if every and number % every == 0
            else {},
            "slots": {},
        }
        for number in range(30)
    ]
    return write_jsonl(path, samples)


@pytest.mark.parametrize(("every", "given", "warned"), [(3, 10, 1), (3, None, 0), (0, 10, 0)])
def test_responses_that_decide_and_are_cut_are_warned_of(
    tmp_path: Path, tokenizer: TRMTokenizer, every: int, given: int | None, warned: int
) -> None:
    path = _calling_again(tmp_path / "train.jsonl", every)
    notes = prepared(path, tokenizer, val_split=0.2, max_tool_tokens=given).notes
    assert sum("are cut to 10 tokens: what they say may decide" in note for note in notes) == warned


@pytest.mark.parametrize(
    ("every", "given", "limit"), [(3, None, 64), (0, None, 12), (3, 10, 10), (0, 100, 100)]
)
def test_more_of_a_response_is_read_where_it_decides(
    tmp_path: Path, tokenizer: TRMTokenizer, every: int, given: int | None, limit: int
) -> None:
    path = _calling_again(tmp_path / "train.jsonl", every)
    found = prepared(path, tokenizer, val_split=0.2, max_tool_tokens=given)
    assert found.config.data.max_tool_tokens == limit
    assert found.train.max_tool_tokens == found.val.max_tool_tokens == limit


def test_more_of_a_response_is_read_where_values_stand_in_it(
    tmp_path: Path, tokenizer: TRMTokenizer
) -> None:
    def sample(number: int) -> dict[str, Any]:
        code = f"{number:04d} xyz"
        response = {"text": "the flight is late", "code": code}
        turns = [("user", "book it"), ("tool_response", response), ("user", "thanks")]
        return {
            "history": [{"role": role, "content": content} for role, content in turns],
            "decision": "direct_answer",
            "slots": {"code": code},
        }

    path = write_jsonl(tmp_path / "train.jsonl", [sample(number) for number in range(90)])
    assert prepared(path, tokenizer, val_split=0.2).config.data.max_tool_tokens == 64


def test_a_split_has_nothing_in_both(train_file: Path, tokenizer: TRMTokenizer) -> None:
    found = prepared(train_file, tokenizer, val_split=0.2)
    assert (found.overlap, found.notes) == (0, [])
    assert not set(found.val.digests) & set(found.train.digests)


def test_values_that_stand_nowhere_are_warned_of_once(
    tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    def file(share: int) -> Path:
        records = dialogues(60)
        for number, record in enumerate(records[1::3]):  # each looks a phone up
            if number % share == 0:
                record["tool"]["arguments"]["phone"] = f"+84\x1b {number}"
        return write_jsonl(tmp_path / f"{share}.jsonl", records)

    [note] = prepared(file(2), tokenizer, val_split=0.2).notes
    assert "2.jsonl: values that stand nowhere" in note
    assert "argument 'phone': 30 of 60 values (50%), such as '+84\\x1b 0'," in note
    assert prepared(file(60), tokenizer, val_split=0.2).notes == []


def test_a_vocabulary_without_words_keeps_its_embeddings() -> None:
    model = small_model(small_config())
    before = model.embedding.tokens.weight.clone()
    assert start_from_word_vectors(model, cast(TRMTokenizer, SimpleNamespace(words=dict))) == 0
    assert torch.equal(model.embedding.tokens.weight, before)


def test_parameters_are_counted_by_part() -> None:
    model = small_model(small_config())
    counts = count_parameters(model)
    assert counts["total"] == sum(weight.numel() for weight in model.parameters())
    assert counts["embedding"] > 0
