"""SavedConversations: newest first, limited in number, whole whatever happens."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from trm_engine.files.jsonl import newest_first, to_line
from trm_tui.sessions import saved_conversations as kept
from trm_tui.sessions.saved_conversations import (
    MAX_SAVED,
    DraftSaver,
    SavedConversations,
    saved_path,
)
from trm_tui.store.draft import Draft

Record = dict[str, Any]


def said(text: str) -> Record:
    return {"tools": [], "history": [{"role": "user", "content": text}]}


def texts(path: Path) -> list[str]:
    """What is in the file, the newest last."""
    return [record["history"][0]["content"] for record in newest_first(path)][::-1]


@pytest.fixture
def conversations(tmp_path: Path) -> SavedConversations:
    return SavedConversations(tmp_path / "state" / "conversations.jsonl")


def filled(path: Path, count: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(to_line(said(str(number))) for number in range(count)))


def test_the_file_is_where_the_system_keeps_states(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/somewhere")
    assert saved_path() == Path("/somewhere/trm-tui/conversations.jsonl")
    assert SavedConversations().path == saved_path()


def test_nothing_is_kept_at_first(conversations: SavedConversations) -> None:
    assert conversations.last() is None
    assert not conversations.path.parent.exists()


def test_the_newest_is_the_last(conversations: SavedConversations) -> None:
    for text in ("a", "b é 👍", "c\n"):
        assert conversations.save(said(text))
        assert conversations.last() == said(text)
    assert texts(conversations.path) == ["a", "b é 👍", "c\n"]


def test_what_is_kept_again_is_there_once_and_the_newest(conversations: SavedConversations) -> None:
    for text in ("a", "b", "a"):
        conversations.save(said(text))
    assert texts(conversations.path) == ["b", "a"]


def test_a_later_state_takes_the_place_of_an_earlier_one(conversations: SavedConversations) -> None:
    for text in ("a", "b", "c"):
        conversations.save(said(text))
    conversations.save(said("b, and more"), instead_of=said("b"))
    assert texts(conversations.path) == ["a", "c", "b, and more"]


def test_an_earlier_state_that_is_not_there_takes_nothing_away(
    conversations: SavedConversations,
) -> None:
    conversations.save(said("a"))
    conversations.save(said("b"), instead_of=said("never kept"))
    assert texts(conversations.path) == ["a", "b"]


def test_of_too_many_the_oldest_go(conversations: SavedConversations) -> None:
    filled(conversations.path, MAX_SAVED)
    conversations.save(said("new"))
    assert texts(conversations.path) == [*map(str, range(1, MAX_SAVED)), "new"]


@pytest.mark.parametrize("torn", [b'{"history": [{"role', b"\xff\xfe", b"[1]", b"{}", b"\n\n"])
def test_a_torn_or_foreign_last_line_is_passed_over(
    torn: bytes, conversations: SavedConversations
) -> None:
    filled(conversations.path, 2)
    with open(conversations.path, "ab") as file:
        file.write(torn)
    assert conversations.last() == said("1")
    assert conversations.save(said("2"))
    assert texts(conversations.path) == ["0", "1", "2"]


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    conversations = SavedConversations(tmp_path / "file" / "conversations.jsonl")
    assert not conversations.save(said("a"))
    assert conversations.last() is None


def test_what_cannot_be_written_leaves_what_was_there(
    conversations: SavedConversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(conversations.path, 3)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    assert not conversations.save(said("new"))
    assert texts(conversations.path) == ["0", "1", "2"]


def test_a_lock_that_is_not_given_back_is_waited_for_and_told(
    conversations: SavedConversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(conversations.path, 1)
    monkeypatch.setattr(kept, "LOCK_SECONDS", 0.05)
    with FileLock(f"{conversations.path}.lock"):
        assert not conversations.save(said("new"))
    assert conversations.save(said("new"))


def broken(path: Path) -> Iterator[Record]:
    raise OSError(5, "Input/output error")
    yield {}


def test_what_cannot_be_read_is_not_written_over(
    conversations: SavedConversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(conversations.path, 3)
    with monkeypatch.context() as patched:
        patched.setattr(kept, "newest_first", broken)
        conversations.save(said("new"))
    assert texts(conversations.path)[:3] == ["0", "1", "2"]


def test_nothing_is_left_beside_when_it_cannot_be_replaced(
    conversations: SavedConversations, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    filled(conversations.path, 1)
    monkeypatch.setattr("os.replace", refuse)
    assert not conversations.save(said("new"))
    names = {path.name for path in conversations.path.parent.iterdir()}
    assert names <= {"conversations.jsonl", "conversations.jsonl.lock"}


def test_deep_json_in_a_tool_turn_is_kept_or_refused(conversations: SavedConversations) -> None:
    deep: Any = "x"
    for _ in range(600):
        deep = [deep]
    conversations.save({"history": [{"role": "tool_response", "content": deep}]})


# At once --------------------------------------------------------------------------------------


def keep_all(path: Path, names: list[str]) -> None:
    """Keep conversations one after the other, each until it is written."""
    conversations = SavedConversations(path)
    for name in names:
        while not conversations.save(said(name)):
            pass


def test_threads_at_once_lose_nothing(conversations: SavedConversations) -> None:
    groups = [[f"{thread}.{number}" for number in range(6)] for thread in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(keep_all, [conversations.path] * 4, groups))
    assert sorted(texts(conversations.path)) == sorted(chain(*groups))


def test_processes_at_once_lose_nothing(conversations: SavedConversations) -> None:
    groups = [[f"{process}.{number}" for number in range(10)] for process in range(2)]
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=keep_all, args=(conversations.path, names)) for names in groups
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
        assert process.exitcode == 0
    kept_now = texts(conversations.path)
    assert sorted(kept_now) == sorted(chain(*groups))
    for names in groups:
        assert [name for name in kept_now if name in names] == names


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_what_is_no_file_neither_stops_nor_is_replaced(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "conversations.jsonl"
    os.mkfifo(path) if kind == "pipe" else path.mkdir()
    kept = SavedConversations(path)
    assert kept.last() is None
    assert kept.save({"history": [{"role": "user", "content": "x"}]}) is False
    assert not path.is_file()


def test_a_conversation_with_another_model_is_not_offered(tmp_path: Path) -> None:
    saved = SavedConversations(tmp_path / "conversations.jsonl")
    draft = Draft.of(said("hello"))
    DraftSaver(saved, "first/best.pt").save(draft)
    same, other = DraftSaver(saved, "first/best.pt"), DraftSaver(saved, "second/best.pt")
    assert same.reopen().record() == draft.record() and not same.is_of_another
    assert other.reopen() == Draft() and other.is_of_another
