"""Random access to the lines of a JSONL file."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from trm_engine.errors import DataError

BLOCK = 1 << 22


class SampleFile:
    """Reads the samples of a file by line number, from 1. Thread-safe.

    A file of another format is converted first; its samples are numbered as they come. The line
    offsets are computed on first use, and again after the file changed.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = threading.Lock()
        self._known: tuple[int, int] | None = None
        self._starts = np.zeros(1, np.int64)

    def load(self, line: int) -> dict[str, Any] | None:
        """The JSON object on a line; None if the line is missing or blank.

        Raises:
            OSError: the file cannot be read.
            DataError: the line is not a JSON object.
        """
        raw = self._read(line)
        if not raw.strip():
            return None
        try:
            record = json.loads(raw.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise self._error(line, f"not UTF-8 text (byte {error.start + 1})") from None
        except json.JSONDecodeError as error:
            raise self._error(line, f"broken JSON at column {error.pos + 1}: {error.msg}") from None
        except ValueError as error:
            raise self._error(line, f"broken JSON: {error}") from None
        except RecursionError:
            raise self._error(line, "JSON is nested too deeply") from None
        if not isinstance(record, dict):
            raise self._error(line, f"expected a JSON object, not {type(record).__name__}")
        return record

    def __len__(self) -> int:
        """The number of lines, including blank ones."""
        with self._lock, self._open() as file:
            return len(self._line_starts(file)) - 1

    def _open(self) -> BinaryIO:
        """The file with a sample a line. A file of no known format is its own: each line tells."""
        from trm_engine.data.as_samples import samples_file  # slow to import
        from trm_engine.data.formats.detection import UnknownFormatError

        try:
            return open(samples_file(self.path), "rb")
        except UnknownFormatError:
            return open(self.path, "rb")

    def _read(self, line: int) -> bytes:
        with self._lock, self._open() as file:
            starts = self._line_starts(file)
            if not 1 <= line < len(starts):
                return b""
            begin, end = starts[line - 1 : line + 1].tolist()
            file.seek(begin)
            return file.read(end - begin)

    def _line_starts(self, file: BinaryIO) -> np.ndarray:
        """The offset of each line, and finally the size of the file."""
        status = os.fstat(file.fileno())
        now = (status.st_size, status.st_mtime_ns)
        if now != self._known:
            self._starts, self._known = _find_starts(file), now
        return self._starts

    def _error(self, line: int, problem: str) -> DataError:
        return DataError(f"{self.path}, line {line}: {problem}")


def _find_starts(file: BinaryIO) -> np.ndarray:
    starts, size = [np.zeros(1, np.int64)], 0
    while block := file.read(BLOCK):
        breaks = np.flatnonzero(np.frombuffer(block, np.uint8) == ord("\n"))
        starts.append(breaks + size + 1)
        size += len(block)
    found = np.concatenate(starts)
    return found if found[-1] == size else np.append(found, size)
