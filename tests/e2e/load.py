"""Many clients at once, on plain sockets: cheap enough to share a core with the server."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import urlsplit

PATHS = ("/v1/chat/completions", "/v1/decisions", "/v1/systemone", "/v1/route")


def request_of(path: str, body: bytes) -> bytes:
    """A POST of JSON."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: localhost\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def asked_by(clients: int, url: str, requests: Iterable[bytes]) -> Counter[int]:
    """Send all requests, each client one after another on one connection.

    Returns how often each status came. A connection that breaks counts as status 0, and its client
    opens another one.
    """
    return asyncio.run(_asked_by(clients, url, requests))


def repeated(requests: Sequence[bytes], count: int) -> Iterator[bytes]:
    """So many requests, in turn."""
    return itertools.islice(itertools.cycle(requests), count)


async def _asked_by(clients: int, url: str, requests: Iterable[bytes]) -> Counter[int]:
    statuses: Counter[int] = Counter()
    waiting = iter(requests)
    await asyncio.gather(*(_client(url, waiting, statuses) for _ in range(clients)))
    return statuses


async def _client(url: str, requests: Iterator[bytes], statuses: Counter[int]) -> None:
    where = urlsplit(url)
    link = None
    for request in requests:
        try:
            link = link or await asyncio.open_connection(where.hostname, where.port)
            status, closes = await _ask(*link, request)
        except (OSError, asyncio.IncompleteReadError):
            status, closes = 0, True
        statuses[status] += 1
        if closes and link:
            link[1].close()
            link = None
    if link:
        link[1].close()


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bool]:
    """The status of an answer, and whether the connection ends with it."""
    writer.write(request)
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).lower().split(b"\r\n")
    headers = dict(line.split(b": ", 1) for line in lines if line)
    await reader.readexactly(int(headers[b"content-length"]))
    return int(first.split()[1]), headers.get(b"connection") == b"close"
