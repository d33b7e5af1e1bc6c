"""The queue of the least sure requests, and the file that it is read from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from trm_engine.data.samples import parse_sample
from trm_engine.serving.texts import Kept, Served
from trm_tui.sessions import kept_texts
from trm_tui.sessions.kept_texts import KeptTexts
from trm_tui.store import unsure as store
from trm_tui.store.draft import Draft
from trm_tui.store.unsure import Unsure


def kept(confidence: float, said: str = "hello", *, tool: str = "", outcome: str = "call") -> Kept:
    return Kept(
        history=[{"role": "user", "content": said}],
        served=Served(
            time=1796042062.5,
            model="run",
            interface="chat",
            outcome=outcome,
            decision="tool_call" if tool else "direct_answer",
            calls=[{"name": tool, "arguments": {"phone": "[phone 1]"}}] * bool(tool),
            slots={"phone": "[phone 1]", "name": ""},
            confidence=confidence,
            q=confidence,
        ),
    )


def line(record: Kept) -> bytes:
    return json.dumps(to_builtins(record)).encode() + b"\n"


def test_the_least_sure_are_first_and_the_surest_are_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(store, "MOST", 3)
    unsure = Unsure()
    assert not unsure.take([])
    assert unsure.take(map(kept, [0.9, 0.3, 0.5]))
    assert unsure.take(map(kept, [0.4]))
    assert not unsure.take(map(kept, [0.99]))
    assert [each.served.confidence for each in unsure.requests] == [0.3, 0.4, 0.5]
    assert (unsure.seen, [each.number for each in unsure.requests]) == (5, [1, 3, 2])
    unsure.remove(unsure.requests[0])
    assert [each.served.confidence for each in unsure.requests] == [0.4, 0.5]


@pytest.mark.parametrize("tool", ["", "find_customer"])
def test_a_request_is_a_sample_and_a_draft(tool: str) -> None:
    unsure = Unsure()
    unsure.take([kept(0.5, "It is [phone 1]", tool=tool)])
    (request,) = unsure.requests
    sample = parse_sample(json.dumps(request.sample()))
    assert sample.decision == ("tool_call" if tool else "direct_answer")
    assert sample.slots == {"phone": "[phone 1]", "name": ""}
    assert request.answer == (tool or "direct_answer")
    assert request.text == "It is [phone 1]"
    assert Draft.of(request.conversation()).right_answer is None


def test_a_file_that_grows_is_read_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    texts = KeptTexts(path)
    assert (texts.read(), texts.is_here) == ([], False)
    whole = line(kept(0.1)) + b"no JSON\n[1]\n{}\n" + line(kept(0.2))
    path.write_bytes(whole + line(kept(0.3))[:20])
    assert [each.served.confidence for each in texts.read()] == [0.1, 0.2]
    assert texts.read() == []
    path.write_bytes(whole + line(kept(0.3)))
    assert [each.served.confidence for each in texts.read()] == [0.3]


def test_a_file_that_was_renamed_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_bytes(line(kept(0.1)) * 3)
    texts = KeptTexts(path)
    assert len(texts.read()) == 3
    path.rename(tmp_path / "texts.jsonl.1")
    path.write_bytes(line(kept(0.2)))
    assert [each.served.confidence for each in texts.read()] == [0.2]


def test_of_a_long_file_the_end_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_bytes(b"".join(line(kept(place / 100)) for place in range(100)))
    monkeypatch.setattr(kept_texts, "NEWEST", 5 * len(line(kept(0.5))))
    monkeypatch.setattr(kept_texts, "BLOCK", 2 * len(line(kept(0.5))))
    texts = KeptTexts(path)
    found: list[Any] = []
    while new := texts.read():
        found += [each.served.confidence for each in new]
    assert found == [0.96, 0.97, 0.98, 0.99] or found == [0.95, 0.96, 0.97, 0.98, 0.99]
