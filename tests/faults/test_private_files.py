"""What trm-tui writes for itself is private; what somebody asked for follows their umask."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.runs import tiny_run
from tests.faults.command import trm
from trm_engine.files.private import private_files
from trm_engine.runs.commands import send_command
from trm_tui.sessions.saved_conversations import SavedConversations
from trm_tui.settings import Settings, save, settings_path

OTHERS = stat.S_IRWXG | stat.S_IRWXO


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The usual umask: files are for all to read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def open_to_others(folder: Path) -> list[str]:
    """Files and folders, ``folder`` among them, that other users can read, write or enter."""
    return [str(path) for path in (folder, *folder.rglob("*")) if mode(path) & OTHERS]


def config_for(place: Path) -> None:
    _, config = tiny_run(place / "template", max_steps=4, eval_interval=2, save_interval=2)
    config.data.cache_dir = str(place / "cache")
    (place / "tiny.yaml").write_text(config.dump())


def test_runs_and_caches_are_private(tmp_path: Path) -> None:
    config_for(tmp_path)
    ended = trm("train", "tiny.yaml", "--output-dir=run", "--plain", cwd=tmp_path)
    assert ended.status == 0, ended.err
    run = tmp_path / "run"
    send_command(run / "commands.jsonl", "save")
    names = {path.name for path in run.rglob("*")}
    expected = {"config.yaml", "events.jsonl", "worker.log", "validation.jsonl", "best.pt"}
    assert expected <= names
    assert open_to_others(run) == []
    assert open_to_others(tmp_path / "cache") == []


def test_a_folder_that_was_there_keeps_its_mode_and_what_is_written_in_it_is_private(
    tmp_path: Path,
) -> None:
    config_for(tmp_path)
    run = tmp_path / "run"
    run.mkdir(mode=0o755)
    ended = trm("train", "tiny.yaml", "--output-dir=run", "--plain", cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert mode(run) == 0o755
    assert open_to_others(run) == [str(run)]


def test_settings_and_saved_conversations_are_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    assert save(Settings())
    assert settings_path().is_relative_to(tmp_path)
    kept = SavedConversations(tmp_path / "kept" / "conversations.jsonl")
    assert kept.save({"history": []})
    for folder in ("settings", "kept"):
        assert open_to_others(tmp_path / folder) == []


def test_a_file_that_somebody_asked_for_follows_their_umask(tmp_path: Path) -> None:
    ended = trm("data", "make", "asked.jsonl", "--conversations=3", cwd=tmp_path)
    assert ended.status == 0, ended.err
    assert mode(tmp_path / "asked.jsonl") == 0o644


def test_the_umask_is_put_back(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), private_files():
        (tmp_path / "private").touch()
        raise RuntimeError
    (tmp_path / "open").touch()
    assert (mode(tmp_path / "private"), mode(tmp_path / "open")) == (0o600, 0o644)
