"""JSON text: the values of a JSON or JSON Lines file, read as a stream.

A file holds one value a line, or values over several lines. The items of a list are records of
their own, unless they are the turns of one conversation. A list of any size is read item by item.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

from trm_engine.data.fields import ConvertError, parse_json, require_characters
from trm_engine.data.sources.record import Record, is_turn
from trm_engine.files import strict_json

BLANK = re.compile(r"[ \t\r\n]*")
BLOCK = 1 << 20
NEAR = 16
"""So near to the end of a block, an error or the end of a number may be due to what follows."""


def json_records(file: BinaryIO, name: str, head: int) -> Iterator[Record]:
    """The records of a file. A broken line is a record with a problem.

    Raises:
        ConvertError: what is broken is no line of its own, so nothing behind it can be read.
    """
    beginning: bytes = file.peek(head)  # type: ignore[attr-defined]
    return _lines(file, name) if _is_lines(beginning) else _values(_Text(file, name), name)


def _is_lines(head: bytes) -> bool:
    """Whether a file has one value a line, so that its lines can be read on their own."""
    whole, _, rest = head.removeprefix(codecs.BOM_UTF8).lstrip().partition(b"\n")
    following = rest.lstrip()
    if not following:
        return False  # a single value, whatever its layout
    if _is_json(whole):
        return True
    return whole[:1] not in b"[{" or (whole[:1] == b"{" and following[:1] == b"{")


def _is_json(line: bytes) -> bool:
    try:
        strict_json.parse(line.decode())
    except (ValueError, RecursionError):
        return False
    return True


def _lines(file: BinaryIO, name: str) -> Iterator[Record]:
    for number, line in enumerate(file, 1):
        where = f"{name}, line {number}"
        line = line.removeprefix(codecs.BOM_UTF8).strip()
        if not line:
            continue
        try:
            value = _parsed(line, where)
        except ConvertError as problem:
            yield Record(where, str(number), problem=problem)
            continue
        if isinstance(value, list) and value and not any(map(is_turn, value)):
            for place, item in enumerate(value, 1):
                where_item = f"{where}, conversation {place}"
                yield Record(where_item, f"{number}.{place}", item, is_item=True)
        else:
            yield Record(where, str(number), value)


def _parsed(line: bytes, where: str) -> Any:
    try:
        return parse_json(line.decode())
    except UnicodeDecodeError as error:
        raise ConvertError(f"{where}: expected UTF-8 text ({error.reason})") from None
    except json.JSONDecodeError as error:
        hint = _hint(error.doc, error.pos)
        problem = f"{where}: expected JSON ({error.msg} at column {error.colno}){hint}"
        raise ConvertError(problem) from None
    except ValueError as error:
        raise ConvertError(f"{where}: expected JSON ({error})") from None


def _hint(text: str, place: int) -> str:
    is_python = text[place - 1 : place] == "{" and text[place : place + 1] == "'"
    is_python |= text[place : place + 4] in ("None", "True", "Fals")
    return "; this is Python: write it with json.dumps" if is_python else ""


# Values over several lines ----------------------------------------------------------------------


class _Unusable(ConvertError):
    """A value that is read, but cannot be used. What follows it can be read."""


class _Text:
    """The text of a file, as a window that moves on.

    Offsets count from the place up to which the text is used, which is where messages are about.
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._window = ""
        self._place = 0
        self._is_whole = False
        self._line = 1
        self._counted = 0  # up to where _line is counted
        self._column = 0  # characters of its first line before the window

    def next(self) -> str:
        """Move to the next character that is not blank, and return it; "" at the end."""
        blanks = self._blanks(0)  # which may move the window
        self._place += blanks
        return self._window[self._place : self._place + 1]

    def skip(self) -> None:
        """Pass over one character."""
        self._place += 1

    @property
    def line(self) -> int:
        """The line of the place."""
        self._line += self._window.count("\n", self._counted, self._place)
        self._counted = self._place
        return self._line

    def value(self) -> Any:
        """Pass over the value that begins here, and return it.

        Raises:
            ConvertError: it is no JSON.
            _Unusable: it is JSON that cannot be used.
        """
        where = f"{self._name}, line {self.line}"
        try:
            value, length = self._read(0)
        except strict_json.NotFiniteError as error:
            self._place = error.end
            raise _Unusable(f"{where}: expected JSON ({error})") from None
        begin, self._place = self._place, self._place + length
        try:
            require_characters(self._window[begin : self._place], value)
        except ValueError as error:
            raise _Unusable(f"{where}: expected JSON ({error})") from None
        return value

    def first_item(self) -> Any:
        """The first item of the list that begins here, without moving; None if it is unusable."""
        offset = self._blanks(1)
        try:
            return self._read(offset)[0]
        except strict_json.NotFiniteError:
            return None

    def is_empty_list(self) -> bool:
        """Whether the list that begins here has no items, or does not end."""
        offset = self._blanks(1)
        return self._window[self._place + offset : self._place + offset + 1] in ("]", "")

    def error(self, message: str, place: int | None = None) -> ConvertError:
        """An error at a place of the window."""
        at = self._place if place is None else min(place, len(self._window))
        line = self.line + self._window.count("\n", self._place, at)
        begin = self._window.rfind("\n", 0, at) + 1
        column = at - begin + 1 + (0 if begin else self._column)
        hint = _hint(self._window, at)
        problem = f"expected JSON ({message} at column {column}){hint}"
        return ConvertError(f"{self._name}, line {line}: {problem}")

    def _read(self, offset: int) -> tuple[Any, int]:
        """The value at an offset, and the offset of its end."""
        while True:
            begin = self._place + offset
            try:
                value, end = strict_json.parse_first(self._window, begin)
            except json.JSONDecodeError as error:
                is_open = error.msg.startswith("Unterminated string")
                if (is_open or error.pos + NEAR >= len(self._window)) and self._more():
                    continue
                raise self.error(error.msg, error.pos) from None
            except strict_json.NotFiniteError:
                raise
            except (ValueError, RecursionError) as error:
                reason = "it is nested too deeply" if isinstance(error, RecursionError) else error
                problem = f"{self._name}, line {self.line}: expected JSON ({reason})"
                raise ConvertError(problem) from None
            if end + NEAR < len(self._window) or not self._more():
                return value, end - self._place

    def _blanks(self, offset: int) -> int:
        """The offset of the first character from ``offset`` on that is not blank."""
        while True:
            at = BLANK.match(self._window, self._place + offset).end()  # type: ignore[union-attr]
            if at < len(self._window) or not self._more():
                return at - self._place

    def _more(self) -> bool:
        """Read on. A long value is read in blocks that double, so that it is not parsed often."""
        if self._is_whole:
            return False
        self._drop_used()
        block = self._file.read(max(BLOCK, len(self._window)))
        self._is_whole = not block
        try:
            self._window += self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            before = self._window.count("\n") + error.object[: error.start].count(b"\n")
            problem = f"{self._name}, line {self.line + before}: expected UTF-8 text"
            raise ConvertError(f"{problem} ({error.reason})") from None
        return True

    def _drop_used(self) -> None:
        used = self._window.rfind("\n", 0, self._place) + 1
        self._column = self._place - used + (0 if used else self._column)
        self._line = self.line
        self._window = self._window[self._place :]
        self._place = self._counted = 0


def _values(text: _Text, name: str) -> Iterator[Record]:
    number = 0
    while text.next():
        number += 1
        if text.next() == "[" and not text.is_empty_list() and not is_turn(text.first_item()):
            text.skip()
            yield from _items(text, name, "" if number == 1 else f"{number}.")
            continue
        where = name if number == 1 else f"{name}, line {text.line}"
        try:
            yield Record(where, str(number), text.value())
        except _Unusable as problem:
            yield Record(where, str(number), problem=problem)


def _items(text: _Text, name: str, prefix: str) -> Iterator[Record]:
    """The items of a list whose bracket is passed."""
    following = ","
    number = 0
    while following == ",":
        number += 1
        text.next()
        where = f"{name}, line {text.line}, conversation {number}"
        try:
            yield Record(where, f"{prefix}{number}", text.value(), is_item=True)
        except _Unusable as problem:
            yield Record(where, f"{prefix}{number}", problem=problem, is_item=True)
        following = text.next()
        if following not in (",", "]"):
            raise text.error("Expecting ',' delimiter")
        text.skip()
