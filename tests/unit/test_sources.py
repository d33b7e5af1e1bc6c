"""Sources: the same records from files of every kind, whatever their names are."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import lzma
import os
import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather, parquet

from trm_engine.data.fields import ConvertError
from trm_engine.data.sources import Source, json_text, read_value

RECORDS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": f"Bàn {number} 😀"}], "id": number}
    for number in range(30)
]
LINES = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in RECORDS).encode()
ARRAY = json.dumps(RECORDS).encode()


def table(write: Callable[[pyarrow.Table, io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(pyarrow.Table.from_pylist(RECORDS), file)
    return file.getvalue()


def write_stream(rows: pyarrow.Table, file: io.BytesIO) -> None:
    with pyarrow.ipc.new_stream(file, rows.schema) as writer:
        writer.write_table(rows)


FILES = {
    "lines": LINES,
    "lines without a last break": LINES.rstrip(),
    "lines of Windows, each with a mark": b"".join(
        codecs.BOM_UTF8 + line + b"\r\n" for line in LINES.splitlines()
    ),
    "blank lines": LINES.replace(b"\n", b"\n \n"),
    "array": ARRAY,
    "array with a mark": codecs.BOM_UTF8 + ARRAY,
    "array of lines": b"[\n" + LINES.rstrip().replace(b"\n", b",\n") + b"\n]\n",
    "indented array": json.dumps(RECORDS, indent=2).encode(),
    "indented values": "\n".join(json.dumps(each, indent=2) for each in RECORDS).encode(),
    "UTF-16": LINES.decode().encode("utf-16"),
    "UTF-32": ARRAY.decode().encode("utf-32"),
    "gzip": gzip.compress(LINES),
    "gzip in two parts": gzip.compress(LINES[:100]) + gzip.compress(LINES[100:]),
    "zstd": zstandard.compress(ARRAY),
    "zstd in two frames": zstandard.compress(LINES[:100]) + zstandard.compress(LINES[100:]),
    "bzip2": bz2.compress(LINES),
    "xz": lzma.compress(LINES),
    "gzip of UTF-16": gzip.compress(LINES.decode().encode("utf-16")),
    "Parquet": table(lambda rows, file: parquet.write_table(rows, file)),
    "Feather": table(lambda rows, file: feather.write_feather(rows, file)),
    "Arrow stream": table(write_stream),
    "gzip of Parquet": gzip.compress(table(lambda rows, file: parquet.write_table(rows, file))),
}


def read(path: str | Path) -> list[Any]:
    with Source(path) as source:
        first, second = list(source), list(source)
    assert first == second
    assert all(each.problem is None for each in first)
    return [each.value for each in first]


@pytest.mark.parametrize("kind", FILES)
def test_the_records_are_the_same_in_every_kind_of_file(kind: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(FILES[kind])
    assert read(tmp_path / "file") == RECORDS


@pytest.mark.parametrize("kind", ["lines", "zstd", "Parquet"])
def test_standard_input_is_read_like_a_file(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FILES[kind])))
    assert read("-") == RECORDS


def test_a_pipe_is_read_once(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[LINES * 200])
    writer.start()
    assert read(pipe) == RECORDS * 200
    writer.join()


def test_a_list_of_turns_is_one_record_and_a_list_of_lists_is_several(tmp_path: Path) -> None:
    turns = [{"role": "user", "content": "hi"}]
    said = [{"from": "human", "value": "hi"}]
    for value, expected in [
        (turns, [turns]),
        (said, [said]),
        ([turns, turns], [turns, turns]),
        ([], [[]]),
        (7, [7]),
    ]:
        (tmp_path / "file").write_text(json.dumps(value))
        assert read(tmp_path / "file") == expected
        (tmp_path / "file").write_text(json.dumps(value) * 2 if value != 7 else "7\n7")
        assert read(tmp_path / "file") == expected * 2


def test_places_name_the_line_and_the_number(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for text, expected in [
        ('{"a": 1}\n\n{"a": 2}', [("line 1", "1"), ("line 3", "3")]),
        ('[\n{"a":\n1}]', [("line 2, conversation 1", "1")]),
        ('[1,\n{"a": 2}]', [("line 1, conversation 1", "1"), ("line 2, conversation 2", "2")]),
        ('{"a": 1}\n[{"a": 2}]', [("line 1", "1"), ("line 2, conversation 1", "2.1")]),
    ]:  # fmt: skip
        path.write_text(text)
        with Source(path) as source:
            assert [(each.where, each.number) for each in source] == [
                (f"{path}, {where}", number) for where, number in expected
            ]


def test_long_values_are_read_over_many_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(json_text, "BLOCK", 7)
    path = tmp_path / "file"
    for value in (RECORDS, [["x\\" * 50, {"é": [1.5, True, None]}], [12345678901234567890]]):
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1), encoding="utf-8")
        assert read(path) == value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab", max_size=2), inner),
    max_leaves=9,
)  # fmt: skip


@settings(deadline=None)
@given(values=st.lists(json_values, min_size=2, max_size=5), size=st.integers(1, 40))
def test_any_list_is_read_item_by_item(
    values: list[Any], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("list") / "file"
    path.write_text(json.dumps(values, indent=size % 3 or None), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "BLOCK", size)
        assert read(path) == values


# Problems ---------------------------------------------------------------------------------------


def test_a_broken_line_is_a_problem_and_the_others_are_read(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b'{"a": 1}\n{"a": \n{"a": "\xff"}\n{\'a\': 1}\n{"a": 1e999}\n["\\ud800"]\n{}')
    with Source(path) as source:
        records = list(source)
    assert [each.value for each in records if each.problem is None] == [{"a": 1}, {}]
    problems = [str(each.problem) for each in records if each.problem]
    for line, (problem, words) in enumerate(
        zip(problems, ["column", "UTF-8", "json.dumps", "1e999", "surrogate"], strict=True), 2
    ):
        assert problem.startswith(f"{path}, line {line}: expected ") and words in problem


def test_what_cannot_be_used_in_a_list_is_a_problem_of_its_item(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('[{"a": NaN},\n{"a": 2}, ["\\ud800"], {"a": 4}]')
    with Source(path) as source:
        records = list(source)
    assert [each.value for each in records] == [None, {"a": 2}, None, {"a": 4}]
    assert "line 1: expected JSON (a: NaN is no finite number" in str(records[0].problem)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "the file is empty"),
        (b"\xef\xbb\xbf", "the file is empty"),
        (gzip.compress(b" \n", mtime=0), "the file is empty"),
        (gzip.compress(LINES)[:-20], "the compressed data are damaged"),
        (zstandard.compress(LINES * 9)[:-20], "the compressed data are damaged (the file is cut"),
        (bz2.compress(LINES)[:-20], "the compressed data are damaged"),
        (lzma.compress(LINES)[:-40], "the compressed data are damaged"),
        (FILES["Parquet"][:-20], "cannot be read as Parquet"),
        (FILES["Arrow stream"][:200], "cannot be read as Arrow"),
        (b"PK\x03\x04...", "a ZIP archive cannot be read; expected JSON, JSON Lines, "),
        (b"\x80\x04\x95...", "a Python pickle cannot be read"),
        (b"version: [\n", "expected YAML"),
        (b"\xff\xfea", "expected UTF-16 text"),
        (b"[\n" + ARRAY[1:300], "line 2: expected JSON"),
        (ARRAY + b",", "expected JSON (Expecting value"),
    ],
)
def test_files_that_cannot_be_read_are_refused(data: bytes, words: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(ConvertError, match=re.escape(words)) as caught, Source(path) as source:
        list(source)
    assert str(caught.value).startswith(str(path))


def test_missing_files_are_refused_with_the_nearest_name(tmp_path: Path) -> None:
    (tmp_path / "chats.jsonl").write_bytes(LINES)
    with pytest.raises(ConvertError, match=r"no such file \(did you mean 'chats\.jsonl'\?\)"):
        Source(tmp_path / "chat.jsonl")
    with pytest.raises(ConvertError, match="Is a directory"):
        Source(tmp_path)


@pytest.mark.parametrize(("library", "kind"), [("pyarrow", "Parquet"), ("zstandard", "zstd")])
def test_a_missing_library_is_named(
    library: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(FILES[kind])
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(ConvertError, match=re.escape("pip install 'trm-tui[data]'")):
        read(tmp_path / "file")


# Values -----------------------------------------------------------------------------------------


def test_nulls_of_a_table_are_absent(tmp_path: Path) -> None:
    rows = [{"a": {"b": None, "c": None}, "d": [None, 1]}, {"a": {"b": 1}, "d": None}]
    parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "file")
    assert read(tmp_path / "file") == [{"d": [None, 1]}, {"a": {"b": 1}}]


def test_yaml_is_one_record(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("# stories\nversion: '3.1'\nstories:\n- story: a\n", encoding="utf-8-sig")
    assert read(path) == [{"version": "3.1", "stories": [{"story": "a"}]}]


def test_a_damaged_file_that_is_named_json_is_never_taken_for_yaml(tmp_path: Path) -> None:
    path = tmp_path / "chats.jsonl"
    path.write_bytes(b"history: []\n" + LINES)
    with Source(path) as source:
        broken, *others = source
    assert "expected JSON" in str(broken.problem)
    assert others and not any(each.problem for each in others)


def test_a_file_of_one_value_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for value in ({"tools": [{"name": "f"}]}, [{"name": "f"}], []):
        path.write_text(json.dumps(value))
        assert read_value(path) == value
