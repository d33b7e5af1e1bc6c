"""KeptTexts: the conversations that a server keeps, read while the file grows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from trm_engine.serving.texts import Kept, read_kept

BLOCK = 4 << 20
"""Bytes that are read at once."""
NEWEST = 16 << 20
"""Bytes at the end of a file that are read when it is opened."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class KeptTexts:
    """The file of a server's conversations."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._place: int | None = None
        self._file: tuple[int, int] | None = None

    @property
    def is_here(self) -> bool:
        """Whether the file can be read on this machine, by this user."""
        return os.access(self.path, os.R_OK)

    def read(self) -> list[Kept]:
        """The conversations that were added since the last call, or to the end of the file."""
        with suppress(OSError), open(self.path, "rb") as file:
            found = os.fstat(file.fileno())
            if self._file != (found.st_dev, found.st_ino) or found.st_size < (self._place or 0):
                self._file = (found.st_dev, found.st_ino)
                self._place = max(found.st_size - NEWEST, 0)
            file.seek(self._place or 0)
            block = file.read(BLOCK)
            whole = block.rfind(b"\n") + 1
            if not whole and len(block) == BLOCK:
                whole = len(block)  # no line of ours is that long
            self._place = (self._place or 0) + whole
            return [*_records(block[:whole])]
        return []


def _records(lines: bytes) -> Iterator[Kept]:
    for line in lines.splitlines():
        with suppress(ValueError, RecursionError):
            if (kept := read_kept(_decode(line))) and kept.history:
                yield kept
