"""Servers on real sockets: a model behind HTTP, and a server that stands behind it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil

from trm_engine.runs.launch import WORKER
from trm_engine.serving.settings import API_KEY, UPSTREAM_KEY

SECONDS = 120.0


@dataclass
class Served:
    """A server's process, its address and the lines that it has printed."""

    process: subprocess.Popen[bytes]
    url: str
    lines: list[str]
    reader: threading.Thread

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop, and wait for it. Returns the exit status."""
        self.process.send_signal(number)
        status = self.process.wait(SECONDS)
        self.reader.join(SECONDS)
        return status


@contextmanager
def served(
    path: Path,
    *options: str,
    key: str | None = None,
    upstream_key: str | None = None,
    command: Sequence[str] = (*WORKER, "listen"),
) -> Iterator[Served]:
    """A server of a checkpoint or run, on any free port; by default a worker alone."""
    keys = {API_KEY: key, UPSTREAM_KEY: upstream_key}
    environment = {name: text for name, text in os.environ.items() if name not in keys}
    environment |= {name: text for name, text in keys.items() if text is not None}
    process = subprocess.Popen(
        [*command, "--port", "0", *options, "--", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout
    lines: list[str] = []
    try:
        for line in process.stdout:
            lines.append(line.decode())
            if found := re.search(r"listening on (http://\S+?);", lines[-1]):
                break
        else:
            raise AssertionError("".join(lines))
        rest = process.stdout
        reader = threading.Thread(
            target=lambda: lines.extend(each.decode() for each in rest), daemon=True
        )
        reader.start()
        yield Served(process, found[1], lines, reader)
    finally:
        process.kill()
        process.wait()


def worker_of(server: Served) -> psutil.Process:
    """The process that answers for `trm-tui serve`."""
    (worker,) = psutil.Process(server.process.pid).children()
    return worker


@dataclass
class Behind:
    """An OpenAI-compatible server that says what it is told, and keeps what it was asked."""

    url: str
    asked: list[tuple[dict[str, str], Any]] = field(default_factory=list)
    begun: threading.Event = field(default_factory=threading.Event)
    may_answer: threading.Event = field(default_factory=threading.Event)


PARTS = [b'data: {"part": 1}\n\n', b'data: {"part": 2}\n\n', b"data: [DONE]\n\n"]
SAID: dict[str, Any] = {
    "id": "chatcmpl-behind",
    "object": "chat.completion",
    "created": 1,
    "model": "large",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hello from behind."},
        }
    ],
}


@contextmanager
def behind() -> Iterator[Behind]:
    """Such a server. It answers as soon as ``may_answer`` is set, which it is at first."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            asked = {name.lower(): text for name, text in self.headers.items()}
            place.asked.append(({**asked, "path": self.path}, body))
            place.begun.set()
            place.may_answer.wait(SECONDS)
            (self._stream if body.get("stream") else self._answer)()

        def _answer(self) -> None:
            said = json.dumps(SAID).encode()
            self._begin("application/json", ("content-length", str(len(said))))
            self.wfile.write(said)

        def _stream(self) -> None:
            self._begin("text/event-stream", ("transfer-encoding", "chunked"))
            for part in [*PARTS, b""]:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

        def _begin(self, kind: str, length: tuple[str, str]) -> None:
            self.send_response(200)
            for name, text in (("content-type", kind), length, ("x-request-id", "behind-1")):
                self.send_header(name, text)
            self.end_headers()

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    place = Behind(f"http://127.0.0.1:{server.server_port}/v1")
    place.may_answer.set()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield place
    finally:
        place.may_answer.set()
        server.shutdown()
        server.server_close()


def together(*works: Callable[[], Any]) -> list[Any]:
    """What several works return that are done at the same time."""
    found: list[Any] = [None] * len(works)

    def run(number: int) -> None:
        found[number] = works[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    return found
