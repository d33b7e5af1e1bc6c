"""Makes foreign text safe to show: control and format characters are escaped."""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO, TextIO

TAB = "    "
HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = "\u200c\u200d"  # many scripts and emoji need these


def printable(text: str) -> str:
    """Escape control and format characters. Tabs become spaces; line breaks stay."""
    if is_plain(text):
        return text
    return replace_hidden(text.replace("\r\n", "\n").replace("\t", TAB), _escape)


def one_line(text: str) -> str:
    """``printable`` text on one line, with runs of whitespace collapsed."""
    return printable(re.sub(r"[ \t\r\n]+", " ", text).strip())


def is_plain(text: str) -> bool:
    """A fast check whether ``printable`` leaves the text unchanged. It can return False wrongly."""
    return text.isprintable() or text.replace("\n", "").isprintable()


def is_text(path: str) -> bool:
    """Whether a path is valid Unicode without NUL. Other bytes in a name appear as surrogates."""
    return "\0" not in path and not any("\ud800" <= each <= "\udfff" for each in path)


def replace_hidden(text: str, replace: Callable[[str], str]) -> str:
    """Replace each control and format character, except line breaks."""
    return "".join(replace(each) if is_hidden(each) else each for each in text)


def is_hidden(character: str) -> bool:
    """Whether this is a control or format character, except line breaks and joiners."""
    if character.isprintable() or character == "\n" or character in JOINERS:
        return False
    return unicodedata.category(character) in HIDDEN


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


class PrintableStream:
    """A text stream that writes ``printable`` text. Other attributes are the stream's own.

    It has no ``buffer``, through which libraries such as click would bypass it.
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
    """Replace stdout and stderr, so that no printed text can control the terminal.

    Code that styles its own text, such as rich, writes to ``own_stream``.
    """
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, PrintableStream):
            setattr(sys, name, PrintableStream(stream))


def own_stream(stream: Any) -> Any:
    """The stream below a ``PrintableStream``, for text that is already safe."""
    return stream.wrapped if isinstance(stream, PrintableStream) else stream


def data_stream() -> BinaryIO:
    """Standard output as a binary stream, for UTF-8 data with any terminal encoding."""
    sys.stdout.flush()
    buffer: BinaryIO = own_stream(sys.stdout).buffer
    return buffer
