"""Atomic writes: whole or not at all, on the disk, and with the mode of a new file."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from trm_engine.files.atomic import atomic_file, write_atomically
from trm_engine.files.private import private_files


def test_a_file_appears_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_atomically(path, "old")
    with atomic_file(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    write_atomically(path, "é\r\n")
    assert path.read_bytes() == b"\xc3\xa9\r\n"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_it_is_synced_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, done = tmp_path / "a.txt", list[tuple[str, bool]]()
    sync = os.fsync

    def note(descriptor: int) -> None:
        is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
        done.append(("folder" if is_folder else "file", path.exists()))
        sync(descriptor)

    monkeypatch.setattr("os.fsync", note)
    write_atomically(path, "text")
    assert done == [("file", False), ("folder", True)]


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), ValueError()]
)
@pytest.mark.parametrize("place", ["body", "os.fsync", "os.replace"])
def test_after_an_error_the_old_file_is_whole_and_nothing_lies_beside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, error: BaseException
) -> None:
    def fail(*_: object) -> None:
        raise error

    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    if place != "body":
        monkeypatch.setattr(place, fail)
    with pytest.raises(type(error)), atomic_file(path) as file:
        file.write(b"half")
        if place == "body":
            fail()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_cannot_be_synced_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr("os.fsync", refuse)
    write_atomically(tmp_path / "a.txt", "text")
    assert (tmp_path / "a.txt").read_text() == "text"


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    for path in (tmp_path / "missing" / "a.txt", tmp_path / "folder"):
        if path.name == "folder":
            path.mkdir()
        with pytest.raises(OSError) as caught:
            write_atomically(path, "text")
        assert caught.value.filename == str(path)
        assert caught.value.filename2 is None


def test_the_mode_is_that_of_a_new_file(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        write_atomically(tmp_path / "public", "")
        with private_files():
            write_atomically(tmp_path / "private", "")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "public").stat().st_mode) == 0o644
    assert stat.S_IMODE((tmp_path / "private").stat().st_mode) == 0o600
