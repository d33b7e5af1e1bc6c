"""The output of `trm-tui data`: a new file, or standard output."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from trm_engine.printable import data_stream

STDOUT = "-"

Force = Annotated[bool, typer.Option("--force", help="Overwrite OUT if it exists.")]


def refuse_existing(out: str, force: bool) -> None:
    """Raise DataError if a file would be overwritten without --force."""
    from trm_engine.errors import DataError

    if out != STDOUT and not force and Path(out).is_file():
        raise DataError(f"{out}: exists already; --force overwrites it")


def write_lines(out: str, records: Iterable[dict[str, Any]]) -> int:
    """Write records as JSON lines in UTF-8 and return their number."""
    from trm_engine.files.jsonl import to_json

    count = 0
    with _output(out) as file:
        for record in records:
            file.write(to_json(record).encode() + b"\n")
            count += 1
        file.flush()
    return count


def write_text(out: str, text: str) -> None:
    """Write a whole file of UTF-8."""
    with _output(out) as file:
        file.write(text.encode())
        file.flush()


@contextmanager
def _output(out: str) -> Iterator[BinaryIO]:
    """Open standard output, a device, or a file that gets its name only when it is complete."""
    from trm_engine.errors import DataError
    from trm_engine.files.atomic import atomic_file

    if out == STDOUT:
        yield data_stream()
        return
    path = Path(out)
    is_device = path.exists() and not path.is_file() and not path.is_dir()
    try:
        with open(path, "wb") if is_device else atomic_file(path) as file:
            yield file
    except OSError as error:
        raise DataError(f"{out}: cannot be written: {error.strerror}") from None
