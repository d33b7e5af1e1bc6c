"""Storage: the bytes of a file, decompressed, in UTF-8, and readable again and again."""

from __future__ import annotations

import bz2
import codecs
import gzip
import hashlib
import io
import lzma
import os
import stat
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import IO, Any, BinaryIO, Protocol

from trm_engine.data.fields import ConvertError
from trm_engine.errors import did_you_mean

STDIN = "-"
BUFFER = 1 << 20

ZSTD_BLOCK = 1 << 12
"""Bytes decompressed at once: a few can stand for very many."""

CHARSETS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
DAMAGE = (EOFError, zlib.error, lzma.LZMAError, gzip.BadGzipFile)


class Readable(Protocol):
    """What bytes can be read from."""

    def read(self, size: int, /) -> bytes: ...


class Storage:
    """The bytes of a file, a pipe or standard input.

    Args:
        path: the file, or "-" for standard input.
        stdin: what is read in place of standard input.

    Raises:
        ConvertError: it cannot be read.
    """

    def __init__(self, path: str | PathLike[str], stdin: Readable | None = None) -> None:
        self.name = "standard input" if str(path) == STDIN else str(path)
        self._path = Path(path)
        self._copy: IO[bytes] | None = None
        self._raw: BinaryIO | None = None
        self._size = 1
        self.row_share: float | None = None
        self.is_plain = False
        """Whether the file has these bytes itself, not a copy of it."""
        with self.translated_errors():
            self._refuse_missing()
            if str(path) == STDIN:
                self._take(stdin or sys.stdin.buffer)
            elif not stat.S_ISREG(os.stat(self._path).st_mode):
                with open(self._path, "rb") as file:
                    self._take(file)
            self._to_utf8()
        self.is_plain = self._copy is None and isinstance(self.open(), _Unclosed)

    def open(self) -> BinaryIO:
        """The bytes from the beginning, decompressed. Only one reader at a time."""
        raw = self._reopened()
        self._raw, self.row_share = raw, None
        self._size = max(1, os.fstat(raw.fileno()).st_size)
        head = raw.read(6)
        raw.seek(0)
        decompress = _decompressor(head, self.name)
        return io.BufferedReader(decompress(raw), BUFFER) if decompress else _Unclosed(raw)

    def make_seekable(self) -> None:
        """Decompress to a temporary file, if the file is compressed."""
        file = self.open()
        if not isinstance(file, _Unclosed):
            with self.translated_errors():
                self._take(file)

    @property
    def share(self) -> float:
        """The share of the file that has been read."""
        if self.row_share is not None:
            return self.row_share
        try:
            return min(1.0, self._raw.tell() / self._size) if self._raw else 0.0
        except ValueError:  # closed
            return 1.0

    def digest(self) -> str:
        """A hash of the bytes, as they are."""
        with self.translated_errors():
            digest = hashlib.sha256()
            file = self._reopened()
            while block := file.read(BUFFER):
                digest.update(block)
            return digest.hexdigest()[:24]

    def close(self) -> None:
        """Remove the temporary copy, if there is one."""
        if self._copy:
            self._copy.close()
        if self._raw:
            self._raw.close()

    @contextmanager
    def translated_errors(self) -> Iterator[None]:
        """Errors of the system, and of damaged files, as ConvertError."""
        try:
            yield
        except DAMAGE as error:
            raise ConvertError(f"{self.name}: the compressed data are damaged ({error})") from None
        except OSError as error:
            reason = error.strerror or str(error)
            raise ConvertError(f"{self.name}: cannot be read ({reason})") from None

    def _reopened(self) -> BinaryIO:
        if self._copy:
            self._copy.seek(0)
            return self._copy  # type: ignore[return-value]
        if self._raw:
            self._raw.close()
        return open(self._path, "rb")

    def _take(self, file: Readable) -> None:
        """Copy a stream to a temporary file, which is read from now on."""
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        while block := file.read(BUFFER):
            copy.write(block)
        copy.flush()
        if self._copy:
            self._copy.close()
        self._copy = copy

    def _to_utf8(self) -> None:
        """Copy a file that is marked as UTF-16 or UTF-32 to one in UTF-8."""
        file = self.open()
        head = file.peek(4)[:4]  # type: ignore[attr-defined]
        charset = next((name for mark, name in CHARSETS.items() if head.startswith(mark)), None)
        if charset is None:
            return
        copy = tempfile.TemporaryFile()  # noqa: SIM115
        decoder = codecs.getincrementaldecoder(charset)()
        try:
            while block := file.read(BUFFER):
                copy.write(decoder.decode(block).encode("utf-8", "surrogatepass"))
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            copy.close()
            problem = f"{self.name}: expected {charset.upper()} text ({error.reason})"
            raise ConvertError(problem) from None
        copy.flush()
        self._copy = copy

    def _refuse_missing(self) -> None:
        path = self._path
        if self.name == "standard input" or path.exists():
            return
        beside = [each.name for each in path.parent.glob("*")] if path.parent.is_dir() else []
        hint = did_you_mean(path.name, beside)
        raise ConvertError(f"{path}: cannot be read (no such file{hint})")


class _Unclosed(io.BufferedReader):
    """A buffer over a file that stays open when the buffer is closed."""

    def __init__(self, raw: BinaryIO) -> None:
        super().__init__(raw, BUFFER)  # type: ignore[arg-type]

    def close(self) -> None:
        self.flush()


def _decompressor(head: bytes, name: str) -> Callable[[BinaryIO], Any] | None:
    """What reads a compressed file, by its first bytes; None if it is not compressed."""
    if head.startswith(b"\x1f\x8b"):
        return lambda raw: gzip.GzipFile(fileobj=raw)
    if head.startswith(b"BZh"):
        return bz2.BZ2File
    if head.startswith(b"\xfd7zXZ\0"):
        return lzma.LZMAFile
    if head.startswith(b"\x28\xb5\x2f\xfd"):
        return lambda raw: _zstd(raw, name)
    return None


def _zstd(raw: BinaryIO, name: str) -> Any:
    try:
        import zstandard
    except ImportError:
        needed = "zstd needs zstandard: pip install 'trm-tui[data]'"
        raise ConvertError(f"{name}: cannot be read; {needed}") from None
    return _Zstd(raw, zstandard)


class _Zstd(io.RawIOBase):
    """The content of a zstd file, which may have several frames.

    zstandard's own reader takes a file that is cut off for a whole one.
    """

    def __init__(self, raw: BinaryIO, zstandard: Any) -> None:
        self._raw = raw
        self._error: type[Exception] = zstandard.ZstdError
        self._new_frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj
        self._frame: Any = None
        self._found = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._found:
            block = self._raw.read(ZSTD_BLOCK)
            if not block:
                if self._frame:
                    raise EOFError("the file is cut off")
                return 0
            self._found = self._decompress(block)
        size = min(len(buffer), len(self._found))
        buffer[:size], self._found = self._found[:size], self._found[size:]
        return size

    def _decompress(self, block: bytes) -> bytes:
        found = b""
        try:
            while block:
                self._frame = self._frame or self._new_frame()
                found += self._frame.decompress(block)
                if not self._frame.eof:
                    break
                block, self._frame = self._frame.unused_data, None
        except self._error as error:
            raise EOFError(str(error)) from None
        return found
