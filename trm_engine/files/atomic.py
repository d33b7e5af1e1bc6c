"""Atomic writes: a file appears under its name when it is whole and on the disk, or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A new file that takes the name ``path`` at the end of the ``with`` block.

    It is written beside ``path``, synced and renamed. After an error, a crash or a power cut the
    file that was there before is whole. Its mode is that of any new file: ``private_files`` makes
    it private.

    Raises:
        OSError: it cannot be written; ``filename`` is ``path``.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with open(beside, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError as error:
        if error.filename == str(beside):
            error.filename, error.filename2 = str(path), None
        raise
    finally:
        with suppress(OSError):
            beside.unlink()
    _sync_folder(path.parent)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a whole file, text as UTF-8; see ``atomic_file``."""
    data = content.encode() if isinstance(content, str) else content
    with atomic_file(path) as file:
        file.write(data)


def _sync_folder(folder: Path) -> None:
    """Have the new name on the disk, where the file system can sync a folder."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
