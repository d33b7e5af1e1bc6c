"""Token caches whose files have changed are built again, by themselves."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest

from tests.mutations import mutate
from tests.support import dialogues, rounds, start_python, write_jsonl
from trm_engine.data.cache import SEAL, build_once, is_whole
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import DataError
from trm_engine.worker.train import Notes

IS_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_jsonl(tmp_path_factory.mktemp("cached") / "data.jsonl", dialogues(3))


@pytest.fixture(scope="module")
def built(data: Path, tokenizer: TRMTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    cache = tmp_path_factory.mktemp("built")
    TRMToolCallingDataset(data, tokenizer, cache_dir=cache)
    return cache


@pytest.fixture
def cache(built: Path, tmp_path: Path) -> Path:
    """A cache of the test's own that is whole."""
    return Path(shutil.copytree(built, tmp_path / "cache"))


def tokens_of(data: Path, tokenizer: TRMTokenizer, cache: Path) -> list[list[int]]:
    dataset = TRMToolCallingDataset(data, tokenizer, cache_dir=cache)
    return [dataset[index]["input_ids"].tolist() for index in range(len(dataset))]


def entries(cache: Path) -> Iterator[Path]:
    return (each for each in cache.iterdir() if each.is_dir())


def test_a_whole_cache_is_used(
    data: Path, tokenizer: TRMTokenizer, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert all(is_whole(folder) for folder in entries(cache))
    assert not TRMToolCallingDataset(data, tokenizer, cache_dir=cache).was_tokenised
    assert caplog.text == ""


@pytest.mark.parametrize("damage", ["zeros", "cut", "longer", "gone", "another file"])
def test_any_damaged_file_is_built_again_and_told(
    data: Path,
    tokenizer: TRMTokenizer,
    cache: Path,
    damage: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    expected = tokens_of(data, tokenizer, cache)
    for folder in list(entries(cache)):
        for path in sorted(folder.iterdir()):
            content = path.read_bytes()
            if damage == "zeros":
                path.write_bytes(bytes(len(content)) or b"x")
            elif damage == "cut":
                path.write_bytes(content[:-1])
            elif damage == "longer":
                path.write_bytes(content + b" ")
            elif damage == "gone":
                path.unlink()
            else:
                path.with_name("other").touch()
            if path.name == SEAL and damage == "longer":
                continue  # a space more changes nothing
            if path.is_file() and path.read_bytes() == content and damage != "another file":
                continue  # it was empty, or all zeros
            caplog.clear()
            assert tokens_of(data, tokenizer, cache) == expected
            assert f"{folder}: damaged or incomplete; it is made again" in caplog.text
            assert is_whole(folder)
    assert {each.name for each in cache.iterdir() if each.name.startswith(".")} == set()


def test_a_mutated_cache_gives_the_same_tokens(
    data: Path, tokenizer: TRMTokenizer, cache: Path
) -> None:
    expected = tokens_of(data, tokenizer, cache)
    for seed in range(rounds(20)):
        dice = Random(seed)
        files = sorted(path for folder in entries(cache) for path in folder.iterdir())
        path = dice.choice(files)
        path.write_bytes(mutate(path.read_bytes(), dice))
        assert tokens_of(data, tokenizer, cache) == expected, seed


def test_one_folder_cannot_take_the_place_of_another(
    data: Path, tokenizer: TRMTokenizer, cache: Path
) -> None:
    expected = tokens_of(data, tokenizer, cache)
    one = next(folder for folder in entries(cache) if folder.name.startswith("tokens-"))
    other = TRMToolCallingDataset(data, tokenizer, max_length=32, cache_dir=cache)
    assert other.was_tokenised
    newest = max(entries(cache), key=lambda folder: folder.stat().st_mtime_ns)
    shutil.rmtree(one)
    shutil.copytree(newest, one)
    assert tokens_of(data, tokenizer, cache) == expected


def test_an_earlier_versions_folder_is_built_again(tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    folder.mkdir()
    (folder / "file").write_text("old")
    assert build_once(folder, lambda target: (target / "file").write_text("new") and None)
    assert (folder / "file").read_text() == "new"


def test_who_reads_a_folder_that_is_replaced_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "entry"
    build_once(folder, lambda target: np.arange(9).tofile(target / "numbers"))
    mapped = np.memmap(folder / "numbers", dtype=np.int64, mode="r")
    (folder / "more").touch()
    assert build_once(folder, lambda target: np.zeros(9, int).tofile(target / "numbers"))
    assert mapped.tolist() == list(range(9))


def test_processes_that_find_damage_at_once_build_once(cache: Path, data: Path) -> None:
    code = """
import sys
from pathlib import Path
from trm_engine.data.cache import build_once
folder, log = Path(sys.argv[1]), Path(sys.argv[2])
def build(target):
    with open(log, "a") as file:
        file.write("built\\n")
    (target / "file").write_text("x" * 100_000)
build_once(folder, build)
assert (folder / "file").read_text() == "x" * 100_000
"""
    folder, log = cache / "entry", cache / "log"
    folder.mkdir()
    (folder / "file").write_text("damaged")
    processes = [start_python(code, folder, log) for _ in range(4)]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert log.read_text() == "built\n"


@pytest.mark.skipif(not IS_ROOT, reason="only root can give a folder to another user")
@pytest.mark.parametrize("whose", ["entry", "cache"])
def test_another_users_folder_is_never_read(
    data: Path, tokenizer: TRMTokenizer, cache: Path, whose: str
) -> None:
    place = next(entries(cache)) if whose == "entry" else cache
    os.chown(place, 65534, 65534)
    with pytest.raises(DataError, match="belongs to another user, so it is not read") as caught:
        tokens_of(data, tokenizer, cache)
    assert str(caught.value).startswith(f"{place}: ")


def test_a_link_is_never_followed(
    data: Path, tokenizer: TRMTokenizer, cache: Path, tmp_path: Path
) -> None:
    folder = next(entries(cache))
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(DataError, match="so it is not read"):
        tokens_of(data, tokenizer, cache)


def test_the_run_tells_what_the_cache_logs(tmp_path: Path) -> None:
    (tmp_path / "entry").mkdir()
    with Notes() as notes:
        build_once(tmp_path / "entry", lambda target: (target / "file").touch())
    assert notes.texts == [f"{tmp_path / 'entry'}: damaged or incomplete; it is made again"]
