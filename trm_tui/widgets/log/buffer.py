"""LogBuffer: the newest lines of a log, which of them are shown, and in which rows."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from trm_tui.store.log import LogLine
from trm_tui.text.wrapped import lines_of, wrap

MOST_LINES = 100_000
LEVELS = ("info", "warning", "error")


class TextLine(NamedTuple):
    """One line of text of a log entry; ``is_first`` of those that follow from one message."""

    entry: LogLine
    text: str
    folded: str
    is_first: bool


class Row(NamedTuple):
    """A row of the screen: a part of line ``number``, its characters ``start`` to ``end``."""

    number: int
    part: int
    start: int
    end: int


class LogBuffer:
    """Lines have numbers that never change, from 0; the oldest are dropped when there are many.

    Attributes:
        dropped: how many of the oldest lines are gone; also the number of the first that is left.
        rows: how many rows the shown lines take.
        width: the cells that lines are wrapped at; 0 if they are not.
    """

    def __init__(self, most_lines: int = MOST_LINES) -> None:
        self._most_lines = most_lines
        self.width = 0
        self._least_level = 0
        self.clear()

    def clear(self) -> None:
        """Forget every line."""
        self._lines: list[TextLine] = []
        self._levels = np.empty(0, np.int8)
        self._heights = np.empty(0, np.int32)
        self.dropped = 0
        self._arrange()

    def __len__(self) -> int:
        return len(self._lines)

    @property
    def total(self) -> int:
        """How many lines there ever were."""
        return self.dropped + len(self._lines)

    @property
    def shown(self) -> int:
        """How many lines are shown."""
        return len(self._shown)

    def line(self, number: int) -> TextLine:
        """A line that was not dropped."""
        return self._lines[number - self.dropped]

    def add(self, entries: Iterable[LogLine]) -> None:
        """Append entries; if that is too many, the oldest tenth goes with those too many."""
        new = [line for entry in entries for line in _text_lines(entry)]
        levels = np.array([_level(line.entry) for line in new], np.int8)
        self._lines += new
        self._levels = np.append(self._levels, levels)
        self._heights = np.append(self._heights, self._measure(new))
        excess = len(self._lines) - self._most_lines
        if excess > 0:
            self._drop(excess + self._most_lines // 10)
        self._arrange()

    def set_width(self, width: int) -> None:
        """Wrap at ``width`` cells; 0 does not wrap."""
        if width != self.width:
            self.width = width
            self._heights = self._measure(self._lines)
            self._arrange()

    def set_least_level(self, level: int) -> None:
        """Show only lines of this level (a position in LEVELS) or above."""
        self._least_level = level
        self._arrange()

    def row(self, position: int) -> Row | None:
        """What stands in a row, from 0; None after the last."""
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
        """Where a part of a line stands; where the next line does if this one is not shown."""
        index = number - self.dropped
        which = int(np.searchsorted(self._shown, index))
        before = int(self._ends[which - 1]) if which else 0
        is_shown = which < len(self._shown) and self._shown[which] == index
        return before + (min(part, int(self._heights[index]) - 1) if is_shown else 0)

    def height_of(self, number: int) -> int:
        """How many rows a line takes."""
        return int(self._heights[number - self.dropped])

    def find(self, words: str, since: int = 0) -> list[int]:
        """The numbers of the shown lines from ``since`` on that hold ``words``, in any case."""
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
        self._shown = np.flatnonzero(self._levels >= self._least_level)
        self._ends = np.cumsum(self._heights[self._shown])
        self.rows = int(self._ends[-1]) if len(self._ends) else 0


def fold(text: str) -> str:
    """``text`` without upper case, each character in its old place."""
    lower = text.lower()
    if len(lower) == len(text):
        return text if lower == text else lower
    return "".join(one if len(one := each.lower()) == 1 else each for each in text)


def _text_lines(entry: LogLine) -> Iterable[TextLine]:
    for position, text in enumerate(lines_of(entry.message)):
        yield TextLine(entry, text, fold(text), position == 0)


def _level(entry: LogLine) -> int:
    return LEVELS.index(entry.level) if entry.level in LEVELS else 0
