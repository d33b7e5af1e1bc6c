"""Parts: what several processes write is byte for byte what one writes, or nothing is left."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests import squares
from tests.squares import Squares
from tests.support import ROOT, dialogues, kill, start_python, wait_until, write_jsonl
from trm_engine.data import token_cache
from trm_engine.data.cache import build_once, read_arrays
from trm_engine.data.parts import build_in_parts
from trm_engine.data.survey import Survey, survey_file
from trm_engine.data.token_cache import BORDERS, Tokenising
from trm_engine.data.tokenizer import TRMTokenizer

HERE = os.getpid


@pytest.fixture(autouse=True)
def path_of_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the processes import the jobs of tests."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def built(folder: Path, job: Any, rows: int, borders: dict[str, str], processes: int) -> Path:
    folder.mkdir()
    build_in_parts(job, rows, borders, folder, lambda share: None, processes)
    return folder


def test_several_processes_write_what_one_writes(tmp_path: Path) -> None:
    one = built(tmp_path / "one", Squares(), 50, squares.BORDERS, 1)
    three = built(tmp_path / "three", Squares(fails_in=HERE()), 50, squares.BORDERS, 3)
    assert contents(one) == contents(three)
    arrays = read_arrays(three)
    assert arrays["square"].tolist() == [row * row for row in range(50)]
    begin, end = arrays["borders"][49]
    assert arrays["digits"][begin:end].tolist() == [4, 9]


def test_the_shares_told_grow_to_one(tmp_path: Path) -> None:
    shares: list[float] = []
    build_in_parts(Squares(), 40, {}, tmp_path, shares.append, processes=2)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_part_whose_process_fails_is_written_here(tmp_path: Path) -> None:
    here = built(tmp_path / "here", Squares(fails_outside=HERE()), 30, {}, processes=2)
    assert read_arrays(here)["square"].tolist() == [row * row for row in range(30)]


def test_an_error_that_every_process_has_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="asked to fail"):
        build_in_parts(Squares(fails_outside=-1), 30, {}, tmp_path, lambda share: None, processes=2)


class Stopped(Exception):
    """Someone stops the building."""


def test_who_is_stopped_ends_the_processes_and_leaves_nothing(tmp_path: Path) -> None:
    def stop(share: float) -> None:
        raise Stopped

    def build(folder: Path) -> None:
        build_in_parts(Squares(), 400, {}, folder, stop, processes=2)

    with pytest.raises(Stopped):
        build_once(tmp_path / "squares", build)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == []


@pytest.fixture
def survey(tmp_path: Path) -> Survey:
    return survey_file(write_jsonl(tmp_path / "data.jsonl", dialogues()), tmp_path / "cache")


def test_tokens_of_several_processes_are_those_of_one(
    survey: Survey, tokenizer: TRMTokenizer, tmp_path: Path
) -> None:
    job = Tokenising(survey, tokenizer, survey.labels, (64, None))
    one = built(tmp_path / "one", job, len(survey), BORDERS, 1)
    two = built(tmp_path / "two", job, len(survey), BORDERS, 2)
    assert contents(one) == contents(two)
    assert len(read_arrays(two)["tool"]) == len(survey)


def test_the_tokens_of_small_files_need_no_process(
    survey: Survey,
    tokenizer: TRMTokenizer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr("subprocess.Popen", refuse)
    limits = (64, None)
    folder, was_built = token_cache.token_cache(
        survey, tokenizer, survey.labels, limits, tmp_path / "cache", lambda what, share: None
    )
    assert was_built
    assert len(read_arrays(folder)["tool"]) == len(survey)


BUILD = """
import sys, time
from pathlib import Path
from tests.squares import Squares
from trm_engine.data.cache import build_once
from trm_engine.data.parts import build_in_parts

def progress(share):
    print(share, flush=True)
    time.sleep(60)

def build(folder):
    build_in_parts(Squares(), 10_000_000, {}, folder, progress, processes=2)

build_once(Path(sys.argv[1]), build)
"""


def works(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE  # one that nobody has asked about
    return False


def test_a_builder_that_is_killed_takes_its_processes_along(tmp_path: Path) -> None:
    builder = start_python(BUILD, tmp_path / "squares")
    assert builder.stdout
    assert builder.stdout.readline()
    writers = psutil.Process(builder.pid).children()
    assert len(writers) == 2
    kill(builder)
    wait_until(lambda: not any(map(works, writers)))
    assert build_once(tmp_path / "squares", lambda folder: None)
    assert [path.name for path in tmp_path.iterdir() if path.is_dir()] == ["squares"]
