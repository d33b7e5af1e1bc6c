"""Arrays on disk: what is written is read again, whole or not at all, and by its owner alone."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trm_engine.data.cache import SEAL, ArrayWriter, build_once, is_whole, read_arrays
from trm_engine.errors import DataError

ROWS = np.arange(12, dtype=np.int32).reshape(6, 2)


def fill(folder: Path) -> None:
    with ArrayWriter(folder) as writer:
        writer.append("rows", ROWS)


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "built"
    assert build_once(folder, fill)
    return folder


parts = st.lists(st.integers(0, 5), max_size=4)


@given(parts, st.sampled_from([np.int32, np.uint8, np.float64]), st.sampled_from([(), (3,), (0,)]))
def test_rows_added_in_parts_are_one_array(
    tmp_path_factory: pytest.TempPathFactory,
    sizes: list[int],
    dtype: type[np.generic],
    width: tuple[int, ...],
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    added = [np.full((size, *width), number, dtype) for number, size in enumerate(sizes)]
    with ArrayWriter(folder) as writer:
        for rows in added:
            writer.append("rows", rows)
    read = read_arrays(folder)
    if not added:
        assert read == {}
        return
    np.testing.assert_array_equal(read["rows"], np.concatenate(added))
    assert read["rows"].dtype == dtype


@given(arrays(np.int64, st.tuples(st.integers(1, 4), st.integers(1, 4))))
def test_the_first_rows_say_the_type(
    tmp_path_factory: pytest.TempPathFactory, rows: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("arrays")
    small = np.clip(rows, -100, 100)
    with ArrayWriter(folder) as writer:
        writer.append("rows", small.astype(np.int16))
        writer.append("rows", small.T.reshape(small.shape))
    read = read_arrays(folder)["rows"]
    assert read.dtype == np.int16
    np.testing.assert_array_equal(read[len(small) :], small.T.reshape(small.shape))


def test_arrays_are_mapped_and_cannot_be_changed(built: Path) -> None:
    rows = read_arrays(built)["rows"]
    assert isinstance(rows, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 1


def test_a_writer_that_fails_leaves_no_list_of_arrays(tmp_path: Path) -> None:
    with pytest.raises(KeyError), ArrayWriter(tmp_path) as writer:
        writer.append("rows", ROWS)
        raise KeyError
    assert not (tmp_path / "arrays.json").exists()


def test_what_is_whole_is_not_built_again(built: Path) -> None:
    assert is_whole(built)
    assert not build_once(built, refuse)
    np.testing.assert_array_equal(read_arrays(built)["rows"], ROWS)


def refuse(folder: Path) -> None:
    raise AssertionError(f"{folder} is built")


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        fill(folder)
        raise ValueError

    with pytest.raises(ValueError):
        build_once(tmp_path / "cache" / "built", fail)
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["built.lock"]


def empty_seal(folder: Path) -> None:
    (folder / SEAL).write_bytes(b"")


def seal_of_another_kind(folder: Path) -> None:
    (folder / SEAL).write_text("[]")


def a_file_more(folder: Path) -> None:
    (folder / "more.bin").touch()


def a_bit_changed(folder: Path) -> None:
    path = folder / "rows.bin"
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def another_name(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))
    build_once(folder.with_name("other"), fill)
    folder.with_name("other").rename(folder)


@pytest.mark.parametrize(
    "spoil", [empty_seal, seal_of_another_kind, a_file_more, a_bit_changed, another_name]
)
def test_what_does_not_agree_with_its_seal_is_built_again(
    built: Path, spoil: Callable[[Path], None]
) -> None:
    spoil(built)
    assert not is_whole(built)
    assert build_once(built, fill)
    assert is_whole(built)
    assert not [path for path in built.parent.iterdir() if path.name.startswith(".")]


def test_what_a_killed_builder_left_goes(tmp_path: Path) -> None:
    left = tmp_path / ".built-abc"
    left.mkdir()
    (left / "rows.bin").touch()
    build_once(tmp_path / "built", fill)
    assert not left.exists()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="this system's files have no owners")
@pytest.mark.parametrize("place", ["built", "."])
def test_folders_of_another_user_are_refused(
    built: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Path.stat
    stranger = built.parent / place

    def stat(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        found = real(path, follow_symlinks=follow_symlinks)
        if path != stranger:
            return found
        return os.stat_result([*found[:4], os.geteuid() + 1, *found[5:10]])

    monkeypatch.setattr(Path, "stat", stat)
    with pytest.raises(DataError, match="belongs to another user"):
        is_whole(built)


@pytest.mark.skipif(not hasattr(os, "symlink"), reason="this system has no links")
def test_a_link_in_the_place_of_a_folder_is_refused(built: Path) -> None:
    built.rename(built.with_name("real"))
    built.symlink_to("real")
    with pytest.raises(DataError, match="belongs to another user"):
        build_once(built, fill)
