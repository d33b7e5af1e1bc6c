"""JSON lines: appended whole, and read while the file grows. A torn last line is skipped."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.files.private import FILE_MODE
from trm_engine.printable import data_stream, is_plain, replace_hidden

BLOCK = 1 << 16
NUMBER = "$number"
"""Key that marks NaN or an infinity in a message between processes."""


def to_json(value: Any, **layout: Any) -> str:
    """A value as JSON that any reader accepts and that is safe to print on a terminal.

    NaN and infinities become strings, which ``number`` reads. Control and format characters and
    lone surrogates are escaped. ``layout``: options of ``json.dumps`` for white space.
    """
    text = _dumps(value, _name, **layout)
    return text if is_plain(text) else replace_hidden(text, _escape)


def write_json(value: Any) -> None:
    """Write a value on standard output, one line of JSON in UTF-8."""
    stream = data_stream()
    stream.write(to_json(value).encode() + b"\n")
    stream.flush()


def to_line(record: dict[str, Any]) -> bytes:
    """One record as a line, as ``to_json`` writes it, except that a lone surrogate becomes "?"."""
    text = _dumps(record, _name, separators=(",", ":"))
    if not is_plain(text):
        text = replace_hidden(text.encode("utf-8", "replace").decode(), _escape)
    return text.encode() + b"\n"


def number(value: Any) -> Any:
    """The number that ``to_json`` wrote as a string; other values stay as they are."""
    return float(value) if value in ("NaN", "Infinity", "-Infinity") else value


def to_message(record: dict[str, Any]) -> bytes:
    """One record as a line for another process, which ``from_message`` reads back exactly."""
    text = _dumps(record, lambda value: {NUMBER: _name(value)}, ensure_ascii=True, default=str)
    return text.encode() + b"\n"


def from_message(line: bytes) -> Any:
    """What ``to_message`` was given; raises ValueError for other lines."""
    try:
        return json.loads(line, object_hook=_unmark if NUMBER.encode() in line else None)
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def append(path: Path, lines: bytes) -> None:
    """Add whole lines to a file in one write. A torn last line is ended first.

    Raises:
        OSError: the file cannot be written; then no part of ``lines`` is in it.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, FILE_MODE)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            lines = b"\n" + lines
        written = os.write(descriptor, lines)
        if written != len(lines):
            os.ftruncate(descriptor, size)
            raise OSError(28, "No space left on device", str(path))
    finally:
        os.close(descriptor)


def newest_first(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the whole records of a file from its end, reading only as far as needed."""
    return filter(None, map(_record, lines_newest_first(path)))


def lines_newest_first(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file from its end, including torn and empty ones.

    A file that is missing or cannot be read has none.
    """
    with suppress(OSError), open(path, "rb") as file:
        place = file.seek(0, os.SEEK_END)
        ending: list[bytes] = []  # parts of a line whose start is not read yet, the last first
        while place:
            size = min(BLOCK, place)
            place = file.seek(place - size)
            first, *others = file.read(size).split(b"\n")
            if others:
                yield others.pop() + b"".join(reversed(ending))
                yield from reversed(others)
                ending = []
            ending.append(first)
        yield b"".join(reversed(ending))


def _record(line: bytes) -> dict[str, Any] | None:
    try:
        record: dict[str, Any] = _decode(line)
    except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
        return None
    return record


_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _dumps(value: Any, replace: Callable[[float], Any], **layout: Any) -> str:
    """JSON, with a replacement for each number that JSON does not have."""
    options = {"ensure_ascii": False, "allow_nan": False, **layout}
    try:
        return json.dumps(value, **options)
    except ValueError:
        return json.dumps(_finite(value, replace), **options)


def _finite(value: Any, replace: Callable[[float], Any]) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return replace(value)
    if isinstance(value, dict):
        return {str(key): _finite(each, replace) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each, replace) for each in value]
    return value


def _name(value: float) -> str:
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _unmark(record: dict[str, Any]) -> Any:
    name = record.get(NUMBER)
    is_marked = len(record) == 1 and name in ("NaN", "Infinity", "-Infinity")
    return number(name) if is_marked else record


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1]
