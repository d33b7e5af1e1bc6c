"""What the user says of a run, and deleting one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.screens.fake_run import FakeRun
from trm_engine.errors import RunError
from trm_engine.runs.about import About, change_about, read_about
from trm_engine.runs.delete import delete_run
from trm_engine.runs.folder import RunFolder, list_runs
from trm_engine.runs.summary import summarise
from trm_tui.sessions import run_changes


def ended(path: Path) -> RunFolder:
    run = FakeRun(path)
    run.end("finished")
    run.sample_file.unlink(missing_ok=True)
    return run.folder


def test_changes_are_kept_and_add_up(tmp_path: Path) -> None:
    folder = ended(tmp_path / "run")
    assert read_about(folder) == About()
    change_about(folder, name="Ünïcode", tags=("a",))
    change_about(folder, note="more\nlines")
    assert read_about(folder) == About(name="Ünïcode", tags=("a",), note="more\nlines")
    assert summarise(folder).title == "Ünïcode"


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"[]", b'{"tags": 3}', b"[" * 100_000])
def test_a_damaged_file_is_none(tmp_path: Path, content: bytes) -> None:
    folder = ended(tmp_path / "run")
    (folder.path / "about.json").write_bytes(content)
    assert read_about(folder) == About()
    assert change_about(folder, name="new").name == "new"


def test_tags_of_several_runs(tmp_path: Path) -> None:
    for name, tags in (("one", ("both", "first")), ("two", ("both",))):
        change_about(ended(tmp_path / name), tags=tags)
    runs = [summarise(RunFolder(tmp_path / name)) for name in ("one", "two")]
    assert run_changes.common_tags(runs) == ["both"]
    run_changes.set_tags(runs, "#new, other")
    changed = [read_about(RunFolder(run.path)).tags for run in runs]
    assert changed == [("first", "new", "other"), ("new", "other")]


def test_one_baseline_at_a_time(tmp_path: Path) -> None:
    folders = [ended(tmp_path / name) for name in ("one", "two")]
    for folder in folders:
        run_changes.pin(summarise(folder))
    assert [read_about(folder).baseline for folder in folders] == [False, True]
    run_changes.pin(summarise(folders[1]))
    assert not read_about(folders[1]).baseline


def test_a_run_is_deleted_with_its_checkpoints(tmp_path: Path) -> None:
    folder = ended(tmp_path / "run")
    checkpoints = folder.path / "checkpoints"
    checkpoints.mkdir()
    for name in ("best.pt", "step_10.pt", ".last.pt.7.new"):
        (checkpoints / name).touch()
    change_about(folder, name="x")
    assert delete_run(folder) == []
    assert not folder.path.exists()
    assert list_runs(tmp_path) == []


def test_what_training_did_not_write_stays(tmp_path: Path) -> None:
    folder = ended(tmp_path / "run")
    mine = folder.path / "notes.txt"
    mine.write_text("mine")
    linked = tmp_path / "elsewhere"
    linked.mkdir()
    (linked / "best.pt").touch()
    (folder.path / "checkpoints").symlink_to(linked)
    left = delete_run(folder)
    assert mine in left and mine.read_text() == "mine"
    assert (linked / "best.pt").exists()
    assert list_runs(tmp_path) == []


def test_a_live_run_is_not_deleted(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    with pytest.raises(RunError, match="a run is live in this folder"):
        delete_run(run.folder)
    assert run.folder.events.exists()
    run.end("finished")
