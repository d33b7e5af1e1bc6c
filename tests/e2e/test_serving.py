"""A real worker that answers questions, and the client that asks them without torch."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
import pytest_asyncio

from tests.faults.command import trm
from tests.forking import CODE
from tests.inspected import STEPS, finished_run
from tests.support import ROOT, dialogues, start_python, wait_until, write_jsonl
from tests.unit.test_checkpoint import Marker
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import UserError
from trm_engine.files.jsonl import from_message
from trm_engine.inspection.client import InferenceServer, WorkerError
from trm_engine.runs.folder import RunFolder

one_loop = pytest.mark.asyncio(loop_scope="module")

SECONDS = 60.0
SAMPLE = dialogues(3)[5]
SOON = 30.0
"""CPU seconds; far less than what is given up would take, on any machine."""

# A worker with two more questions: one prints wherever it can, one fails.
NOISY = """
import os, sys
from trm_engine.inspection.requests import REQUESTS
from trm_engine.worker.serve import serve

def noise(files, job):
    print("printed"); sys.stdout.flush(); os.system("echo by a child"); os.write(1, b"raw\\n")
    return {"value": float("nan"), "text": "\\u2028\\ud800"}

def failure(files, job):
    return {"value": 1 // 0}

REQUESTS.update(noise=noise, failure=failure)
sys.exit(serve("cpu"))
"""

# A viewer that starts a worker, tells its process number and waits.
VIEWER = """
import asyncio
from trm_engine.inspection.client import InferenceServer

async def main():
    server = InferenceServer()
    await server.start()
    print(server._worker._process.pid, flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@pytest.fixture(scope="module", autouse=True)
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("token-cache")))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="module")
def run(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Samples that take long to evaluate one by one."""
    return write_jsonl(tmp_path_factory.mktemp("many") / "many.jsonl", dialogues(600))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(surroundings: None) -> AsyncIterator[InferenceServer]:
    server = InferenceServer("cpu")
    yield server
    await server.close()


def process_of(server: InferenceServer) -> psutil.Process:
    assert server._worker
    return psutil.Process(server._worker._process.pid)


def work_of(server: InferenceServer) -> float:
    """The CPU seconds that the worker has worked."""
    times = process_of(server).cpu_times()
    return float(times.user + times.system)


async def asked(server: InferenceServer, number: int) -> None:
    """Wait until so many questions are with the worker."""
    while not server._worker or len(server._worker._inboxes) < number:
        await asyncio.sleep(0.01)


def has_exited(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


# --- the client -----------------------------------------------------------------------------------


@one_loop
async def test_every_question_is_answered(server: InferenceServer, run: RunFolder) -> None:
    path = str(run.path)
    questions: dict[str, dict[str, Any]] = {
        "open": {},
        "parameters": {},
        "histogram": {"name": "heads.q.weight", "which": "ema"},
        "vocabulary": {},
        "tokenize": {"text": "số 😀"},
        "evaluate": {},
        "predict": {"conversation": SAMPLE},
        "occlude": {"conversation": SAMPLE},
    }
    results = {
        name: await server.ask(name, path=path, **arguments)
        for name, arguments in questions.items()
    }
    assert results["open"]["step"] == 7
    assert len(results["histogram"]["counts"]) == 64
    assert len(results["predict"]["steps"]) == STEPS
    assert len(results["occlude"]["turns"]) == len(SAMPLE["history"])
    assert all({"id", "type"}.isdisjoint(result) for result in results.values())


@one_loop
async def test_figures_and_predictions_are_those_of_the_command_line(
    server: InferenceServer, run: RunFolder, tmp_path: Path
) -> None:
    found = await server.ask("evaluate", path=str(run.path), batch_size=4, halt_threshold=0.6)
    options = ("--json", "--batch-size", 4, "--halt-threshold", 0.6, "--device", "cpu")
    printed = trm("eval", run.path, run.validation, *options, cwd=tmp_path)
    assert json.loads(printed.out) == found["metrics"]

    write_jsonl(tmp_path / "one.jsonl", [SAMPLE])
    said = await server.ask("predict", path=str(run.path), conversation=SAMPLE)
    printed = trm("predict", run.path, "one.jsonl", "--steps", 2, "--device", "cpu", cwd=tmp_path)
    assert json.loads(printed.out) == said["steps"][1]["prediction"]


@one_loop
async def test_an_evaluation_comes_in_parts(server: InferenceServer, run: RunFolder) -> None:
    stream = server.stream("evaluate", path=str(run.path), batch_size=5)
    messages = [message async for message in stream]
    kinds = [message["type"] for message in messages]
    assert kinds[-1] == "result"
    assert kinds[0] == "progress"
    assert set(kinds[1:-1]) == {"part", "progress"}
    lines = [each["line"] for message in messages for each in message.get("samples", ())]
    assert sorted(lines) == list(range(1, 13))


@one_loop
async def test_a_question_that_is_given_up_makes_room_for_the_next(
    server: InferenceServer, run: RunFolder, many: Path
) -> None:
    question = {"path": str(run.path), "data": str(many), "batch_size": 1}
    slow = asyncio.create_task(server.ask("evaluate", **question))
    waiting = asyncio.create_task(server.ask("predict", path=str(run.path), conversation=SAMPLE))
    await asked(server, 2)
    assert not slow.done()
    assert not waiting.done()
    slow.cancel()
    began = work_of(server)
    assert (await waiting)["steps"]
    with pytest.raises(asyncio.CancelledError):
        await slow

    async with aclosing(server.stream("evaluate", **question)) as messages:
        async for message in messages:
            if message["type"] == "part":
                break
    stale = [
        asyncio.create_task(server.ask("occlude", path=str(run.path), conversation=SAMPLE))
        for _ in range(50)
    ]
    await asyncio.sleep(0)
    for task in stale:
        task.cancel()
    await server.ask("open", path=str(run.path))
    assert work_of(server) - began < SOON
    assert server._worker
    assert server._worker._inboxes == {}


@one_loop
async def test_lines_of_megabytes_are_read(server: InferenceServer, run: RunFolder) -> None:
    text = "số 0901 😀." * 40_000
    found = await server.ask("tokenize", path=str(run.path), text=text)
    assert len(json.dumps(found)) > 10_000_000
    assert max(found["tokens"]["ends"]) == len(text)


@one_loop
async def test_errors_of_the_user_and_of_the_worker_are_told_apart(
    server: InferenceServer, run: RunFolder
) -> None:
    await server.ask("open", path=str(run.path))
    process = process_of(server)
    with pytest.raises(UserError, match="no such file"):
        await server.ask("open", path=str(run.path / "nothing.pt"))
    with pytest.raises(WorkerError, match="unknown request 'opne'; there are open") as caught:
        await server.ask("opne", path=str(run.path))
    assert "Traceback" in caught.value.details
    with pytest.raises(WorkerError, match="TypeError"):
        await server.ask("open", path=str(run.path), colour="red")
    await server.ask("open", path=str(run.path))
    assert process_of(server) == process


@one_loop
async def test_pickled_code_is_refused_and_never_run(
    server: InferenceServer, run: RunFolder, tmp_path: Path
) -> None:
    marker, path = tmp_path / "it was run", tmp_path / "best.pt"
    state = load_checkpoint(run.path / "checkpoints" / "best.pt")
    save_atomically({**state, "metrics": Marker(marker)}, path)
    for request in ("open", "parameters", "evaluate"):
        with pytest.raises(UserError, match=r"best\.pt: holds pickled Python objects"):
            await server.ask(request, path=str(path))
    assert not marker.exists()
    path.write_bytes((run.path / "checkpoints" / "best.pt").read_bytes()[:-100])
    with pytest.raises(UserError, match="cut off or damaged"):
        await server.ask("open", path=str(path))


@one_loop
async def test_a_worker_that_dies_is_told_of_and_replaced(
    server: InferenceServer, run: RunFolder, many: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.close()
    monkeypatch.setenv("PYTHONFAULTHANDLER", "1")
    arguments = {"path": str(run.path), "data": str(many), "batch_size": 1}
    messages = server.stream("evaluate", **arguments)
    first = await anext(messages)
    assert first["type"] == "progress"
    waiting = asyncio.create_task(server.ask("open", path=str(run.path)))
    await asyncio.sleep(0)
    process_of(server).send_signal(signal.SIGABRT)
    with pytest.raises(WorkerError, match=r"the worker exited \(killed by SIGABRT\)") as caught:
        async for _ in messages:
            pass
    assert "Fatal Python error: Aborted" in caught.value.details
    with pytest.raises(WorkerError, match="exited"):
        await waiting
    assert (await server.ask("open", path=str(run.path)))["step"] == 7


@one_loop
async def test_closing_ends_the_worker_and_its_questions(
    server: InferenceServer, run: RunFolder, many: Path
) -> None:
    arguments = {"path": str(run.path), "data": str(many), "batch_size": 1}
    slow = asyncio.create_task(server.ask("evaluate", **arguments))
    await asked(server, 1)
    pid = process_of(server).pid
    await server.close()
    assert has_exited(pid)
    with pytest.raises(WorkerError):
        await slow
    await server.close()


def test_a_worker_ends_with_the_process_that_asked() -> None:
    viewer = start_python(VIEWER)
    assert viewer.stdout
    pid = int(viewer.stdout.readline())
    assert not has_exited(pid)
    viewer.kill()
    viewer.communicate()
    wait_until(lambda: has_exited(pid), SECONDS)


def test_asking_needs_neither_torch_nor_textual() -> None:
    code = (
        "import sys, trm_engine.inspection.client; print({'torch', 'textual'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert ran.stdout.strip() == "set()"


# --- the protocol ---------------------------------------------------------------------------------


def test_standard_output_carries_answers_only() -> None:
    lines = [
        b'{"id": 1, "request": "noise"}',
        b"not json",
        b"",
        b"[1]",
        b'{"id": "x"}',
        b'{"cancel": [1]}',
        b'{"cancel": 99}',
        b'{"id": 2, "request": "failure"}',
        b'{"id": 3, "request": "noise"}',
    ]
    worker = subprocess.Popen(
        [*CODE, NOISY],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert worker.stdin
    assert worker.stdout
    assert json.loads(worker.stdout.readline()) == {"type": "ready"}
    worker.stdin.write(b"\n".join(lines) + b"\n")
    worker.stdin.flush()
    written = [worker.stdout.readline() for _ in range(7)]
    answers = [from_message(line) for line in written]
    rest, errors = worker.communicate(timeout=SECONDS)
    assert (rest, worker.returncode) == (b"", 0)
    for word in (b"printed", b"by a child", b"raw"):
        assert errors.count(word) == 2

    first, *broken, failed, last = answers
    assert [answer["id"] for answer in answers] == [1, None, None, None, None, 2, 3]
    assert first["type"] == last["type"] == "result"
    assert first["text"] == "\u2028\ud800"
    assert b'{"$number": "NaN"}' in written[0]  # valid JSON, unlike a bare NaN
    assert first["value"] != first["value"]
    assert [answer["type"] for answer in broken] == ["error"] * 4
    assert "not a JSON line" in broken[0]["message"]
    assert (failed["type"], failed["user_error"]) == ("error", False)
    assert failed["message"].startswith("ZeroDivisionError")
    assert "in failure" in failed["traceback"]


@one_loop
async def test_a_worker_with_nothing_to_do_ends_at_once(run: RunFolder) -> None:
    server = InferenceServer("cpu")
    await server.ask("open", path=str(run.path / "checkpoints" / "best.pt"))
    worker = server._worker
    assert worker
    await server.close()
    assert worker._process.returncode == -signal.SIGKILL  # nobody waits until torch is tidied up
