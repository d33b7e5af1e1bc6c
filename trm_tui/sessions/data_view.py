"""DataSession: a data file, the process that reads it, and its samples."""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from trm_engine.data.problems.figures import Figure, figures_of
from trm_engine.data.problems.reading import Reading
from trm_engine.data.problems.task import task_of
from trm_engine.data.problems.view import DataView, ViewOptions, is_indexed, open_view
from trm_engine.errors import DataError, WorkerError
from trm_engine.files.jsonl import from_message
from trm_engine.label_errors.review import Review

READER = [sys.executable, "-P", "-m", "trm_engine.data.problems"]
LOG_TAIL = 2000
CACHED_SAMPLES = 512
SEARCHED_AT_ONCE = 2000

Record = dict[str, Any]
FILE, OTHER = "file", "other"

_decode = msgspec.json.Decoder(Record).decode


class DataSession:
    """A file of samples, optionally seen against another one.

    A process of its own reads files that are not in the index yet, so that the screen stays quick
    and the reading can be cancelled.
    """

    def __init__(self, path: Path, options: ViewOptions) -> None:
        self.path = path
        self.options = options
        self.view: DataView | None = None
        self.figures: list[Figure] = []
        self.review: Review | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._lock = threading.Lock()
        self._loaded = lru_cache(CACHED_SAMPLES)(self._load)

    async def open(self) -> AsyncIterator[tuple[str, float]]:
        """Read the file. Yields what is done, and its share from 0 to 1.

        Raises:
            UserError: a file is missing or cannot be used.
            WorkerError: the process died.
        """
        if not await asyncio.to_thread(is_indexed, self.path, self.options):
            async for message in self._read():
                yield message
        self.view = await asyncio.to_thread(open_view, self.path, self.options)
        limit = self.options.max_length
        self.figures = await asyncio.to_thread(figures_of, self.view.file, limit)

    def open_review(self) -> None:
        """Read the search for label errors, if there is one.

        Raises:
            UserError: its suspects or decisions cannot be read.
        """
        if self.view and self.view.errors:
            self.review = Review(self.path, self.view.errors)

    async def close(self) -> None:
        """End the process."""
        process, self._process = self._process, None
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()

    def sample(self, row: int, side: str = FILE) -> Record | None:
        """A sample of the file, or of the other one; None if it cannot be read any more."""
        return self._loaded(row, side)

    @property
    def choices(self) -> frozenset[str]:
        """The fields that are choices among few values."""
        return self.view.file.choices if self.view else frozenset()

    def line(self, row: int, side: str = FILE) -> int:
        """The line of a sample in its file."""
        return int(self._reading(side).columns["line"][row])

    def row(self, line: int) -> int | None:
        """The row of the sample in a line of the file; None if there is none."""
        lines = self._reading(FILE).columns["line"]
        row = int(np.searchsorted(lines, line))
        return row if row < len(lines) and lines[row] == line else None

    def raw(self, row: int) -> bytes:
        """The line of a sample as it stands in the file.

        Raises:
            OSError: the file cannot be read any more.
        """
        return self._raw(row, FILE)

    def search(self, rows: Sequence[int], words: str) -> Iterator[tuple[list[int], float]]:
        """Look for words in samples. Yields the places in ``rows`` of those that have all of them,
        a part at a time, and the share that is done."""
        wanted = words.casefold().split()
        for begin in range(0, len(rows), SEARCHED_AT_ONCE):
            part = rows[begin : begin + SEARCHED_AT_ONCE]
            texts = ((place, self._text(row)) for place, row in enumerate(part, begin))
            found = [place for place, text in texts if all(word in text for word in wanted)]
            yield found, min(1.0, (begin + len(part)) / len(rows))

    # Files ------------------------------------------------------------------------------------

    def _reading(self, side: str) -> Reading:
        assert self.view
        reading = self.view.other if side == OTHER else self.view.file
        assert reading
        return reading

    def _raw(self, row: int, side: str) -> bytes:
        reading = self._reading(side)
        offset = int(reading.columns["offset"][row])
        with self._lock, open(reading.lines, "rb") as file:
            file.seek(offset)
            return file.readline()

    def _load(self, row: int, side: str) -> Record | None:
        try:
            return _decode(self._raw(row, side))
        except (OSError, ValueError, RecursionError):
            return None

    def _text(self, row: int) -> str:
        """What a search looks in: the turns, the decision, the tool and the slots."""
        sample = self._load(row, FILE) or {}
        parts = [sample.get(name) for name in ("history", "decision", "tool", "slots", "content")]
        return str(parts).casefold()

    # The process ------------------------------------------------------------------------------

    async def _read(self) -> AsyncIterator[tuple[str, float]]:
        with tempfile.TemporaryFile() as log:
            process = self._process = await asyncio.create_subprocess_exec(
                *READER,
                task_of(self.path.absolute(), self.options),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
            assert process.stdout
            is_done = False
            async for line in process.stdout:
                message = from_message(line)
                if message["type"] == "progress":
                    yield message["what"], message["share"]
                elif message["type"] == "error":
                    raise DataError(message["message"])
                is_done = message["type"] == "done"
            await process.wait()
            if not is_done:
                log.seek(0)
                said = log.read().decode("utf-8", "replace")[-LOG_TAIL:]
                raise WorkerError(f"reading {self.path} ended early: {said or 'it was stopped'}")
