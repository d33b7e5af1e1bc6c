"""LogBuffer: the newest lines of a log, their filter and their rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from trm_tui.store.log import LogLine
from trm_tui.text.wrapped import lines_of, wrap

MAX_LINES = 100_000
LEVELS = ("info", "warning", "error")


class TextLine(NamedTuple):
    """One line of text. ``is_first`` is true for the first line of a log entry."""

    entry: LogLine
    text: str
    folded: str
    is_first: bool


class Row(NamedTuple):
    """A row of the screen: part ``part`` of line ``number``, characters ``start`` to ``end``."""

    number: int
    part: int
    start: int
    end: int


class LogBuffer:
    """The lines are numbered from 0. If there are too many, the oldest are dropped.

    Attributes:
        dropped: number of dropped lines, and so the number of the first line.
        rows: number of rows of the shown lines.
        width: width in cells at which lines wrap; 0 if they do not.
    """

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        self._max_lines = max_lines
        self.width = 0
        self._min_level = 0
        self.clear()

    def clear(self) -> None:
        """Remove all lines."""
        self._lines: list[TextLine] = []
        self._levels = np.empty(0, np.int8)
        self._heights = np.empty(0, np.int32)
        self.dropped = 0
        self._arrange()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def total(self) -> int:
        """The number of lines, including dropped ones."""
        return self.dropped + len(self._lines)

    @property
    def shown(self) -> int:
        """The number of lines that pass the filter."""
        return len(self._shown)

    def line(self, number: int) -> TextLine:
        """A line by its number. It must not be dropped."""
        return self._lines[number - self.dropped]

    def add(self, entries: Iterable[LogLine]) -> None:
        """Append entries. If there are too many, a tenth more than needed is dropped."""
        new = [line for entry in entries for line in _text_lines(entry)]
        levels = np.array([_level(line.entry) for line in new], np.int8)
        self._lines += new
        self._levels = np.append(self._levels, levels)
        self._heights = np.append(self._heights, self._measure(new))
        excess = len(self._lines) - self._max_lines
        if excess > 0:
            self._drop(excess + self._max_lines // 10)
        self._arrange()

    def set_width(self, width: int) -> None:
        """Wrap at ``width`` cells; 0 does not wrap."""
        if width != self.width:
            self.width = width
            self._heights = self._measure(self._lines)
            self._arrange()

    def set_min_level(self, level: int) -> None:
        """Show only lines of this level (a position in LEVELS) or above."""
        self._min_level = level
        self._arrange()

    def row(self, position: int) -> Row | None:
        """The content of a row, from 0; None after the last."""
        if not 0 <= position < self.rows:
            return None
        which = int(np.searchsorted(self._ends, position, side="right"))
        index = int(self._shown[which])
        text = self._lines[index].text
        part = position - (int(self._ends[which - 1]) if which else 0)
        parts = wrap(text, self.width) if self.width else [text]
        start = sum(map(len, parts[:part]))
        return Row(index + self.dropped, part, start, start + len(parts[part]))

    def position_of(self, number: int, part: int = 0) -> int:
        """The row of a part of a line, or of the next shown line if the line is filtered out."""
        index = number - self.dropped
        which = int(np.searchsorted(self._shown, index))
        before = int(self._ends[which - 1]) if which else 0
        is_shown = which < len(self._shown) and self._shown[which] == index
        return before + (min(part, int(self._heights[index]) - 1) if is_shown else 0)

    def height_of(self, number: int) -> int:
        """The number of rows of a line."""
        return int(self._heights[number - self.dropped])

    def find(self, words: str, since: int = 0) -> list[int]:
        """The numbers of the shown lines from ``since`` on with these words, in any case."""
        wanted = fold(words)
        if not wanted:
            return []
        lines, dropped = self._lines, self.dropped
        first = np.searchsorted(self._shown, since - dropped)
        candidates = self._shown[first:].tolist()
        return [index + dropped for index in candidates if wanted in lines[index].folded]

    def _measure(self, lines: Iterable[TextLine]) -> np.ndarray:
        width = self.width
        heights = (len(wrap(line.text, width)) if width else 1 for line in lines)
        return np.fromiter(heights, np.int32)

    def _drop(self, count: int) -> None:
        count = min(count, len(self._lines))
        del self._lines[:count]
        self._levels = self._levels[count:]
        self._heights = self._heights[count:]
        self.dropped += count

    def _arrange(self) -> None:
        self._shown = np.flatnonzero(self._levels >= self._min_level)
        self._ends = np.cumsum(self._heights[self._shown])
        self.rows = int(self._ends[-1]) if len(self._ends) else 0


def fold(text: str) -> str:
    """``text`` in lower case, with the same length."""
    lower = text.lower()
    if len(lower) == len(text):
        return text if lower == text else lower
    return "".join(one if len(one := each.lower()) == 1 else each for each in text)


def _text_lines(entry: LogLine) -> Iterable[TextLine]:
    for position, text in enumerate(lines_of(entry.message)):
        yield TextLine(entry, text, fold(text), position == 0)


def _level(entry: LogLine) -> int:
    return LEVELS.index(entry.level) if entry.level in LEVELS else 0
