"""Serving: one request at the socket, many clients, the start, the memory, and the model alone.

``python -m benchmarks.serving [MODEL]`` measures a run or an exported folder, else an export in
fp32 of a model of configs/default.yaml that has learnt little, and prints the figures as JSON.

Conversations have about 200 tokens. *Going on*: their earlier turns were asked about before, as in
use. *New*: nothing of them was seen. Processor time is that of the server; on a machine that does
nothing else it is the latency but for the client's share. The clients run beside the server, on the
same cores; where there are many, they are ``wrk`` if it is installed, which takes little of it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.playground import _model as model_of_default_size
from benchmarks.serving_load import TOKENS, asked_by_wrk
from tests.e2e.load import PATHS, asked_by, repeated, request_of
from tests.e2e.servers import served
from trm_engine import Router
from trm_engine.data.telecom import generate_samples
from trm_engine.inference.question import read_messages
from trm_engine.runs.folder import find_checkpoint

CONVERSATIONS, CLIENTS, EACH = 120, 64, 30
WARM_UP = 20
WRK_SECONDS = 10
Asked = dict[str, Any]


def measure(run: Path | None = None) -> Iterator[str]:
    """Rows of figures."""
    found = figures(run)
    yield f"the router alone, going on: {found['router_ms']}; new: {found['router_new_ms']} (ms)"
    yield f"at the socket, going on: {found['socket_ms']}; new: {found['socket_new_ms']} (ms)"
    yield f"processor time of the server a request: {found['socket_cpu_ms']} ms"
    yield f"/healthz at the socket: {found['healthz_ms']} (ms)"
    yield f"at the socket compared with alone: {found['socket_to_router']} ×"
    yield (
        f"{CLIENTS} clients: {found['requests_per_s']} requests/s, "
        f"{found['clients_cpu_ms']} ms of the server each; {found['failed']} failed"
    )
    yield f"start to the first answer: {found['start_s']} s, {found['start_cpu_s']} s of processor"
    yield f"resident: {found['resident_mb']} MB at the start, {found['loaded_mb']} MB after it all"
    yield json.dumps(found)


def figures(run: Path | None = None) -> dict[str, Any]:
    """All figures."""
    with tempfile.TemporaryDirectory() as place:
        path = run or _exported(Path(place))
        router = Router.load(path, threads=1)
        before, asked = _conversations(router)
        new = [_timed(lambda each=each: router.route(**each)) for each in asked]
        for each in before:
            router.route(**each)
        alone = [_timed(lambda each=each: router.route(**each)) for each in asked]
        requests, earlier = _requests(asked), _requests(before)
        began = time.perf_counter()
        with served(path) as server:
            host, port = server.url.removeprefix("http://").split(":")
            process = psutil.Process(server.process.pid)
            link = host, int(port)
            _one_client(*link, [request_of(PATHS[3], b'{"messages": "hello"}')])
            start, start_cpu = time.perf_counter() - began, _cpu(process)
            resident = process.memory_info().rss
            unseen = _one_client(*link, requests)
            one, used = [], 0.0
            for first, then in zip(earlier, requests, strict=True):
                _one_client(*link, [first])
                at = _cpu(process)
                one += _one_client(*link, [then])
                used += _cpu(process) - at
            empty = _one_client(*link, [GET] * CONVERSATIONS)
            at = _cpu(process)
            count, failed, seconds = _many_clients(server.url, [*before, *asked], Path(place))
            busy = _cpu(process) - at
            loaded = process.memory_info().rss
    return {
        "conversations": len(asked),
        "load_average": round(os.getloadavg()[0], 1),
        "router_ms": _spread(alone[WARM_UP:]),
        "router_new_ms": _spread(new[WARM_UP:]),
        "socket_ms": _spread(one[WARM_UP:]),
        "socket_new_ms": _spread(unseen[WARM_UP:]),
        "socket_cpu_ms": round(1000 * used / len(requests), 2),
        "healthz_ms": _spread(empty[WARM_UP:]),
        "socket_to_router": round(statistics.median(one) / statistics.median(alone), 2),
        "clients": CLIENTS,
        "requests_per_s": round(count / seconds, 1),
        "clients_cpu_ms": round(1000 * busy / count, 2),
        "failed": failed,
        "start_s": round(start, 2),
        "start_cpu_s": round(start_cpu, 2),
        "resident_mb": round(resident / 1e6, 1),
        "loaded_mb": round(loaded / 1e6, 1),
    }


def _exported(place: Path) -> Path:
    from trm_engine.exports.export import export

    run = model_of_default_size(place)
    export(find_checkpoint(run), place / "export", "onnx")
    return place / "export"


def _conversations(router: Router) -> tuple[list[Asked], list[Asked]]:
    """Different conversations of about 200 tokens, and the same as they were a user's turn ago."""
    before: list[Asked] = []
    found: list[Asked] = []
    for sample in generate_samples(4000, 11):
        turns, _ = read_messages(sample["history"])
        last = max(
            (place for place, each in enumerate(turns[:-1]) if each.role == "user"), default=0
        )
        if last and TOKENS[0] <= len(router.predictor.encode(turns)) <= TOKENS[1]:
            found.append({"messages": sample["history"], "tools": sample["tools"]})
            before.append({**found[-1], "messages": sample["history"][: last + 1]})
        if len(found) == CONVERSATIONS:
            break
    return before, found


def _many_clients(url: str, asked: Sequence[Asked], place: Path) -> tuple[int, int, float]:
    """The number of requests, of those that failed, and the seconds that all took."""
    if not shutil.which("wrk"):
        began, count = time.perf_counter(), CLIENTS * EACH
        statuses = asked_by(CLIENTS, url, repeated(_requests(asked), count))
        return count, count - statuses[200], time.perf_counter() - began
    count, failed, microseconds, _, _ = asked_by_wrk(
        url, [_body(each).decode() for each in asked], CLIENTS, WRK_SECONDS
    )
    return count, failed, microseconds / 1e6


def _body(asked: Asked) -> bytes:
    return json.dumps({"model": "m", **asked}).encode()


def _requests(asked: Sequence[Asked]) -> list[bytes]:
    return [request_of(PATHS[0], _body(each)) for each in asked]


def _cpu(process: psutil.Process) -> float:
    """Seconds of processor time so far."""
    times = process.cpu_times()
    return times.user + times.system


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
    return {
        "least": round(min(values), 2),
        "p50": round(statistics.median(values), 2),
        "p99": round(cuts[98], 2),
    }


if __name__ == "__main__":
    print(json.dumps(figures(Path(sys.argv[1]) if len(sys.argv) > 1 else None)))
