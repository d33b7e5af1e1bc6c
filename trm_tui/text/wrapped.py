"""Text from outside as lines for the screen, and how they are wrapped."""

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
    """The printable lines of a text, at least one; sequences for a terminal are left out."""
    if "\x1b" in text:
        text = _ESCAPE_SEQUENCE.sub("", text)
    return [printable(line) for line in text.splitlines()] or [""]


def wrap(text: str, width: int) -> list[str]:
    """Parts that fit into ``width`` cells, cut at spaces where there are any; joined: ``text``.

    A space at the end of a part may stand beyond ``width``.
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
    """How many characters fit; at least one, so that there is an end."""
    lines = chop_cells(text, width)
    return max(len(lines[0]), 1) if lines else len(text)


def _word_end(text: str, start: int, end: int) -> int:
    """Where to cut so that no word is cut, unless the part is but one word."""
    space = text.rfind(" ", start, end + 1)
    return space + 1 if text[start : max(space, start)].strip() else end
