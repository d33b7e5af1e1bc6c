"""The checkpoint store: names, full disks, and which files are kept."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import pytest

from tests.events import Record
from tests.trainers import Told
from trm_engine.training import checkpoint_store
from trm_engine.training.checkpoint_store import CheckpointStore, Moment

NOW = Moment(4, 1.5)


def refuse(path: Path, error: OSError) -> None:
    raise AssertionError(f"{path}: {error}")


def store_in(folder: Path, events: list[Record], keep: int = 0) -> CheckpointStore:
    return CheckpointStore(folder, keep, Told(events), refuse)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_saved_checkpoint_is_reported(tmp_path: Path) -> None:
    events: list[Record] = []
    store = store_in(tmp_path / "checkpoints", events)
    store.save({"a": 1}, "step", NOW, 4)
    store.save({"a": 1}, "best", NOW)
    assert names(store.folder) == {"step_4.pt", "best.pt"}
    assert [event["kind"] for event in events] == ["step", "best"]
    path = store.path("step", 4)
    assert events[0] == {
        **{"type": "checkpoint", "step": 4, "epoch": 1.5, "kind": "step"},
        **{"path": str(path), "bytes": path.stat().st_size},
    }


def test_writing_is_tried_again_after_each_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The events go to the disk first; when they cannot, no checkpoint is written."""
    failures = [OSError(errno.ENOSPC, "no room"), OSError(errno.EACCES, "not yours")]
    left, told, written = list(failures), list[tuple[Path, OSError]](), list[Path]()

    class FullDisk(Told):
        def sync(self) -> None:
            assert not written
            if left:
                raise left.pop(0)

    def save(state: Any, path: Path) -> int:
        written.append(path)
        return 7

    monkeypatch.setattr(checkpoint_store, "save_atomically", save)
    events: list[Record] = []
    store = CheckpointStore(tmp_path, 0, FullDisk(events), lambda *each: told.append(each))
    store.save({}, "last", NOW)
    path = tmp_path / "last.pt"
    assert told == [(path, failure) for failure in failures]
    assert written == [path]
    assert [event["bytes"] for event in events] == [7]

    left.append(failures[0])
    written.clear()
    with pytest.raises(OSError, match="no room"):
        store.write_once({}, path, "last", NOW)
    assert not written


def test_the_folder_is_made_but_not_the_one_it_is_in(tmp_path: Path) -> None:
    store = store_in(tmp_path / "gone" / "checkpoints", [])
    with pytest.raises(FileNotFoundError):
        store.write_once({}, store.path("last"), "last", NOW)
    assert not names(tmp_path)


def test_checkpoints_of_earlier_starts_count_and_other_files_are_never_deleted(
    tmp_path: Path,
) -> None:
    place = tmp_path / "checkpoints"
    others = {
        *("step_1-mine.pt", "step_002.pt", "step_٣.pt", "step_best.pt", "step_1.pt.bak"),
        *("step_.pt", "step_-1.pt", "best_step_1.pt", "notes.txt"),
    }
    other_run = tmp_path / "other" / "checkpoints"
    for folder in (place, other_run):
        folder.mkdir(parents=True)
        for name in (*others, "step_1.pt", "step_2.pt", "step_3.pt", "step_9.pt"):
            (folder / name).write_bytes(b"as it was")
    (place / "step_0.pt").mkdir()  # cannot be deleted as a file is
    before = names(other_run)
    store = store_in(place, [], keep=2)
    store.save({}, "step", NOW, 4)
    kept = {"step_3.pt", "step_4.pt", "step_9.pt", "step_0.pt"}
    assert names(place) == others | kept
    store.save({}, "epoch", NOW, 0)
    store.save({}, "step", NOW, 5)
    assert names(place) == others | {"step_4.pt", "step_5.pt", "step_9.pt", "step_0.pt"} | {
        "epoch_0.pt"
    }
    assert all((place / name).read_bytes() == b"as it was" for name in others)
    assert names(other_run) == before
