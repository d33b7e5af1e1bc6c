"""Archives: whether a file that torch wrote still holds the bytes that were written.

torch writes a zip archive with a checksum for each part, and never compares them when it reads.
"""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

LOCAL_HEADER = struct.Struct("<4s22xHH")
LOCAL_START = b"PK\x03\x04"
ENCRYPTED = 1

CHUNK = 1 << 20
THREADS = 4
"""Checksums are computed without the interpreter's lock."""


@dataclass(frozen=True)
class Part:
    """A part of an archive: its name, the checksum found, the one expected, and its bytes."""

    name: str
    found: int
    expected: int
    size: int


def damaged_part(path: Path) -> Part | None:
    """The first part of an archive that is damaged; None if all parts are sound.

    Raises:
        ValueError: it is no archive as torch writes them; the message says why.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        try:
            entries = zipfile.ZipFile(file).infolist()
        except (zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise ValueError("is cut off or damaged") from error
        _refuse_foreign(entries, os.fstat(file.fileno()).st_size)
        with ThreadPoolExecutor(THREADS) as threads:
            parts = list(threads.map(lambda entry: _read(file, entry), entries))
    return next((part for part in parts if part.found != part.expected), None)


def _refuse_foreign(entries: Sequence[zipfile.ZipInfo], size: int) -> None:
    if len({entry.filename for entry in entries}) < len(entries):
        raise ValueError("holds a part twice")
    if any(entry.flag_bits & ENCRYPTED for entry in entries):
        raise ValueError("is encrypted")
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise ValueError("is compressed by another program; load and save it with torch")
    if sum(entry.file_size for entry in entries) > size:
        raise ValueError("is cut off or damaged")


def _read(file: BinaryIO, entry: zipfile.ZipInfo) -> Part:
    """An entry with its checksum, which is -1 if the entry's header or its end is missing."""
    header = os.pread(file.fileno(), LOCAL_HEADER.size, entry.header_offset)
    found, left = 0, entry.file_size
    if len(header) == LOCAL_HEADER.size:
        start, name_length, extra_length = LOCAL_HEADER.unpack(header)
        place = entry.header_offset + LOCAL_HEADER.size
        name = os.pread(file.fileno(), name_length, place)
        place += name_length + extra_length
        if start == LOCAL_START and name == entry.orig_filename.encode():
            while left and (chunk := os.pread(file.fileno(), min(left, CHUNK), place)):
                found = zlib.crc32(chunk, found)
                left -= len(chunk)
                place += len(chunk)
            if not left:
                return Part(entry.filename, found, entry.CRC, entry.file_size)
    return Part(entry.filename, -1, entry.CRC, entry.file_size)
