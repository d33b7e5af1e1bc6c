"""``python -m benchmarks.serving_load FOLDER DATA``: many clients, and processes on one socket.

Clients of ``wrk`` ask about the samples of DATA in turn, until there are enough requests. Samples
of about 200 tokens are taken, with their tools. Clients and processes share the processor; pin them
with ``taskset``. ``--floor``: the router answers at once, which shows what HTTP alone allows.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from tests.e2e.load import PATHS
from trm_engine import Router
from trm_engine.inference.question import Question, read_messages
from trm_engine.inference.route import Route
from trm_engine.serving.listening import address_of, listening
from trm_engine.serving.server import serve
from trm_engine.serving.settings import Settings

TOKENS = (150, 250)
CONVERSATIONS, SECONDS = 240, 10
WRK = """
local bodies = {}
for line in io.lines("%s") do bodies[#bodies + 1] = line end
local at = 0
request = function()
  at = at %% #bodies + 1
  return wrk.format("POST", "%s", {["content-type"] = "application/json"}, bodies[at])
end
done = function(summary, latency)
  local e = summary.errors
  local failed = e.connect + e.read + e.write + e.status + e.timeout
  io.write(string.format("%%d %%d %%d %%d %%d", summary.requests, failed, summary.duration,
    latency:percentile(50), latency:percentile(99)))
end
"""


def main() -> None:
    """Print a row for every ten seconds, and what all come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--floor", action="store_true")
    parser.add_argument("--socket", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.socket is not None:
        if given.floor:
            _answer_at_once()
        serve(Settings(given.folder), given.socket)
        return
    with listening("127.0.0.1", 0) as listener:
        number = listener.fileno()
        command = [sys.executable, "-m", "benchmarks.serving_load", *sys.argv[1:]]
        command += ["--socket", str(number)]
        servers = [subprocess.Popen(command, pass_fds=[number]) for _ in range(given.processes)]
        try:
            bodies = _bodies(given.folder, given.data)
            url = address_of(listener)
            urllib.request.urlopen(f"{url}/healthz").read()
            time.sleep(SECONDS / 2)  # all of them are ready
            for row in _rows(url, bodies, servers, given.clients, given.requests):
                print(row, flush=True)
        finally:
            for server in servers:
                server.terminate()
                server.wait()


def _rows(
    url: str,
    bodies: Sequence[str],
    servers: Sequence[subprocess.Popen[bytes]],
    clients: int,
    wanted: int,
) -> Iterator[str]:
    processes = [psutil.Process(each.pid) for each in servers]
    total = failures = 0
    seconds = 0.0
    began = sum(_cpu(each) for each in processes)
    while total < wanted:
        count, failed, duration, p50, p99 = asked_by_wrk(url, bodies, clients, SECONDS)
        total, failures, seconds = total + count, failures + failed, seconds + duration / 1e6
        yield (
            f"{count} requests, {failed} failed, {count / duration * 1e6:.0f}/s, "
            f"p50 {p50 / 1000:.1f} ms, p99 {p99 / 1000:.1f} ms"
        )
    used = sum(_cpu(each) for each in processes) - began
    resident = ", ".join(f"{each.memory_info().rss / 1e6:.0f} MB" for each in processes)
    yield (
        f"all: {total} requests of {clients} clients, {failures} failed, {total / seconds:.0f}/s, "
        f"{1000 * used / total:.2f} ms of the server each; resident {resident}"
    )


def _bodies(folder: Path, data: Path) -> list[str]:
    router = Router.load(folder, threads=1)
    found: list[str] = []
    with open(data, encoding="utf-8") as lines:
        for sample in map(json.loads, lines):
            turns, _ = read_messages(sample["history"])
            if TOKENS[0] <= len(router.predictor.encode(turns)) <= TOKENS[1]:
                asked = {"messages": sample["history"], "tools": sample["tools"]}
                found.append(json.dumps({"model": "m", **asked}))
    return found[:CONVERSATIONS]


def asked_by_wrk(url: str, bodies: Sequence[str], clients: int, seconds: int) -> list[int]:
    """What wrk found when it sent the bodies in turn: requests, failures, and in microseconds the
    duration, p50 and p99."""
    with tempfile.TemporaryDirectory() as place:
        lines, script = Path(place) / "bodies", Path(place) / "wrk.lua"
        lines.write_text("\n".join(bodies), encoding="utf-8")
        script.write_text(WRK % (lines, PATHS[0]), encoding="utf-8")
        command = [
            "wrk",
            "-t1",
            f"-c{clients}",
            f"-d{seconds}s",
            "--timeout=30s",
            "-s",
            str(script),
        ]
        told = subprocess.run([*command, url], check=True, capture_output=True, text=True).stdout
    return [*map(int, told.splitlines()[-1].split())]


def _answer_at_once() -> None:
    """Have routers answer all questions with their first answer."""
    answer, first = Router.answer, list[Route]()

    def known(router: Router, questions: Sequence[Question]) -> list[Route]:
        if not first:
            first.extend(answer(router, questions[:1]))
        return first * len(questions)

    Router.answer = known  # type: ignore[method-assign]


def _cpu(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


if __name__ == "__main__":
    main()
