"""Sources: the records of a file, whatever holds them.

JSON, JSON Lines, YAML, Parquet and Arrow, compressed or not, from a file, a pipe or standard input.
What a file is, is told by its content, never by its name.
"""

from __future__ import annotations

import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import closing
from os import PathLike
from typing import Any, BinaryIO, Self

from trm_engine.data.fields import ConvertError
from trm_engine.data.sources.record import Record
from trm_engine.data.sources.storage import STDIN, Readable, Storage

__all__ = ["STDIN", "Record", "Source", "read_text", "read_value"]

HEAD = 1 << 20
"""Bytes at the beginning of a file by which its layout is told."""

LONGEST_YAML = 1 << 26

YAML = re.compile(r"(---|[\w\"'][\w \"'.-]*:(\s|$)|- \S)")
"""The first line of a YAML file that is no comment."""

OTHERS = {
    b"PK\x03\x04": "a ZIP archive",
    b"SQLite format 3\0": "an SQLite database",
    b"%PDF": "a PDF document",
    b"\x80\x02": "a Python pickle",
    b"\x80\x03": "a Python pickle",
    b"\x80\x04": "a Python pickle",
    b"\x80\x05": "a Python pickle",
    b"\x93NUMPY": "a NumPy array",
    b"\x89HDF": "an HDF5 file",
    b"<": "an HTML or XML document",
}
READABLE = (
    "JSON, JSON Lines, YAML, Parquet and Arrow, which gzip, zstd, bzip2 or xz may have compressed"
)


class Source:
    """The records of a file, a pipe or standard input. They can be read several times.

    Standard input and pipes are copied to a temporary file first, which ``close`` removes.

    Args:
        path: the file, or "-" for standard input.
        stdin: what is read in place of standard input.

    Raises:
        ConvertError: it cannot be read, or is of another kind.
    """

    def __init__(self, path: str | PathLike[str], stdin: Readable | None = None) -> None:
        self._storage = Storage(path, stdin)
        self.name = self._storage.name
        try:
            self._kind = self._find_kind()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Remove the temporary file, if there is one."""
        self._storage.close()

    @property
    def is_plain(self) -> bool:
        """Whether it is a file of JSON in UTF-8, so that other code can read it too."""
        return self._kind == "JSON" and self._storage.is_plain

    @property
    def share(self) -> float:
        """The share of the file that the last iteration has read, 0 to 1."""
        return self._storage.share

    def digest(self) -> str:
        """A hash of the file's bytes."""
        return self._storage.digest()

    def __iter__(self) -> Iterator[Record]:
        """The records. One that cannot be read has a problem instead of a value.

        Raises:
            ConvertError: the file cannot be read any further.
        """
        with closing(self._storage.open()) as file, self._storage.translated_errors():
            if self._kind in ("Parquet", "Arrow"):
                from trm_engine.data.sources.tables import table_records

                yield from table_records(file, self.name, self._kind, self._storage)
            elif self._kind == "YAML":
                yield _yaml_record(file, self.name)
            else:
                from trm_engine.data.sources.json_text import json_records

                yield from json_records(file, self.name, HEAD)

    def _find_kind(self) -> str:
        with closing(self._storage.open()) as file, self._storage.translated_errors():
            head: bytes = file.peek(HEAD)  # type: ignore[attr-defined]
        if not head.removeprefix(BOM_UTF8).strip():
            self._refuse_blank()
        if head.startswith(b"PAR1"):
            kind = "Parquet"
        elif head.startswith((b"ARROW1", b"\xff\xff\xff\xff", b"FEA1")):
            kind = "Arrow"
        else:
            return self._text_kind(head)
        self._storage.make_seekable()
        return kind

    def _text_kind(self, head: bytes) -> str:
        other = next((name for magic, name in OTHERS.items() if head.startswith(magic)), None)
        if other is None and head[257:262] == b"ustar":
            other = "a tar archive"
        if other:
            raise ConvertError(f"{self.name}: {other} cannot be read; expected {READABLE}")
        lines = head.decode("utf-8-sig", "replace").splitlines()
        first = next((line for line in lines if line.strip() and not line.startswith("#")), "")
        is_named_json = self.name.endswith((".json", ".jsonl"))  # however damaged it is
        return "YAML" if YAML.match(first) and not is_named_json else "JSON"

    def _refuse_blank(self) -> None:
        with closing(self._storage.open()) as file, self._storage.translated_errors():
            if not any(line.removeprefix(BOM_UTF8).strip() for line in file):
                raise ConvertError(f"{self.name}: the file is empty, expected conversations")


def read_value(path: str | PathLike[str]) -> Any:
    """The single value of a file, such as a list of tools.

    Raises:
        ConvertError: the file cannot be read, or has several values.
    """
    with Source(path) as source:
        records = list(source)
    for record in records:
        if record.problem is not None:
            raise record.problem
    if len(records) == 1 and not records[0].is_item:
        return records[0].value
    return [record.value for record in records]


def read_text(path: str | PathLike[str]) -> str:
    """The text of a file. Raises ConvertError."""
    storage = Storage(path)
    try:
        with storage.translated_errors():
            return _decoded(storage.open().read(), storage.name)
    finally:
        storage.close()


def _yaml_record(file: BinaryIO, name: str) -> Record:
    from trm_engine.files.plain_yaml import YamlError, read_yaml

    text = _decoded(file.read(LONGEST_YAML + 1), name)
    try:
        return Record(name, "1", read_yaml(text, LONGEST_YAML).value)
    except YamlError as error:
        line = f", line {error.line}" if error.line else ""
        raise ConvertError(f"{name}{line}: expected YAML ({error.problem})") from None


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        problem = f"{name}, line {line}: expected UTF-8 text ({error.reason})"
        raise ConvertError(problem) from None
