"""Serving: one request at the socket, many clients, and how much of it is the model alone.

``python -m benchmarks.serving [RUN]`` measures a run's model, else one of configs/default.yaml that
has learnt little, and prints the figures as JSON. Conversations have about 200 tokens. The clients
run beside the server, on the same cores.
"""

from __future__ import annotations

import json
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from benchmarks.playground import _model as model_of_default_size
from tests.e2e.load import PATHS, asked_by, repeated, request_of
from tests.e2e.servers import served
from trm_engine import Router
from trm_engine.data.telecom import generate_samples
from trm_engine.inference.question import read_messages

TOKENS = (150, 250)
ALONE, CLIENTS, EACH = 120, 64, 10
WARM_UP = 20


def measure(run: Path | None = None) -> Iterator[str]:
    """Rows of figures."""
    found = figures(run)
    alone, socket_ms, empty = found["router_ms"], found["socket_ms"], found["healthz_ms"]
    yield f"the router alone, 1 thread: p50 {alone['p50']} ms, p99 {alone['p99']} ms"
    yield f"the same at the socket: p50 {socket_ms['p50']} ms, p99 {socket_ms['p99']} ms"
    yield f"/healthz at the socket: p50 {empty['p50']} ms"
    yield f"at the socket compared with alone: {found['socket_to_router']} ×"
    yield (
        f"{CLIENTS} clients: {found['requests_per_s']} requests/s, "
        f"{found['throughput_to_alone']} × one client of the router alone; {found['failed']} failed"
    )
    yield json.dumps(found)


def figures(run: Path | None = None) -> dict[str, Any]:
    """All figures, milliseconds and requests."""
    with tempfile.TemporaryDirectory() as place:
        path = run or model_of_default_size(Path(place))
        torch.set_num_threads(1)
        router = Router.load(path)
        asked = _conversations(router)
        alone = [_timed(lambda each=each: router.route(**each)) for each in asked]
        bodies = [json.dumps({"model": "m", **each}).encode() for each in asked]
        requests = [request_of(PATHS[0], body) for body in bodies]
        with served(path) as server:
            host, port = server.url.removeprefix("http://").split(":")
            one = _one_client(host, int(port), requests)
            empty = _one_client(host, int(port), [GET] * ALONE)
            began = time.perf_counter()
            statuses = asked_by(CLIENTS, server.url, repeated(requests, CLIENTS * EACH))
            seconds = time.perf_counter() - began
    per_second = CLIENTS * EACH / seconds
    return {
        "conversations": len(asked),
        "router_ms": _spread(alone[WARM_UP:]),
        "socket_ms": _spread(one[WARM_UP:]),
        "healthz_ms": _spread(empty[WARM_UP:]),
        "socket_to_router": round(statistics.median(one) / statistics.median(alone), 2),
        "clients": CLIENTS,
        "requests_per_s": round(per_second, 1),
        "throughput_to_alone": round(per_second * statistics.median(alone) / 1000, 2),
        "failed": CLIENTS * EACH - statuses[200],
    }


def _conversations(router: Router) -> list[dict[str, Any]]:
    """Different conversations of about 200 tokens, with their tools."""
    found: list[dict[str, Any]] = []
    for sample in generate_samples(2000, 11):
        turns, _ = read_messages(sample["history"])
        if TOKENS[0] <= len(router.predictor.encode(turns)) <= TOKENS[1]:
            found.append({"messages": sample["history"], "tools": sample["tools"]})
        if len(found) == ALONE:
            break
    return found


def _timed(work: Any) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


GET = b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n"


def _one_client(host: str, port: int, requests: list[bytes]) -> list[float]:
    """Milliseconds of each request, one after another on one connection."""
    with socket.create_connection((host, port)) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        file = link.makefile("rb")

        def ask(request: bytes) -> None:
            link.sendall(request)
            assert b" 200 " in file.readline()
            length = 0
            while (line := file.readline()) != b"\r\n":
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            file.read(length)

        return [_timed(lambda each=each: ask(each)) for each in requests]


def _spread(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100)
    return {"p50": round(statistics.median(values), 2), "p99": round(cuts[98], 2)}


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1]) if len(sys.argv) > 1 else None)))
