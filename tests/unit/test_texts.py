"""The file in which a server keeps conversations."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trm_engine.errors import UserError
from trm_engine.serving import texts
from trm_engine.serving.redaction import Redactor
from trm_engine.serving.texts import Kept, Served, TextLog, read_kept


def kept(said: str = "It is 0901234567.") -> Kept:
    return Kept(
        history=[{"role": "user", "content": said}],
        served=Served(
            time=1796042062.123,
            model="m",
            interface="chat",
            outcome="call",
            decision="tool_call",
            calls=[{"name": "find", "arguments": {"phone": "0901234567"}}],
            slots={"phone": "0901234567"},
            confidence=0.1234567890123456,
            q=0.5,
            reason="0901234567 is too short",
        ),
    )


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_what_is_kept_is_redacted_and_private(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text("")
    path.chmod(0o644)
    log = TextLog(path, Redactor(), print)
    log.keep(kept)
    log.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    (record,) = lines(path)
    assert record["history"][0]["content"] == "It is [phone 1]."
    assert record["served"]["calls"][0]["arguments"] == record["served"]["slots"]
    assert record["served"]["reason"] == "[phone 1] is too short"
    assert record["served"]["slots"] == {"phone": "[phone 1]"}
    found = read_kept(record)
    assert found is not None
    assert found.served == msgspec.structs.replace(
        kept().served,
        calls=record["served"]["calls"],
        slots={"phone": "[phone 1]"},
        reason="[phone 1] is too short",
    )
    assert read_kept({"history": []}) is None


def test_a_full_file_is_renamed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "LARGEST", 1000)
    path = tmp_path / "texts.jsonl"
    log = TextLog(path, Redactor(), print)
    for number in range(9):
        log.keep(lambda number=number: kept(f"say {number}"))  # type: ignore[misc]
    log.close()
    older = tmp_path / "texts.jsonl.1"
    said = [each["history"][0]["content"] for file in (older, path) for each in lines(file)]
    assert said == [f"say {number}" for number in range(9)][-len(said) :]
    assert max(path.stat().st_size, older.stat().st_size) <= 1000
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_cannot_be_written_is_counted_and_told_once(tmp_path: Path) -> None:
    said: list[str] = []
    folder = tmp_path / "folder"
    folder.mkdir()
    log = TextLog(folder / "texts.jsonl", Redactor(), said.append)
    (folder / "texts.jsonl").unlink()
    folder.rmdir()
    for _ in range(3):
        log.keep(lambda: kept("secret"))
    log.close()
    assert log.lost == 3
    assert len(said) == 1
    assert "secret" not in said[0]
    with pytest.raises(UserError, match="--log-texts"):
        TextLog(tmp_path, Redactor(), print)


def test_more_than_can_wait_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "MOST_WAITING", 2)
    begun, may_go_on = threading.Event(), threading.Event()

    def slow() -> Kept:
        begun.set()
        may_go_on.wait(30)
        return kept()

    log = TextLog(tmp_path / "texts.jsonl", Redactor(), print)
    log.keep(slow)
    begun.wait(30)
    for _ in range(5):
        log.keep(kept)
    may_go_on.set()
    log.close()
    assert log.lost == 3
    assert len(lines(log.path)) == 3
