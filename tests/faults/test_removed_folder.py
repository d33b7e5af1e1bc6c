"""A run whose folder is removed, moved or replaced: it ends in words, and nothing comes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.e2e.runs import SECONDS, tiny_run, wait_for
from tests.faults.command import files, start
from tests.faults.workers import ENDLESS, Begin, wait_for_later
from tests.screens.fake_run import FakeRun
from tests.support import wait_until
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.errors import RunError
from trm_engine.runs.events import EventWriter
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import StateChanged
from trm_tui.sessions.run_state import warnings_of

GONE = "the run's folder is gone: it was removed, moved or replaced"


def remove(folder: Path) -> None:
    """rm -r, while others may write there."""

    def is_removed() -> bool:
        shutil.rmtree(folder, ignore_errors=True)
        return not folder.exists()

    wait_until(is_removed, SECONDS)


def test_a_removed_run_ends_and_its_viewer_says_why_without_advice_to_resume(
    tmp_path: Path,
) -> None:
    _, config = tiny_run(tmp_path / "first", **ENDLESS)
    (tmp_path / "tiny.yaml").write_text(config.dump())
    viewer = start("train", "tiny.yaml", "--output-dir", "run", cwd=tmp_path)
    run = RunFolder(tmp_path / "run")
    wait_for_later(run, "checkpoint", after=-1)
    remove(run.path)
    out, err = viewer.communicate(timeout=SECONDS)
    assert viewer.returncode == 2, (out, err)
    assert err == f"error: run: {GONE}\n"
    assert "esume" not in out
    assert not run.path.exists()


def test_a_run_writes_nothing_into_a_folder_that_took_the_place_of_its_own(
    tmp_path: Path, begin: Begin
) -> None:
    run, _ = tiny_run(tmp_path / "run", **{**ENDLESS, "save_interval": 1})
    worker = begin(run)
    wait_for(run, "checkpoint", worker)
    shutil.copytree(run.path, tmp_path / "copy", ignore=shutil.ignore_patterns(".*"))
    copied = files(tmp_path / "copy")
    moved = run.path.rename(tmp_path / "moved")
    (tmp_path / "copy").rename(run.path)
    assert worker.wait(timeout=SECONDS) == 2
    assert files(run.path) == copied
    log = (moved / "worker.log").read_text()
    assert log == f"{run.path}: {GONE}\n"
    for path in (moved / "checkpoints").glob("*.pt"):
        load_checkpoint(path)


def test_events_are_not_written_into_another_folder(tmp_path: Path) -> None:
    path = tmp_path / "run" / "events.jsonl"
    path.parent.mkdir()
    writer = EventWriter(path)
    path.parent.rename(tmp_path / "moved")
    path.parent.mkdir()
    writer.write(StateChanged(state="running"))
    assert not writer.flush()
    with pytest.raises(RunError, match=GONE):
        writer.sync()
    (tmp_path / "run").rmdir()
    (tmp_path / "moved").rename(tmp_path / "run")
    assert writer.flush()  # it came back
    writer.close()


def test_saving_makes_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        save_atomically({}, tmp_path / "run" / "last.pt")
    assert list(tmp_path.iterdir()) == []


def test_a_screen_says_that_the_folder_is_gone_and_commands_make_nothing(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run")
    run.begin()
    attached = run.attach()
    attached.drain(10.0)
    run.folder.path.rename(tmp_path / "moved")
    run.folder.path.mkdir()
    attached.look()
    assert attached.state == "lost"
    assert warnings_of(attached) == [f"{run.folder.path}: {GONE}"]
    assert not attached.send("stop")
    assert list(run.folder.path.iterdir()) == []
