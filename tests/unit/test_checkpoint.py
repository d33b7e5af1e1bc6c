"""Checkpoints: written whole or not at all; nothing foreign is trusted."""

from __future__ import annotations

import io
import os
import pickle
import random
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.models import saved
from trm_engine.checkpoints.file import (
    FORMAT_VERSION,
    REQUIRED,
    find_resumable,
    is_weights,
    load_checkpoint,
    load_model_file,
    save_atomically,
)
from trm_engine.errors import CheckpointError


class Marker:
    """Pickled code that leaves a file behind where it is run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints" / "last.pt"


def refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert len(message) < len(str(path)) + 200
    return message


# --- writing ------------------------------------------------------------------------------------


def test_what_is_written_is_read_back(path: Path) -> None:
    contents = {"config": {"a": {"b": [1, None, "x"]}}, "tokenizer": b"\0\xff", "global_step": 7}
    saved(path, **contents)
    state = load_checkpoint(path)
    assert {name: state[name] for name in contents} == contents
    assert torch.equal(state["model_state_dict"]["weight"], torch.arange(1000.0))
    assert os.listdir(path.parent) == ["last.pt"]


def test_writing_tells_the_bytes(path: Path) -> None:
    assert save_atomically({"a": torch.zeros(100)}, path) == path.stat().st_size > 400


@pytest.mark.parametrize("place", ["write", "fsync", "replace", "serialise", "interrupt"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    saved(path, global_step=1)
    before = path.read_bytes()
    full = OSError(28, "No space left on device")

    def fail(*_: object, **__: object) -> None:
        raise KeyboardInterrupt if place == "interrupt" else full

    def write_some(state: object, file: Any) -> None:
        file.write(b"half a checkpoint")
        raise RuntimeError("PytorchStreamWriter failed writing file data/0: file write failed")

    if place in ("fsync", "interrupt"):
        monkeypatch.setattr("os.fsync", fail)
    elif place == "replace":
        monkeypatch.setattr("os.replace", fail)
    elif place == "write":
        monkeypatch.setattr("torch.save", write_some)
    contents = {"evil": (each for each in ())} if place == "serialise" else {"global_step": 2}
    expected = {"interrupt": KeyboardInterrupt, "serialise": TypeError}.get(place, OSError)
    with pytest.raises(expected) as caught:
        saved(path, **contents)
    if isinstance(caught.value, OSError):
        assert caught.value.errno == 28
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["last.pt"]
    assert load_checkpoint(path)["global_step"] == 1


def test_a_folder_that_cannot_be_written_is_an_oserror(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        save_atomically({}, tmp_path / "file" / "last.pt")


# --- reading ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [1, 2, 3, 10, 100, 1000, 0.25, 0.5, 0.9, -200, -100, -22, -1])
def test_a_truncated_file_is_refused(path: Path, cut: float) -> None:
    whole = saved(path).read_bytes()
    path.write_bytes(whole[: int(cut * len(whole)) if 0 < cut < 1 else int(cut)])
    assert "truncated, or not a checkpoint" in refused(path)


@pytest.mark.parametrize(
    "contents",
    [
        b"",
        b"hello, this is text\n" * 20,
        b"model:\n  hidden_size: 512\n",
        b'{"history": []}\n',
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        b"\n\x0e\n\x05<unk>\x15\0\0\0\0",
        bytes(1000),
        b"\x80",
        "héllo".encode("utf-16"),
    ],
)
def test_another_file_is_refused(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
    assert "truncated, or not a checkpoint" in refused(path)


@pytest.mark.parametrize(
    ("contents", "said"),
    [
        (b"", " (the file is empty)"),
        ("model:\n  näme: ü".encode() * 9, " (it is text)"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), ""),
        (b"\x80", ""),
    ],
)
def test_another_file_is_named_for_what_it_seems_to_be(
    path: Path, contents: bytes, said: str
) -> None:
    path.write_bytes(contents)
    assert refused(path).endswith(f"not a checkpoint{said}")
    path.write_bytes(saved(path).read_bytes()[:-100])
    assert refused(path).endswith("(it begins like one and is cut off or damaged)")


def test_tensors_may_stay_in_the_file(path: Path) -> None:
    state = torch.load(saved(path), weights_only=True)
    mapped = load_model_file(path, mmap=True)
    assert not is_weights(mapped)
    assert torch.equal(mapped["model_state_dict"]["weight"], torch.arange(1000.0))
    save_atomically(state["model_state_dict"], path)
    assert is_weights(load_model_file(path, mmap=True))


def test_a_file_without_checksums_is_refused(path: Path) -> None:
    state = torch.load(saved(path), weights_only=True)
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert "in PyTorch's old format, which has no checksums" in refused(path)


@pytest.mark.parametrize("mmap", [False, True])
def test_a_file_that_was_compressed_by_another_program_is_refused(path: Path, mmap: bool) -> None:
    whole = saved(path).read_bytes()
    with zipfile.ZipFile(io.BytesIO(whole)) as source, zipfile.ZipFile(path, "w", 8) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    with pytest.raises(CheckpointError, match="is compressed by another program; load and save"):
        load_model_file(path, mmap)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_damaged_bytes_never_end_in_another_error(path: Path) -> None:
    whole = saved(path, model_state_dict={"w": torch.zeros(3)}).read_bytes()
    plain = pickle.dumps({"a": [1, "x", 2.5], "b": b"1"}, protocol=2)
    dice = random.Random(0)
    for source in [whole, plain] * 150:
        damaged = bytearray(source)
        for _ in range(dice.choice([1, 3])):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        path.write_bytes(damaged)
        for mmap in (False, True):
            with suppress(CheckpointError):
                load_model_file(path, mmap)


@pytest.mark.parametrize("where", ["model_state_dict", "config", "metrics"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled_code_is_refused_and_never_run(
    tmp_path: Path, path: Path, where: str, zipped: bool
) -> None:
    marker = tmp_path / "it was run"
    saved(path)
    state = {**torch.load(path, weights_only=True), where: {"x": Marker(marker)}}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    assert "could run code" in refused(path)
    assert not marker.exists()
    with pytest.raises(CheckpointError, match="could run code"):
        load_model_file(path, mmap=True)
    assert not marker.exists()
    with pytest.raises(CheckpointError):
        find_resumable(path.parent)
    assert not marker.exists()
    torch.load(path, weights_only=False)  # it is as dangerous as it looks
    assert marker.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bare_pickle_is_refused_and_never_run(tmp_path: Path, path: Path, protocol: int) -> None:
    marker = tmp_path / "it was run"
    path.write_bytes(pickle.dumps(Marker(marker), protocol=protocol))
    refused(path)
    assert not marker.exists()


def test_a_pickled_module_is_refused(path: Path) -> None:
    torch.save(nn.Linear(2, 2), path)
    assert "could run code" in refused(path)


def test_weights_alone_are_told_from_a_checkpoint(path: Path) -> None:
    save_atomically(nn.Linear(2, 2).state_dict(), path)
    assert "weights only" in refused(path)


@pytest.mark.parametrize("contents", [torch.zeros(3), [1, 2], {}, {"epoch": 1}, "text", None])
def test_a_foreign_torch_file_is_refused(path: Path, contents: object) -> None:
    save_atomically(contents, path)
    assert "not a checkpoint of trm-tui" in refused(path)


@pytest.mark.parametrize("key", REQUIRED)
def test_a_missing_key_is_named(path: Path, key: str) -> None:
    state = torch.load(saved(path), weights_only=True)
    del state[key]
    save_atomically(state, path)
    assert f"'{key}' is missing" in refused(path)


@pytest.mark.parametrize("version", [FORMAT_VERSION - 1, FORMAT_VERSION + 1, 99, "2", None, -1, []])
def test_another_format_is_refused(path: Path, version: object) -> None:
    saved(path, format_version=version)
    assert f"(format {version}, this one reads format {FORMAT_VERSION})" in refused(path)


def test_a_missing_file_and_a_folder(path: Path) -> None:
    saved(path.with_name("best.pt"))
    assert "no such file (did you mean" in refused(path.with_name("bset.pt"))
    with pytest.raises(CheckpointError, match="cannot be read: Is a directory"):
        load_checkpoint(path.parent)


# --- resuming -----------------------------------------------------------------------------------


def aged(path: Path, seconds: float) -> None:
    os.utime(path, (1_000_000 + seconds, 1_000_000 + seconds))


def test_the_furthest_whole_checkpoint_is_taken(path: Path) -> None:
    folder = path.parent
    for age, (name, step) in enumerate(
        [("epoch_0", 10), ("best", 10), ("step_20", 20), ("last", 25)]
    ):
        aged(saved(folder / f"{name}.pt", global_step=step), age)
    found, state = find_resumable(folder)
    assert (found.name, state["global_step"]) == ("last.pt", 25)

    whole = path.read_bytes()
    path.write_bytes(whole[:-50])
    aged(path, 100)
    found, state = find_resumable(folder)
    assert (found.name, state["global_step"]) == ("step_20.pt", 20)


def test_an_older_file_that_is_further_on_is_taken(path: Path) -> None:
    aged(saved(path.with_name("step_30.pt"), global_step=30), 0)
    aged(saved(path.with_name("best.pt"), global_step=20), 1)
    assert find_resumable(path.parent)[0].name == "step_30.pt"


def test_what_is_no_checkpoint_is_passed_over(path: Path) -> None:
    saved(path, global_step=3)
    path.with_name("notes.pt").write_text("hello")
    save_atomically(nn.Linear(2, 2).state_dict(), path.with_name("model.pt"))
    (path.parent / ".best.pt.123").write_bytes(b"half")
    assert find_resumable(path.parent)[0] == path


def test_there_may_be_nothing_to_resume(path: Path) -> None:
    for _ in range(2):
        with pytest.raises(CheckpointError, match="no checkpoint to resume from"):
            find_resumable(path.parent)
        path.write_bytes(b"")
