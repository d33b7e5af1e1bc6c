"""The events of a run as JSON objects, for tests and benchmarks."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.runs.schema.events import RunStarted, decode_whole

Record = dict[str, Any]
"""An event as a JSON object."""


def read_events(path: Path) -> list[Record]:
    """All complete events of a file, in order; [] if there is no file."""
    try:
        content = path.read_bytes()
    except OSError:
        return []
    lines = content[: content.rfind(b"\n") + 1].splitlines()
    return [record for line in lines if decode_whole(line) and (record := _decoded(line))]


def _decoded(line: bytes) -> Record | None:
    """A line as a record. None for text that is not UTF-8 in a field that no event has."""
    try:
        return msgspec.json.decode(line)
    except UnicodeDecodeError:
        return None


def run_started(resumed_from: int | None = None, device: str = "cpu") -> Record:
    """A ``run_started`` event."""
    return {
        "type": "run_started",
        "resumed_from": resumed_from,
        "total_steps": 900,
        "device": device,
        "config": {"type": "steps", "training": {"eval_interval": 9}},
        "steps_per_epoch": 10,
        "data": {"train": {"samples": 9, "path": "a"}, "val": {"samples": 3, "path": "b"}},
        "parameters": {"total": 1},
        "dtype": "float32",
    }


def last_kept(started: Record) -> int:
    """The last update that a start keeps of earlier ones."""
    return msgspec.convert(started, RunStarted, strict=False).last_kept


def step_columns(events: Iterable[Record]) -> dict[str, list[Any]]:
    """The columns of all valid updates, without those that a resumed run repeated.

    If an event lacks a column, its updates have None there.
    """
    columns: dict[str, list[Any]] = {}
    for event in events:
        if event["type"] == "run_started":
            _forget_after(columns, last_kept(event))
        elif event["type"] == "steps":
            _append(columns, {**event["columns"], "by_step": event["by_step"]})
    return columns


def _append(columns: dict[str, list[Any]], new: dict[str, list[Any]]) -> None:
    before, added = len(columns.get("by_step", [])), len(new["by_step"])
    for name in dict.fromkeys([*columns, *new]):
        column = columns.setdefault(name, [None] * before)
        column += new.get(name, [None] * added)


def _forget_after(columns: dict[str, list[Any]], step: int) -> None:
    kept = sum(1 for each in columns.get("step", []) if each <= step)
    for values in columns.values():
        del values[kept:]
