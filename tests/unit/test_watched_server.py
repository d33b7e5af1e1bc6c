"""What a screen is told by a server's address: its metrics, and why it cannot be watched."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from trm_engine.serving.engine import Engine
from trm_engine.serving.metrics import Metrics
from trm_tui.commands.watch import is_address
from trm_tui.sessions.server import (
    ServerError,
    WatchedServer,
    base_of,
    figures_of,
)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("http://127.0.0.1:8321", "http://127.0.0.1:8321"),
        ("https://example.com/v1/", "https://example.com"),
        ("localhost:8321", "http://localhost:8321"),
        ("[::1]:80", "http://[::1]:80"),
        ("outputs/first", None),
        ("outputs", None),
        ("ftp://example.com", None),
        ("", None),
    ],
)
def test_addresses_are_told_from_folders(text: str, address: str | None) -> None:
    assert is_address(text) == (address is not None)
    if address:
        assert base_of(text) == address


def test_a_folder_named_like_an_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("run:1").mkdir()
    assert not is_address("run:1")
    assert is_address("run:2")


def test_what_a_server_counts_is_read_back() -> None:
    model = SimpleNamespace(created=5, validation=None)
    engine = cast(Engine, SimpleNamespace(waiting=3, reloads=0, model=model))
    metrics = Metrics(engine)
    metrics.count_texts_lost(lambda: 2)
    for interface, status in (("chat", 200), ("route", 200), ("chat", 400)):
        metrics.count_request(interface, status, 0.004)
    found = figures_of(metrics.text().decode())
    assert (found.requests, found.failed) == (3, 1)
    assert (found.waiting, found.texts_lost) == (3, 2)
    assert found.seconds[0.003] == 0
    assert found.seconds[0.005] == found.seconds[math.inf] == 3
    assert set(found.drift) == {"actions", "confidence"}
    assert all(map(math.isnan, found.drift.values()))


class Answers(BaseHTTPRequestHandler):
    """Says what the test wants, and keeps what it was sent."""

    said: tuple[int, bytes] = (200, b"{}")
    sent: list[str | None] = []

    def do_GET(self) -> None:
        self.sent.append(self.headers["authorization"])
        status, body = self.said
        self.send_response(status)
        if status == 302:
            self.send_header("location", "http://127.0.0.1:1/")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def strange() -> Iterator[str]:
    """The address of another kind of server."""
    Answers.sent = []
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (401, b"", "it wants a key"),
        (404, b"", "it says 404"),
        (302, b"", "it says 302"),
        (200, b"{}", "not a server of trm-tui"),
        (200, b"hello", "not a server of trm-tui"),
        (200, b"\xff\x00" * 99, "not a server of trm-tui"),
    ],
)
def test_why_a_server_cannot_be_watched(
    strange: str, status: int, body: bytes, message: str
) -> None:
    Answers.said = status, body
    with pytest.raises(ServerError, match=message):
        WatchedServer(strange, "k").look()
    assert Answers.sent[0] == "Bearer k"


def test_a_server_that_is_not_there() -> None:
    for address in ("http://127.0.0.1:1", "http://nowhere.invalid", "http://127.0.0.1:99999"):
        with pytest.raises(ServerError, match=address):
            WatchedServer(address).look()
