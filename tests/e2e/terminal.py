"""A command in a real pseudo-terminal: what it paints as text, keys, sizes, and what it leaves."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import pyte

from tests.forking import take_terminal

SECONDS = 120.0
"""A limit for machines that do much else; who waits sees at once what he waits for."""

LOOK_SECONDS = 0.1
CHUNK = 1 << 16
KEYS = {
    "enter": b"\r",
    "escape": b"\x1b",
    "tab": b"\t",
    "shift+tab": b"\x1b[Z",
    "space": b" ",
    "backspace": b"\x7f",
    "up": b"\x1b[A",
    "down": b"\x1b[B",
    "right": b"\x1b[C",
    "left": b"\x1b[D",
    "home": b"\x1b[H",
    "end": b"\x1b[F",
    "pageup": b"\x1b[5~",
    "pagedown": b"\x1b[6~",
    "f1": b"\x1bOP",
    "f7": b"\x1b[18~",
}
ALTERNATE = b"\x1b[?1049h"
MAIN = b"\x1b[?1049l"
ON_BY_DEFAULT = frozenset({7, 25})
"""Private modes that a terminal begins with: lines wrap, the cursor shows."""

_MODE = re.compile(rb"\x1b\[\?([0-9;]+)([hl])")
_KEYBOARD = re.compile(rb"\x1b\[([<>])[0-9]*u")
_ESCAPE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][0-9A-B]|[@-Z=>])"
)
_PLAIN_CSI = re.compile(rb"\x1b\[(?:[0-9;]*[@-~]|\?[0-9;]*[hl])")
_UNFINISHED = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*\x1b?)?$")


class PseudoTerminal:
    """A command on a terminal of its own; its output is collected as it comes, not interpreted.

    ``chunks`` are what it wrote, each with the time (``time.perf_counter``) of its arrival.
    """

    def __init__(
        self,
        command: Sequence[object],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.chunks: list[tuple[float, bytes]] = []
        self._master, self._slave = os.openpty()
        self._resize(columns, rows)
        self._attributes = termios.tcgetattr(self._slave)
        self._grown = threading.Condition()
        self._closing = False
        self.began = time.perf_counter()
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            cwd=cwd,
            env=_environment(env or {}),
            start_new_session=True,
            preexec_fn=take_terminal,
        )
        self._reader = threading.Thread(target=self._read, name="terminal", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def raw(self) -> bytes:
        """Everything written so far."""
        return b"".join(data for _, data in self.chunks[:])

    def press(self, *keys: str) -> float:
        """Type keys by name ("enter", "ctrl+c") or as text; return when that was done."""
        pressed = time.perf_counter()
        os.write(self._master, b"".join(map(_key, keys)))
        return pressed

    def resize(self, columns: int, rows: int) -> None:
        """Change the size; the command is told."""
        self._resize(columns, rows)

    def wait_until(self, condition: Callable[[], bool], seconds: float = SECONDS) -> bool:
        """Look at each new output whether a condition holds; False if it never did.

        A machine that stands still for a while, as virtual ones do, counts as one look.
        """
        left = seconds
        while True:
            seen = len(self.chunks)
            began = time.monotonic()
            if condition():
                return True
            if left <= 0:
                return False
            with self._grown:
                if len(self.chunks) == seen:
                    self._grown.wait(LOOK_SECONDS)
            left -= min(time.monotonic() - began, 2 * LOOK_SECONDS)

    def wait_for_bytes(self, pattern: re.Pattern[bytes], begin: int = 0) -> float | None:
        """The time at which output after the first ``begin`` chunks matched; None if never."""
        found: list[float] = []
        text, seen = b"", begin

        def is_there() -> bool:
            nonlocal text, seen
            for at, data in self.chunks[seen:]:
                text, seen = text + data, seen + 1
                if pattern.search(text):
                    found.append(at)
                    return True
            return False

        return found[0] if self.wait_until(is_there) else None

    def wait_exit(self, timeout: float = SECONDS) -> int:
        """The exit status, once the command is over and all that it wrote is here.

        Raises:
            subprocess.TimeoutExpired: it goes on.
        """
        status = self.process.wait(timeout)
        self._stop_reading()
        return status

    def left_behind(self) -> list[str]:
        """What is not as it was before: modes of the terminal, its input's settings."""
        left = [f"private mode {mode} is on" for mode in sorted(self._modes() - ON_BY_DEFAULT)]
        left += [f"private mode {mode} is off" for mode in sorted(ON_BY_DEFAULT - self._modes())]
        kinds = [match[1] for match in _KEYBOARD.finditer(self.raw)]
        if kinds.count(b">") > kinds.count(b"<"):
            left.append("the keyboard's protocol is not the terminal's own")
        if termios.tcgetattr(self._slave) != self._attributes:
            left.append("the input's settings (termios) are others")
        return left

    def printed(self) -> str:
        """What was written outside of the full screen, without colours."""
        parts = [part.partition(ALTERNATE)[0] for part in self.raw.split(MAIN)]
        return _ESCAPE.sub(b"", b"".join(parts)).decode(errors="replace").replace("\r\n", "\n")

    def hang_up(self) -> None:
        """Take the terminal away, as a lost connection does."""
        self._stop_reading()
        if self._master >= 0:
            os.close(self._slave)
            os.close(self._master)
            self._master = -1

    def close(self) -> None:
        """End the command by force if it still runs, and the terminal with it."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()

    def _modes(self) -> set[int]:
        """The private modes that are on."""
        on = set(ON_BY_DEFAULT)
        for match in _MODE.finditer(self.raw):
            modes = {int(mode) for mode in match[1].split(b";") if mode}
            on = on | modes if match[2] == b"h" else on - modes
        return on

    def _resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        while True:
            closing = self._closing  # before looking: what came until now is still read
            ready, _, _ = select.select([self._master], [], [], 0.0 if closing else 0.05)
            if ready:
                data = os.read(self._master, CHUNK)
                with self._grown:
                    self.chunks.append((time.perf_counter(), data))
                    self._grown.notify_all()
            elif closing:
                return

    def _stop_reading(self) -> None:
        self._closing = True
        self._reader.join()


class Terminal(PseudoTerminal):
    """A pseudo-terminal that knows what a person sees on it."""

    def __init__(
        self,
        command: Sequence[object],
        columns: int = 120,
        rows: int = 40,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self._main = _Page(columns, rows)
        self._alternate = _Page(columns, rows)
        self._page = self._main
        self._interpreted = 0
        self._rest = b""
        super().__init__(command, columns, rows, env, cwd)

    def text(self) -> str:
        """The screen as it looks now."""
        chunks = self.chunks[self._interpreted :]
        self._interpreted += len(chunks)
        self._interpret(b"".join(data for _, data in chunks))
        return self._page.text()

    def shows(self, wanted: str | re.Pattern[str]) -> bool:
        """Whether a text, or one of this pattern, is on the screen."""
        return _is_in(self.text(), wanted)

    def wait_for(self, wanted: str | re.Pattern[str], timeout: float = SECONDS) -> str:
        """The screen, once it shows a text.

        Raises:
            AssertionError: it never does, or the command is over; names what is shown instead.
        """
        __tracebackhide__ = True
        complaint = f"{wanted!r} does not appear"
        return self._wait(lambda text: _is_in(text, wanted), complaint, timeout)

    def wait_until_gone(self, unwanted: str | re.Pattern[str], timeout: float = SECONDS) -> str:
        """The screen, once it does not show a text any more."""
        __tracebackhide__ = True
        return self._wait(lambda text: not _is_in(text, unwanted), f"{unwanted!r} stays", timeout)

    def resize(self, columns: int, rows: int) -> None:
        self.text()
        for page in (self._main, self._alternate):
            page.resize(columns, rows)
        super().resize(columns, rows)

    def wait_exit(self, timeout: float = SECONDS) -> int:
        __tracebackhide__ = True
        try:
            return super().wait_exit(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the command goes on\n{self.picture()}") from None

    def picture(self) -> str:
        """The screen with a frame around it, for messages."""
        lines = self.text().split("\n")
        width = self._page.columns
        edge = "─" * width
        rows = "\n".join(f"│{line.ljust(width)}│" for line in lines)
        return f"┌{edge}┐\n{rows}\n└{edge}┘"

    def _wait(self, condition: Callable[[str], bool], complaint: str, timeout: float) -> str:
        """The screen as it was when a condition held: it may have gone on since."""
        __tracebackhide__ = True
        over = False
        text = ""

        def is_so() -> bool:
            nonlocal over, text
            if self.process.poll() is not None:
                self.wait_exit()
                over = True
            text = self.text()
            return condition(text) or over

        self.wait_until(is_so, timeout)
        if condition(text):
            return text
        why = (
            f"; the command ended with {self.process.returncode}" if over else f" in {timeout:g} s"
        )
        raise AssertionError(f"{complaint}{why}\n{self.picture()}")

    def _interpret(self, data: bytes) -> None:
        data = self._rest + data
        unfinished = _UNFINISHED.search(data)
        cut = unfinished.start() if unfinished else len(data)
        data, self._rest = data[:cut], data[cut:]
        for part in re.split(rb"(\x1b\[\?1049[hl])", data):
            if part == ALTERNATE:
                self._page = self._alternate
                self._page.reset()
            elif part == MAIN:
                self._page = self._main
            else:
                self._page.feed(part)


class _Page:
    """One of a terminal's two screens."""

    def __init__(self, columns: int, rows: int) -> None:
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)

    @property
    def columns(self) -> int:
        return int(self._screen.columns)

    def reset(self) -> None:
        self._screen.reset()

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)

    def feed(self, data: bytes) -> None:
        """Paint; sequences that the interpreter does not know are left out."""
        self._stream.feed(_ESCAPE.sub(_known, data))

    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self._screen.display)


def _is_in(text: str, wanted: str | re.Pattern[str]) -> bool:
    return wanted in text if isinstance(wanted, str) else bool(wanted.search(text))


def _known(match: re.Match[bytes]) -> bytes:
    sequence = match[0]
    return sequence if _PLAIN_CSI.fullmatch(sequence) or sequence[1:2] != b"[" else b""


def _key(name: str) -> bytes:
    if name.startswith("ctrl+"):
        return bytes([ord(name[-1].upper()) - ord("@")])
    return KEYS.get(name, name.encode())


def _environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Ours with ``changes``, for an ordinary terminal with all colours."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in ("COLUMNS", "LINES", "NO_COLOR", "TMUX", "TERM_PROGRAM")
    }
    return {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", **changes}
