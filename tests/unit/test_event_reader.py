"""Reading a growing events file as a viewer does, and the numbers in it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.events import Record, read_events
from trm_engine.files.jsonl import number, to_line
from trm_engine.runs import events as events_module
from trm_engine.runs.events import EventReader
from trm_engine.runs.numbers import decode_numbers
from trm_engine.runs.schema.events import Event, Steps


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.jsonl"


def steps_line(seq: int, *losses: float) -> bytes:
    columns = {"step": list(range(1, len(losses) + 1)), "loss": list(losses)}
    by_step = [[each] for each in losses]
    return to_line(
        {"v": 1, "seq": seq, "t": 1.5, "type": "steps", "columns": columns, "by_step": by_step}
    )


def log_line(seq: int, message: str) -> bytes:
    event = {"v": 1, "seq": seq, "t": 1.5, "type": "log", "level": "info", "message": message}
    return to_line(event)


def as_dict(event: Event) -> Record:
    """An event as the standard library reads it."""
    if not isinstance(event, Steps):
        return msgspec.to_builtins(event)
    columns = {name: json.loads(bytes(text)) for name, text in event.columns.items()}
    by_step = json.loads(bytes(event.by_step))
    content = {"seq": event.seq, "t": event.t, "columns": columns, "by_step": by_step}
    return {"type": "steps", **content}


def read_all(reader: EventReader, seconds: float | None = None) -> list[Record]:
    return [as_dict(event) for event in reader.read(seconds)]


def add(path: Path, content: bytes) -> None:
    with open(path, "ab") as file:
        file.write(content)


# --- Events

lines = st.one_of(
    st.builds(log_line, st.integers(0, 99), st.text()),
    st.builds(steps_line, st.integers(0, 99), st.floats(), st.floats()),
    st.sampled_from([b"\n", b"nonsense\n", b"[1]\n", b"{}\n", b'{"seq":1}\n', b"\xff\n", b"{\n"]),
)


@settings(max_examples=50)
@given(content=st.lists(lines, max_size=30).map(b"".join), data=st.data())
def test_a_file_read_while_it_grows_is_the_file_read_at_once(
    content: bytes, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("grow") / "events.jsonl"
    cuts = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=5)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(events_module, "BLOCK", data.draw(st.integers(1, 300)))
        reader, seen = EventReader(path), []
        for begin, end in zip([0, *cuts], [*cuts, len(content)], strict=True):
            add(path, content[begin:end])
            seen += read_all(reader)
            assert reader.behind == 0
            assert not reader.restarted
    assert [{"v": 1, **event} for event in seen] == [
        {"step": None, **event} if event["type"] == "log" else event for event in read_events(path)
    ]


def test_no_file_has_no_events_and_is_read_when_it_comes(path: Path) -> None:
    reader = EventReader(path)
    assert reader.read() == []
    assert reader.behind == 0
    path.write_bytes(log_line(0, "a"))
    assert [event["message"] for event in read_all(reader)] == ["a"]
    assert not reader.restarted


def test_a_look_ends_when_its_time_is_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "BLOCK", 1000)
    path.write_bytes(b"".join(log_line(each, "x" * 45) for each in range(100)))
    reader, seen = EventReader(path), []
    shares: list[float] = []
    while not shares or shares[-1]:
        events = read_all(reader, seconds=0)
        assert 0 < len(events) <= 10
        seen += [event["seq"] for event in events]
        shares.append(reader.behind)
    assert seen == list(range(100))
    assert shares[0] == pytest.approx(0.9, abs=0.02)
    assert shares == sorted(shares, reverse=True)


@pytest.mark.parametrize("how", ["cut", "replaced", "replaced by a longer one"])
def test_another_file_is_read_from_its_beginning(path: Path, how: str) -> None:
    path.write_bytes(log_line(0, "a" * 50) + log_line(1, "b" * 50))
    reader = EventReader(path)
    assert len(reader.read()) == 2
    content = log_line(0, "new") * (5 if "longer" in how else 1)
    if how == "cut":
        path.write_bytes(content)
    else:
        beside = path.with_suffix(".new")
        beside.write_bytes(content)
        beside.replace(path)
    assert {event["message"] for event in read_all(reader)} == {"new"}
    assert reader.restarted
    assert reader.read() == []
    assert not reader.restarted


def test_the_numbers_of_steps_are_left_as_text(path: Path) -> None:
    path.write_bytes(steps_line(7, 0.25, math.nan))
    [event] = EventReader(path).read()
    assert isinstance(event, Steps)
    assert (event.seq, event.t, list(event.columns)) == (7, 1.5, ["step", "loss"])
    assert bytes(event.columns["loss"]) == b'[0.25,"NaN"]'
    assert bytes(event.by_step) == b'[[0.25],["NaN"]]'


# --- Numbers

json_numbers = st.floats() | st.none() | st.integers(-(2**60), 2**60)


def as_floats(values: list[Any]) -> list[float]:
    return [math.nan if each is None else float(number(each)) for each in values]


@given(st.lists(st.lists(json_numbers)), st.booleans())
def test_numbers_are_those_that_json_reads(arrays: list[list[Any]], spaced: bool) -> None:
    texts = [to_line({"a": array})[5:-2] for array in arrays]
    if spaced:
        texts = [b" " + text.replace(b",", b" , ") + b"\t" for text in texts]
    expected = [each for text in texts for each in as_floats(json.loads(text))]
    decoded = decode_numbers(texts)
    assert decoded.dtype == np.float64
    np.testing.assert_array_equal(decoded, np.array(expected, np.float64))
    raw = decode_numbers([msgspec.Raw(text) for text in texts])
    np.testing.assert_array_equal(decoded, raw)


@pytest.mark.parametrize("text", [b'["a"]', b"[[1],[2]]", b"1", b"[1", b'["],["]', b"[{}]", b""])
def test_what_is_no_array_of_numbers_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"number|string to float"):
        decode_numbers([b"[1]", text])
