"""Server: the tools of an MCP server, which is started, asked and ended."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
import signal
import tempfile
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from pydantic import ValidationError

from trm_engine.data.catalogue import Catalogue, read_catalogue
from trm_engine.data.fields import ConvertError
from trm_engine.errors import DataError
from trm_engine.printable import one_line

if TYPE_CHECKING:
    from mcp import Client

TIMEOUT = 120.0
"""Seconds for a server to start and to list its tools. `npx` and `uvx` may have to install it."""
MOST_PAGES = 1000
LINES_SHOWN = 3
ENDING = [signal.SIGTERM, signal.SIGHUP] if os.name == "posix" else []
"""Signals that end a process that does not handle them."""


class ServerError(DataError):
    """An MCP server cannot be started, does not answer or answers with an error."""


def read_server_tools(command: str, timeout: float = TIMEOUT) -> Catalogue:
    """The tools that an MCP server lists.

    The server runs as a process of this user, with this environment, and talks over its standard
    input and output. What it writes on standard error is shown only if it fails. It has ended when
    this function returns, also after an error, Ctrl+C or a signal that ends this process.

    Args:
        command: as in a shell: ``npx -y some-server --option``. No shell runs it.
        timeout: seconds for everything.

    Raises:
        ServerError: the server fails. The message has the last lines of its standard error.
        ConvertError: it lists no tools.
    """
    words = _words(command)
    where = f"MCP server '{one_line(command)}'"
    _require_package()
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as told:
        try:
            with _quiet():
                listed = asyncio.run(_asked(words, timeout, told))
        except Exception as error:
            raise ServerError(f"{where}: {_reason(error, timeout)}{_last_lines(told)}") from None
    found = read_catalogue({"tools": listed}, where)
    if not found.tools and not found.problems:
        raise ConvertError(f"{where}: expected tools, but it lists none")
    return found


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise ServerError(f"MCP server '{one_line(command)}': {error}") from None
    if words and words[0].startswith(("http://", "https://")):
        raise ServerError(
            f"MCP server '{one_line(command)}': expected a command; only servers that talk over "
            "standard input and output are asked"
        )
    if not words:
        raise ServerError("expected the command of an MCP server, such as 'npx -y some-server'")
    return words


def _require_package() -> None:
    try:
        import mcp  # noqa: F401
    except ImportError:
        raise ServerError(
            "tools of an MCP server need the package mcp: pip install 'trm-tui[mcp]'"
        ) from None


async def _asked(words: list[str], timeout: float, told: TextIO) -> list[dict[str, Any]]:
    """The tools, from all pages of the server's answer."""
    from mcp import Client, StdioServerParameters, stdio_client

    server = StdioServerParameters(
        command=words[0],
        args=words[1:],
        env=dict(os.environ),
        encoding_error_handler="replace",
    )
    transport = stdio_client(server, errlog=told)
    # An older server may be silent when it is first asked for its version; then it is greeted.
    connected = Client(transport, read_timeout_seconds=timeout / 3, cache=None)
    async with asyncio.timeout(timeout), _until_ended(), connected as client:
        return [tool async for tool in _pages(client)]


async def _pages(client: Client) -> AsyncIterator[dict[str, Any]]:
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            yield tool.model_dump(mode="json", by_alias=True, exclude_none=True)
        if page.next_cursor is None or page.next_cursor == cursor:
            return
        cursor = page.next_cursor


@asynccontextmanager
async def _until_ended() -> AsyncIterator[None]:
    """Has a signal that ends this process end the server first."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    is_main = threading.current_thread() is threading.main_thread()
    signals = [each for each in ENDING if is_main and signal.getsignal(each) == signal.SIG_DFL]
    received: list[int] = []

    def end(number: int) -> None:
        received.append(number)
        if task:
            task.cancel()

    for each in signals:
        loop.add_signal_handler(each, end, each)
    try:
        yield
    except asyncio.CancelledError:
        if received:
            raise SystemExit(128 + received[0]) from None
        raise
    finally:
        for each in signals:
            loop.remove_signal_handler(each)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the package's log off the terminal."""
    logger, nothing = logging.getLogger("mcp"), logging.NullHandler()
    propagated = logger.propagate
    logger.addHandler(nothing)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(nothing)
        logger.propagate = propagated


def _reason(error: BaseException, timeout: float) -> str:
    """Why a server failed; of errors in a group the first one."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} seconds"
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        return f"its answer is none of MCP's: {one_line(place)}: {one_line(first['msg'])}"
    if isinstance(error, OSError):
        return f"cannot be started: {error.strerror or error}"
    return f"failed: {one_line(str(error)) or type(error).__name__}"


def _last_lines(told: TextIO) -> str:
    """The end of what the server wrote on standard error."""
    told.flush()
    told.seek(0)
    lines = [one_line(line) for line in told if line.strip()]
    return "".join(f"\n  {line[:200]}" for line in lines[-LINES_SHOWN:])
