"""Text of others made safe to show: what a terminal could obey or hide is spelt out."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, TextIO

TAB = "    "
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # many scripts and emoji need them


def printable(text: str) -> str:
    """The text with its line breaks; tabs as spaces, control and format characters as escapes."""
    if is_plain(text):
        return text
    return replace_hidden(text.replace("\r\n", "\n").replace("\t", TAB), _escape)


def one_line(text: str) -> str:
    """``printable`` text on one line, with runs of blanks made one."""
    return printable(re.sub(r"[ \t\r\n]+", " ", text).strip())


def is_plain(text: str) -> bool:
    """Whether ``printable`` leaves the text as it is, for certain; False may be wrong."""
    return text.isprintable() or text.replace("\n", "").isprintable()


def is_text(path: str) -> bool:
    """Whether a path is text that any file can hold; a name of other bytes has half characters."""
    return "\0" not in path and not any("\ud800" <= each <= "\udfff" for each in path)


def replace_hidden(text: str, replace: Callable[[str], str]) -> str:
    """The text with another one for each control and format character, except line breaks."""
    return "".join(replace(each) if is_hidden(each) else each for each in text)


def is_hidden(character: str) -> bool:
    """Whether a terminal obeys or hides this character."""
    if character.isprintable() or character == "\n" or character in JOINERS:
        return False
    return unicodedata.category(character) in HIDDEN


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class PrintableStream:
    """A text stream whose text goes through ``printable``; all else is the stream's own.

    It has no ``buffer``: libraries (click, where the encoding is ASCII) would write past it.
    """

    def __init__(self, wrapped: TextIO) -> None:
        self.wrapped = wrapped

    def write(self, text: str) -> int:
        self.wrapped.write(printable(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        if name in ("wrapped", "buffer"):
            raise AttributeError(name)
        return getattr(self.wrapped, name)


def guard_output() -> None:
    """From now on nothing printed steers the terminal: not messages, tracebacks nor warnings.

    What styles its text itself, as rich does, writes to ``own_stream``.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PrintableStream):
            setattr(sys, name, PrintableStream(stream))


def own_stream(stream: Any) -> Any:
    """The stream itself, below a ``PrintableStream``, for text that is made safe already."""
    return stream.wrapped if isinstance(stream, PrintableStream) else stream


def data_stream() -> BinaryIO:
    """Standard output as bytes, for data: UTF-8 whatever the terminal's encoding is."""
    sys.stdout.flush()
    buffer: BinaryIO = own_stream(sys.stdout).buffer
    return buffer
