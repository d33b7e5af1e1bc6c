"""Splits foreign text into printable lines, and wraps lines."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rich.cells import cell_len, chop_cells

from trm_engine.printable import printable

_ESCAPE_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]"  # colours, cursor movement
    r"|\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles, links
    r"|[ -/]*[0-~])"
)


def lines_of(text: str) -> list[str]:
    """The printable lines of a text, at least one, without terminal sequences."""
    if "\x1b" in text:
        text = _ESCAPE_SEQUENCE.sub("", text)
    return [printable(line) for line in text.splitlines()] or [""]


def wrap(text: str, width: int) -> list[str]:
    """Wrap at spaces into parts of at most ``width`` cells. Joined, they are ``text``.

    A space at the end of a part may exceed ``width``.
    """
    width = max(width, 1)
    is_ascii = text.isascii()
    if (len(text) if is_ascii else cell_len(text)) <= width:
        return [text]
    return list(_parts(text, width, is_ascii))


def _parts(text: str, width: int, is_ascii: bool) -> Iterator[str]:
    start = 0
    while start < len(text):
        end = start + (width if is_ascii else _fitting(text[start : start + 4 * width], width))
        if end < len(text):
            end = _word_end(text, start, end)
        yield text[start:end]
        start = end


def _fitting(text: str, width: int) -> int:
    """The number of characters that fit, at least 1."""
    lines = chop_cells(text, width)
    return max(len(lines[0]), 1) if lines else len(text)


def _word_end(text: str, start: int, end: int) -> int:
    """The end of the last whole word, or ``end`` if there is only one word."""
    space = text.rfind(" ", start, end + 1)
    return space + 1 if text[start : max(space, start)].strip() else end
