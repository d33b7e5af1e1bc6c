"""As samples: every command takes files of any format, and converts them once."""

from __future__ import annotations

import codecs
import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

from tests.support import dialogues, sample, write_jsonl
from trm_engine.data import as_samples
from trm_engine.data.as_samples import samples_file
from trm_engine.data.convert import convert_file
from trm_engine.data.sample_reader import SampleReader
from trm_engine.data.stats import file_statistics
from trm_engine.data.survey import survey_file
from trm_engine.errors import DataError
from trm_tui.sessions.sample_file import SampleFile

CALL = {"id": "1", "function": {"name": "find", "arguments": '{"phone": "12"}'}}
USER = {"role": "user", "content": "Find 12"}
CALLS = {"role": "assistant", "tool_calls": [CALL]}
RESPONSE = {"role": "tool", "tool_call_id": "1", "content": "An"}
ANSWER = {"role": "assistant", "content": "It is An."}
CHATS: list[dict[str, Any]] = [
    {"messages": [USER, CALLS, RESPONSE, ANSWER]},
    {"messages": [USER, CALLS, RESPONSE]},
]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(as_samples, "default_cache_dir", lambda: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "file"


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in samples_file(path).read_bytes().splitlines()]


def test_a_file_of_samples_stands_for_itself(path: Path, cache: Path) -> None:
    wrong = [b"{", {"history": [], "decision": "?"}]
    for lines in ([sample()], [*wrong, sample()], [{"history": [USER]}], wrong, []):
        write_jsonl(path, lines)
        assert samples_file(path) == path
    assert samples_file(path.parent) == path.parent
    assert samples_file(path.with_name("missing")) == path.with_name("missing")


def test_samples_in_other_files_keep_their_lines(path: Path) -> None:
    lines = b"\n".join([json.dumps(sample()).encode(), b"", b"{", json.dumps(sample()).encode()])
    for data in (codecs.BOM_UTF8 + lines, gzip.compress(lines), lines.decode().encode("utf-16")):
        path.write_bytes(data)
        reader = SampleReader(path, on_error="skip")
        assert [line.number for line, _ in reader] == [1, 4]
        (problem,) = reader.problems
        assert str(problem).startswith(f"{path}, line 3: expected JSON (")


def test_samples_in_a_list_or_a_table_are_samples(path: Path) -> None:
    path.write_text(json.dumps([sample(), sample()], indent=1))
    assert read(path) == [sample(), sample()]
    table = pyarrow.Table.from_pylist([{**sample(), "tools": [], "tool": None}])
    parquet.write_table(table, path)
    assert len(list(SampleReader(path))) == 1


def test_conversations_are_converted_once(
    path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_jsonl(path, CHATS)
    assert read(path) == list(convert_file(path))
    made = samples_file(path)
    assert made.parent.parent == cache

    monkeypatch.setattr(as_samples, "_known", {})
    monkeypatch.setattr(as_samples, "_build", lambda *_: pytest.fail("converted again"))
    assert samples_file(path) == made


def test_a_file_that_changed_is_converted_again(path: Path) -> None:
    write_jsonl(path, CHATS[:1])
    assert len(read(path)) == 2
    write_jsonl(path, CHATS)
    assert len(read(path)) == 3
    samples_file(path).unlink()
    assert len(read(path)) == 3


def test_whoever_reads_samples_reads_conversations(path: Path, cache: Path) -> None:
    write_jsonl(path, CHATS)
    assert file_statistics(path)["samples"] == 3
    survey = survey_file(path, cache)
    assert (len(survey), survey.path) == (3, path)
    file = SampleFile(path)
    assert len(file) == 3
    assert (file.load(1) or {})["tool"] == {"name": "find", "arguments": {"phone": "12"}}


def test_problems_name_the_line_of_the_file(path: Path) -> None:
    bad = {"messages": [{"role": "usr", "content": "x"}]}
    write_jsonl(path, [CHATS[0], bad, b"{"])
    reader = SampleReader(path, on_error="skip")
    assert len(list(reader)) == 2
    first, second = map(str, reader.problems)
    assert first.startswith(f"{path}, line 2: turn 1, field 'role': expected one of")
    assert second.startswith(f"{path}, line 3: expected JSON")
    with pytest.raises(DataError, match="line 2: turn 1"):
        list(SampleReader(path))

    write_jsonl(path, [bad, bad])
    with pytest.raises(DataError, match="line 1, turn 1, field 'role'"):
        list(SampleReader(path, on_error="skip"))


def test_a_file_that_cannot_be_read_is_refused_by_name(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="a ZIP archive cannot be read; expected JSON"):
        list(SampleReader(path))


def test_requests_are_what_comes_next(path: Path) -> None:
    write_jsonl(path, [{"messages": [USER]}, *CHATS])
    made = samples_file(path, "requests").read_bytes().splitlines()
    histories = [[turn["role"] for turn in json.loads(line)["history"]] for line in made]
    assert histories == [
        ["user"],  # what follows the user
        ["user"],  # every decision of a conversation that ends with an answer
        ["user", "tool_call", "tool_response"],
        ["user", "tool_call", "tool_response"],  # what follows the tool
    ]
    assert all(json.loads(line)["tools"] == [] for line in made)


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, "".join(json.dumps(chat) + "\n" for chat in CHATS).encode())
    os.close(writing)
    path = Path(f"/dev/fd/{reading}")
    assert len(list(SampleReader(path))) == 3
    assert len(list(SampleReader(path))) == 3
    os.close(reading)


# The usual slots --------------------------------------------------------------------------------


@pytest.mark.parametrize("odd", [0, 3, 59])
def test_the_odd_line_is_the_one_whose_slots_differ_from_most(path: Path, odd: int) -> None:
    lines = dialogues()
    lines[odd]["slots"]["other"] = ""
    write_jsonl(path, lines)
    reader = SampleReader(path, on_error="skip")
    assert len(list(reader)) == len(lines) - 1
    assert [str(each) for each in reader.problems] == [
        f"{path}, line {odd + 1}: slots: 'other' is not a slot of most lines"
    ]


@pytest.mark.parametrize("wanted", ["samples", "requests"])
@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('{"q": 1}\n{"q": 2}\n', ", line 1"),
        ('{"q": 1}', ""),
        ('{\n  "q": [\n    {"text": "x"}\n  ]\n}\n', ""),
        ('[{"q": 1}, {"q": 2}]', ", line 1, conversation 1"),
    ],
)
def test_json_of_an_unknown_structure_is_refused_with_the_formats(
    path: Path, cache: Path, wanted: Any, text: str, place: str
) -> None:
    path.write_text(text)
    with pytest.raises(DataError) as error:
        samples_file(path, wanted)
    said = str(error.value)
    assert said.startswith(f"{path}{place}: expected conversations (")
    assert "OpenAI messages" in said and "ShareGPT" in said
    assert said.endswith("got an object with q")
