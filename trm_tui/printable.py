"""Text from anywhere made safe to show: what a terminal could obey or hide is spelt out."""

from __future__ import annotations

import re
import unicodedata

TAB = "    "
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # many scripts and emoji need them


def printable(text: str) -> str:
    """The text with its line breaks; tabs as spaces, control and format characters as escapes."""
    text = text.replace("\r\n", "\n").replace("\t", TAB)
    return text if _is_plain(text) else "".join(map(_shown, text))


def one_line(text: str) -> str:
    """``printable`` text on one line, with runs of blanks made one."""
    return printable(re.sub(r"[ \t\r\n]+", " ", text).strip())


def _is_plain(text: str) -> bool:
    return text.isascii() and text.replace("\n", "").isprintable()


def _shown(character: str) -> str:
    if character == "\n" or character in JOINERS:
        return character
    if unicodedata.category(character) in HIDDEN:
        return character.encode("unicode_escape").decode("ascii")
    return character
