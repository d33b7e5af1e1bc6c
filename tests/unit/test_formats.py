"""Every format is told from the others by its structure, and read into the same samples."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.format_samples import ANSWER, ASK, CALL, FULL, PARTLY, RESULT
from trm_engine.data.convert import ConvertError, convert_file
from trm_engine.data.formats.detection import FORMATS, detect
from trm_engine.data.samples import parse_sample

RECORDS = FULL | {name: record for name, (record, _) in PARTLY.items()}


def samples_of(tmp_path: Path, *records: Any) -> list[dict[str, Any]]:
    path = tmp_path / "conversations.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return list(convert_file(path))


def test_every_format_has_a_sample() -> None:
    assert sorted(RECORDS) == sorted(form.name for form in FORMATS)


@pytest.mark.parametrize("name", RECORDS)
def test_a_format_is_told_by_its_structure(name: str) -> None:
    assert detect([("line 1", RECORDS[name])]).name == name


@pytest.mark.parametrize("name", FULL)
def test_a_call_its_response_and_an_answer(name: str, tmp_path: Path) -> None:
    called, answered = samples_of(tmp_path, FULL[name])

    response = [RESULT] if name == "sgd" else RESULT
    assert called["history"] == [{"role": "user", "content": ASK}]
    assert (called["decision"], called["tool"]) == ("tool_call", CALL)
    assert answered["history"] == [
        {"role": "user", "content": ASK},
        {"role": "tool_call", "content": CALL},
        {"role": "tool_response", "content": response},
    ]
    assert (answered["decision"], answered["content"]) == ("direct_answer", ANSWER)
    assert [tool["function"]["name"] for tool in called["tools"]] == ["weather"]
    assert "city" in called["tools"][0]["function"]["parameters"]["properties"]


@pytest.mark.parametrize("name", PARTLY)
def test_decisions_of_formats_without_responses(name: str, tmp_path: Path) -> None:
    record, calls = PARTLY[name]
    samples = samples_of(tmp_path, record)

    assert [sample["tool"] for sample in samples] == calls
    assert samples[0]["history"] == [{"role": "user", "content": ASK}]


@pytest.mark.parametrize("name", RECORDS)
def test_nulls_of_tables_are_absent(name: str, tmp_path: Path) -> None:
    record = with_nulls(RECORDS[name])

    assert detect([("line 1", record)]).name == name
    assert samples_of(tmp_path, record) == samples_of(tmp_path, RECORDS[name])


def with_nulls(value: Any) -> Any:
    """A value as a table has it: the objects of a list have the same keys, some of them null."""
    if isinstance(value, dict):
        return {key: with_nulls(each) for key, each in value.items()}
    if not isinstance(value, list):
        return value
    keys = dict.fromkeys(key for each in value if isinstance(each, dict) for key in each)
    filled = [dict.fromkeys(keys) | each if isinstance(each, dict) else each for each in value]
    return [with_nulls(each) for each in filled]


@pytest.mark.parametrize("name", sorted(RECORDS.keys() - {"openai", "raw", "kto"}))
def test_a_record_of_another_format_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ConvertError, match=r"line 3.*, got OpenAI messages"):
        samples_of(tmp_path, RECORDS[name], RECORDS[name], RECORDS["openai"])


def test_answers_stand_in_a_second_file(tmp_path: Path) -> None:
    record, calls = PARTLY["bfcl"]
    question = {key: value for key, value in record.items() if key != "ground_truth"}
    answer = {key: record[key] for key in ("id", "ground_truth")}
    questions, answers = tmp_path / "questions.json", tmp_path / "answers.json"
    questions.write_text(json.dumps(question), encoding="utf-8")
    answers.write_text(json.dumps(answer), encoding="utf-8")

    samples = list(convert_file(questions, answers_path=answers))

    assert [sample["tool"] for sample in samples] == calls
    questions.write_text(json.dumps(FULL["openai"]), encoding="utf-8")
    with pytest.raises(ConvertError, match="only BFCL questions have answers in a file"):
        convert_file(questions, answers_path=answers)


@pytest.mark.parametrize("name", RECORDS)
def test_samples_are_valid(name: str, tmp_path: Path) -> None:
    for sample in samples_of(tmp_path, RECORDS[name]):
        parse_sample(json.dumps(sample).encode())
