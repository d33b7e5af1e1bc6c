"""The review of suspected labels: typed values, what fits, and decisions that are kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import dialogues, write_jsonl
from trm_engine.errors import DataError
from trm_engine.label_errors.corrections import Decision, log_of
from trm_engine.label_errors.review import DECISIONS, Review, as_text, as_value
from trm_engine.label_errors.suspect import RESULT, Suspect, write_records

CALL = {"name": "find_customer", "arguments": {"phone": "0901234567"}}
TO_CALL = Suspect(1, "decision", "", "direct_answer", "tool_call", 0.9, CALL)
TO_ANSWER = Suspect(2, "decision", "", "tool_call", "direct_answer", 0.8)
PHONE = Suspect(2, "argument", "phone", "0901234567", "", 0.7)
NAME = Suspect(2, "slot", "name", "An Nguyễn", "An", 0.6)


@pytest.fixture
def review(tmp_path: Path) -> Review:
    file = write_jsonl(tmp_path / "samples.jsonl", dialogues(2))
    write_records(tmp_path / RESULT, [TO_CALL, TO_ANSWER, PHONE, NAME])
    return Review(file, tmp_path)


def decide(review: Review, suspect: Suspect, action: Any, value: Any = None) -> None:
    raw = review.file.read_bytes().splitlines()[suspect.line - 1]
    review.decide(suspect, action, raw, value)


def test_decisions_are_read_back_as_they_were_made(review: Review) -> None:
    decide(review, TO_CALL, "take")
    decide(review, NAME, "edit", "Ân")
    decide(review, PHONE, "keep")
    decide(review, PHONE, "undo")
    again = Review(review.file, review.file.parent)
    assert again.decision(NAME) == Decision(2, "slot", "edit", "name", "Ân")
    assert [again.decision(each) is None for each in (TO_CALL, TO_ANSWER, PHONE)] == [
        *(False, True, True)
    ]
    assert again.decided() == review.decided() == 2


def test_a_dropped_sample_is_dropped_for_all_of_its_labels(review: Review) -> None:
    decide(review, NAME, "drop")
    assert review.decision(PHONE) == review.decision(NAME) and review.decided() == 1
    assert review.decision(TO_CALL) is None
    changes = review.write(review.file.with_name("out.jsonl"))
    assert [each.action for each in changes] == ["drop"]
    assert len(log_of(review.file.with_name("out.jsonl")).read_bytes().splitlines()) == 1


def test_decisions_on_one_sample_have_to_fit_together(review: Review) -> None:
    decide(review, TO_ANSWER, "take")
    with pytest.raises(DataError, match="line 2, argument phone: the sample is no call"):
        decide(review, PHONE, "take")
    decide(review, TO_ANSWER, "undo")
    decide(review, PHONE, "take")
    with pytest.raises(DataError, match="the sample is no call"):
        decide(review, TO_ANSWER, "take")
    made = [json.loads(line) for line in (review.file.parent / DECISIONS).open()]
    assert [each["action"] for each in made] == ["take", "undo", "take"]


def test_a_folder_that_cannot_be_written_is_named(review: Review) -> None:
    (review.file.parent / DECISIONS).mkdir()
    with pytest.raises(DataError, match=r"decisions\.jsonl: cannot be written"):
        decide(review, NAME, "keep")
    assert review.decision(NAME) is None


def suspected(given: Any, predicted: Any) -> Suspect:
    return Suspect(1, "argument", "a", given, predicted, 0.5)


TYPED: list[tuple[Suspect, str, Any]] = [
    (TO_CALL, " direct_answer ", "direct_answer"),
    (TO_CALL, json.dumps(CALL), CALL),
    (NAME, "12", "12"),
    (suspected("", 5), "6", 6),
    (suspected(["a"], ["b"]), '["c"]', ["c"]),
    (suspected(True, False), "false", False),
    (suspected("old", 5), "new", "new"),
    (suspected(4, 5), " ", ""),
]


@pytest.mark.parametrize(("suspect", "text", "value"), TYPED)
def test_what_is_typed_is_a_value_of_the_labels_kind(
    suspect: Suspect, text: str, value: Any
) -> None:
    typed = as_value(suspect, text)
    assert (typed, type(typed)) == (value, type(value))


@pytest.mark.parametrize(
    ("suspect", "text"), [(TO_CALL, "find"), (TO_CALL, "[]"), (suspected(4, 5), "four")]
)
def test_what_is_no_such_value_is_refused(suspect: Suspect, text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        as_value(suspect, text)


@pytest.mark.parametrize(
    "suspect", [TO_CALL, TO_ANSWER, NAME, suspected(4, 5), suspected([1, "a"], "")]
)
def test_the_text_that_an_edit_begins_with_is_the_label(suspect: Suspect) -> None:
    record = {"tool": CALL} if suspect is TO_ANSWER else {"tool": {}}
    begun = as_value(suspect, as_text(suspect, None, record))
    expected = {id(TO_CALL): "direct_answer", id(TO_ANSWER): CALL}.get(id(suspect), suspect.given)
    assert begun == expected
    edit = Decision(suspect.line, suspect.kind, "edit", suspect.field, expected)
    assert as_value(suspect, as_text(suspect, edit, {})) == expected
