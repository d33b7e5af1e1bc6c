"""SampleFile: any line of a JSONL file, and clear words about bad ones."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import dialogues, write_jsonl
from trm_engine.data.sample_reader import iter_lines
from trm_engine.errors import DataError
from trm_tui.sessions import sample_file
from trm_tui.sessions.sample_file import SampleFile

SAMPLE = b'{"history":[],"decision":"%s"}'
LINES = st.lists(
    st.sampled_from([b"", b"  ", b"\r", SAMPLE % b"a", SAMPLE % "é".encode(), SAMPLE % b""])
)


@given(LINES, st.booleans(), st.sampled_from([1, 5, 1 << 20]))
def test_every_line_is_the_one_that_training_reads(
    lines: list[bytes], ends: bool, block: int
) -> None:
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sample_file, "BLOCK", block)
        path = Path(folder, "x.jsonl")
        path.write_bytes(b"\n".join(lines) + (b"\n" if ends else b""))
        file = SampleFile(path)
        read = {line.number: json.loads(line.raw) for line in iter_lines(path)}
        count = len(path.read_bytes().splitlines(keepends=True)) if b"\r" not in lines else None
        assert count in (None, len(file))
        assert {n: r for n in range(-1, len(lines) + 3) if (r := file.load(n))} == read


def test_a_file_that_changes_is_read_as_it_is_now(tmp_path: Path) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [{"a": 1}, {"a": 2}])
    file = SampleFile(path)
    assert file.load(2) == {"a": 2}
    write_jsonl(path, [{"a": "longer"}, {"a": 20}, {"a": 30}])
    assert file.load(3) == {"a": 30}
    write_jsonl(path, [{"a": 1}])
    assert file.load(2) is None
    path.unlink()
    with pytest.raises(FileNotFoundError):
        file.load(1)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b'{"a": }', "line 2: broken JSON at column 7"),
        (b'{"a": "\xff"}', "line 2: not UTF-8 text (byte 8)"),
        (b"[1]", "line 2: expected a JSON object, not list"),
        (b"9" * 5000, "line 2: broken JSON: "),
        (b"[" * 100_000, "line 2: JSON is nested too deeply"),
    ],
    ids=["broken", "not UTF-8", "a list", "a huge number", "deep"],
)
def test_bad_lines_are_named(tmp_path: Path, line: bytes, said: str) -> None:
    path = write_jsonl(tmp_path / "x.jsonl", [{"a": 1}, line, {"a": 3}])
    file = SampleFile(path)
    with pytest.raises(DataError) as error:
        file.load(2)
    assert str(error.value).startswith(f"{path}, {said}")
    assert file.load(3) == {"a": 3}


def test_threads_may_share_a_file(tmp_path: Path) -> None:
    samples = dialogues(200)
    file = SampleFile(write_jsonl(tmp_path / "x.jsonl", samples))
    numbers = list(range(1, len(samples) + 1)) * 3
    with ThreadPoolExecutor(8) as pool:
        read = list(pool.map(file.load, numbers))
    assert read == samples * 3


def test_the_beginnings_of_lines_are_looked_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []

    def look(file: BinaryIO) -> np.ndarray:
        looks.append(file)
        return find_starts(file)

    find_starts = sample_file._find_starts
    monkeypatch.setattr(sample_file, "_find_starts", look)
    file = SampleFile(write_jsonl(tmp_path / "x.jsonl", [{"a": 1}, {"a": 2}]))
    assert not looks
    assert [file.load(line) for line in (2, 1, 3)] == [{"a": 2}, {"a": 1}, None]
    assert len(looks) == 1
