"""ASCII look-alikes for terminals without UTF-8: borders and marks instead of "?"."""

from __future__ import annotations

import codecs
import unicodedata

LOOK_ALIKES = "trm-tui-look-alikes"
"""Name of the codec error handler, for a stream's ``errors``."""

PAIRS = str.maketrans(
    "·…•→←↑↓⇧▸▾▲▼–—−≥≤≠×✗✕✓●◐○◌★■⚠∞‖“”‘’▁▂▃▏▎▍░▒▔⠀",
    "..o><^v^>v^v---><!xxxv*ooo*#!8|\"\"''___|||.:- ",
)
BLOCKS = range(0x2580, 0x25A0)
BRAILLE = range(0x2801, 0x2900)


def register() -> None:
    """Register the codec error handler."""
    codecs.register_error(LOOK_ALIKES, _replace)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_look_alike, error.object[error.start : error.end])), error.end


def _look_alike(character: str) -> str:
    """ASCII of the same width."""
    similar = character.translate(PAIRS)
    if similar != character:
        return similar
    if ord(character) in BLOCKS:
        return "#"
    if ord(character) in BRAILLE:
        return "."
    name = unicodedata.name(character, "")
    if name.startswith("BOX DRAWINGS"):
        return _line(name)
    return "??" if unicodedata.east_asian_width(character) in "WF" else "?"


def _line(name: str) -> str:
    """A straight line, or "+" for corners and crossings."""
    if name.endswith("HORIZONTAL"):
        return "+" if " AND " in name else "-"
    return "|" if name.endswith("VERTICAL") else "+"
