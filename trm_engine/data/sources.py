"""Files: the conversations of a JSON or JSONL file, each with its place in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from trm_engine.data.fields import ConvertError, parse_json


def records(path: Path) -> Iterator[tuple[str, Any]]:
    """The conversations of a file, unread, each with its place for error messages."""
    for where, value in _values(path):
        if _is_list_of_conversations(value):
            for number, record in enumerate(value, 1):
                yield f"{where}, conversation {number}", record
        else:
            yield where, value


def _is_list_of_conversations(value: Any) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and not any(isinstance(item, dict) and "role" in item for item in value)
    )


def _values(path: Path) -> Iterator[tuple[str, Any]]:
    """The JSON values of a file: one a line, or one that the whole file is."""
    first = next((line for _, line in _lines(path) if line.strip()), None)
    if first is None:
        raise ConvertError(f"{path}: the file is empty, expected conversations")
    if not _is_json(first):
        yield str(path), parse(read_text(path), str(path))
        return
    for number, line in _lines(path):
        if line.strip():
            where = f"{path}, line {number}"
            yield where, parse(line, where)


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except ValueError:
        return False
    return True


def read_text(path: Path) -> str:
    return "".join(line for _, line in _lines(path))


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """The numbered lines of a UTF-8 file."""
    number = 0
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise ConvertError(f"{path}, line {number}: expected UTF-8 text ({error.reason})") from None
    except OSError as error:
        raise ConvertError(f"{path}: cannot be read ({error.strerror})") from None


def parse(text: str, where: str) -> Any:
    try:
        return parse_json(text)
    except json.JSONDecodeError as error:
        line = "" if ", line " in where else f", line {error.lineno}"
        raise ConvertError(
            f"{where}{line}: expected JSON ({error.msg} at column {error.colno})"
        ) from None
    except ValueError as error:
        raise ConvertError(f"{where}: expected JSON ({error})") from None
