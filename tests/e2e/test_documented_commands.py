"""Every command that README and docs show does what they say.

They run in a folder with small data and a trained tiny model, without a terminal: a command that
opens a screen prints tables instead. ``trm-tui`` runs in the process of the test, and so does the
work of its workers. Only training is left out: its worker is replaced by one that ends at once.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from torch.distributed.run import get_args_parser
from typer.testing import CliRunner

from benchmarks.__main__ import NAMES
from tests.documents import Shown, blocks, commands, stages
from tests.e2e.runs import finish, tiny_run
from tests.support import ROOT, TOOLS, dialogues, write_jsonl
from trm_engine.data.as_samples import samples_file
from trm_engine.data.cache import content_hash
from trm_engine.data.telecom import generate_samples
from trm_engine.files.jsonl import from_message, to_message
from trm_engine.inspection.client import InferenceServer
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.requests import REQUESTS
from trm_engine.label_errors.suspect import RESULT, Suspect, write_records
from trm_engine.runs.events import EventWriter
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import StateChanged
from trm_engine.serving.facts import ServerFacts
from trm_engine.worker.__main__ import _parser as worker_parser
from trm_engine.worker.evaluate import evaluate_file
from trm_engine.worker.export import export_model, measure_model
from trm_engine.worker.infer import predict_lines
from trm_tui.cli import app
from trm_tui.sessions.server import Look, WatchedServer
from trm_tui.store.traffic import Figures

UNFINISHED = Path("outputs/default-20250131-093000")
NOT_RUN = {
    "pip install .": "needs a package index",
    "pip install pre-commit": "needs a package index",
    "pip wheel --no-deps --wheel-dir dist ./router": "see test_router_install",
    'pip install "$(ls dist/trm_router-*.whl)[serve]"': "needs a package index",
    "trm-router serve router-onnx --port 9000": "see test_router_install",
    "trm-router predict router-onnx conversations.jsonl": "see test_router_install",
    "pre-commit install": "is not installed in the environment",
}
COMMANDS = commands()
FEW = 5
"""Built-in conversations, instead of the number that is asked for."""

READS = re.compile(r"trm-tui (inspect|playground|eval|serve|watch|runs|sweep|data (view|stats)) ")
"""Commands that leave everything as it was: two pages may show one, which is run once."""
_read = set[str]()

SAID = "How much do I owe this month?"


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the documentation names."""
    place = tmp_path_factory.mktemp("documented")
    shutil.copytree(ROOT / "configs", place / "configs")
    for block in blocks("json", "jsonl", "yaml"):
        if block.mark.startswith("file: "):
            (place / block.mark.removeprefix("file: ")).write_text(block.text)
    (place / "tools.json").write_text(json.dumps(TOOLS))
    (place / "openapi.yaml").write_text("openapi: 3.1.0\npaths: {/me: {get: {operationId: me}}}")
    server = (ROOT / "tests" / "mcp_server.py").read_text(encoding="utf-8")
    (place / "server.py").write_text(server.replace('"two"', '"find_customer"'))
    call = {"id": "1", "function": {"name": "find_customer", "arguments": '{"phone": "12 12"}'}}
    messages = [
        {"role": "user", "content": "12 12"},
        {"role": "assistant", "tool_calls": [call]},
    ]
    write_jsonl(place / "finetune.jsonl", [{"messages": messages}])
    logged = (place / "finetune.jsonl").read_bytes()
    (place / "logs.jsonl.gz").write_bytes(gzip.compress(logged))
    _make_runs(place / "outputs")
    shutil.copy(place / "outputs" / "first" / "checkpoints" / "best.pt", place / "model.pt")
    whole = (place / "model.pt").read_bytes()
    (place / "damaged.pt").write_bytes(whole[: len(whole) // 2])
    _make_wrong_files(place)
    return place


def _make_runs(outputs: Path) -> None:
    """A finished run, another one, and one that was stopped."""
    outputs.mkdir()
    run, config = tiny_run(outputs / "first", max_steps=4, num_epochs=1, eval_interval=2)
    finish(run, config)
    shutil.copytree(run.path, outputs / "second")
    unfinished = RunFolder(outputs / UNFINISHED.name)
    shutil.copytree(run.path, unfinished.path)
    _end(unfinished)


def _end(run: RunFolder) -> None:
    events = EventWriter(run.events)
    events.write(StateChanged(state="stopped"))
    events.close()


def _make_wrong_files(place: Path) -> None:
    """The mistakes of troubleshooting.md."""
    (place / "typo.yaml").write_text("model:\n  hidden_sise: 32\n")
    changes: dict[str, Callable[[list[dict[str, Any]]], object]] = {
        "role": lambda samples: samples[1]["history"][0].update(role="assistent"),
        "decision": lambda samples: samples[0].update(decision="tool_call"),
        "slots": lambda samples: samples[2]["slots"].pop("phone"),
    }
    for name, change in changes.items():
        samples = json.loads(json.dumps(dialogues(2)[:5]))
        change(samples)
        write_jsonl(place / f"{name}.jsonl", samples)
    whole, other = (json.dumps(each).encode() for each in dialogues(1)[:2])
    write_jsonl(place / "broken.jsonl", [whole, other[:80]])


@pytest.fixture(autouse=True)
def here(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The current folder with its data, and workers that work in this process."""
    for name in ("train", "val", "conversations"):  # commands may have written others
        write_jsonl(workplace / f"{name}.jsonl", dialogues(6))
    monkeypatch.chdir(workplace)
    monkeypatch.setattr("trm_engine.data.telecom.generate_samples", _few_samples)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("trm_engine.runs.launch.start_worker", _end_at_once)
    monkeypatch.setattr("trm_engine.runs.launch.start_inference", Inference)
    monkeypatch.setattr(InferenceServer, "_messages", _answers)
    monkeypatch.setattr(WatchedServer, "look", _look)


def _look(_: WatchedServer) -> Look:
    """What a server says that has not been asked anything."""
    facts = ServerFacts(model="first", checkpoint="best.pt", created=0, started=0.0, process=1)
    return Look(0.0, facts, Figures())


def _few_samples(count: int, seed: int) -> Iterator[dict[str, Any]]:
    return generate_samples(min(count, FEW), seed)


def _end_at_once(folder: RunFolder, lock: int, **options: bool) -> subprocess.Popen[bytes]:
    """A worker whose run is stopped before its first update."""
    os.close(lock)
    _end(folder)
    return subprocess.Popen(["true"], start_new_session=True)


class Inference:
    """``start_inference``: the worker's work, done when it is waited for or read."""

    def __init__(self, task: str, *arguments: str, stdout: int | None = -1, **_: Any) -> None:
        parsed = worker_parser().parse_args([task, *arguments])
        works = {
            "eval": evaluate_file,
            "predict": predict_lines,
            "errors": _find_errors,
            "export": export_model,
            "measure": measure_model,
        }
        work = works.get(task, lambda _: 0)  # a server would listen for ever
        written = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
        with redirect_stdout(written if stdout else sys.stdout):
            self._status = work(parsed)
        written.seek(0)
        self.stdout = iter(written.detach().readlines())

    def wait(self) -> int:
        return self._status

    def kill(self) -> None:
        """It has ended."""

    terminate = kill


def _find_errors(arguments: argparse.Namespace) -> int:
    """One label error, without any training."""
    folder = Path(arguments.folder)
    folder.mkdir(parents=True, exist_ok=True)
    suspect = Suspect(2, "slot", "name", "An Nguyễn", "An", 0.9)
    write_records(folder / RESULT, [suspect])
    note = {"content": content_hash(samples_file(arguments.data))}
    (folder / "search.json").write_text(json.dumps(note))
    print(json.dumps({"type": "result", "samples": 4, "disputed": 1}))
    return 0


class _Job:
    def check(self) -> None: ...
    def progress(self, what: str, share: float, **more: Any) -> None: ...
    def part(self, **content: Any) -> None: ...


async def _answers(
    server: InferenceServer, request: str, arguments: dict[str, Any]
) -> AsyncGenerator[dict[str, Any], None]:
    """The messages of an inference server, without its process."""
    result = to_builtins(REQUESTS[request](ModelFiles("cpu"), _Job(), **arguments))
    yield from_message(to_message({"type": "result", **result}))


@pytest.mark.parametrize("page", COMMANDS, ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page: Path) -> None:
    for shown in COMMANDS[page]:
        if shown.command in NOT_RUN or shown.command in _read:
            continue
        with _room_for_run(shown):
            status, printed = _run_pipeline(shown.command)
        if shown.output is None:
            assert status == 0, f"{shown.command}\n{printed}"
            _read.update([shown.command] if READS.match(shown.command) else ())
        else:
            lines = re.escape(shown.output.strip()).replace(re.escape("..."), ".*")
            assert re.fullmatch(lines, printed.strip()), f"{shown.command}\n{printed}"


def test_programs_run(capsys: pytest.CaptureFixture[str]) -> None:
    programs = [block for block in blocks("python") if block.mark == "program"]  # else a sketch
    assert programs
    for program in programs:
        exec(compile(program.text, program.page, "exec"), {})
        assert capsys.readouterr().out


@contextmanager
def _room_for_run(shown: Shown) -> Iterator[None]:
    """What a command writes is not there yet: files are removed, and a run is put aside."""
    if written := re.search(r"^trm-tui data (?:make|convert \S+) (\S+\.jsonl)", shown.command):
        Path(written[1]).unlink(missing_ok=True)
    named = re.search(r" --output-dir (\S+)", shown.command)
    if named is None or shown.output is not None:
        yield
        return
    folder = Path(named[1])
    aside = folder.rename(folder.with_name("aside"))
    yield
    shutil.rmtree(folder)
    aside.rename(folder)


def _run_pipeline(command: str) -> tuple[int, str]:
    """The highest exit status of its parts, and what the last one prints."""
    printed, statuses = b"", []
    for words in stages(command):
        status, printed = _run(words, printed)
        statuses.append(status)
    return max(statuses), printed.decode()


def _run(words: list[str], given: bytes) -> tuple[int, bytes]:
    """One part of a pipeline: its exit status and what it prints."""
    if "<" in words:
        given = Path(words[-1]).read_bytes()
        words = words[: words.index("<")]
    name, *arguments = words
    if name in CHECKED:
        CHECKED[name](arguments)
        return 0, b""
    if name == "trm-tui":
        return _run_ours(arguments, given)
    done = subprocess.run(words, input=given, capture_output=True)
    return done.returncode, done.stdout + done.stderr


def _run_ours(arguments: list[str], given: bytes) -> tuple[int, bytes]:
    if arguments[0] == "playground" and not given:
        given = SAID.encode()
    result = CliRunner().invoke(app, arguments, input=given)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.output.encode()


# Commands that are not run but checked ------------------------------------------------------------


def _check_make(arguments: list[str]) -> None:
    subprocess.run(["make", "--dry-run", *arguments], cwd=ROOT, check=True, capture_output=True)


def _check_python(arguments: list[str]) -> None:
    """Modules that exist, and benchmarks that there are."""
    assert arguments[0] == "-m"
    module = ROOT / arguments[1].replace(".", "/")
    assert module.with_suffix(".py").is_file() or (module / "__main__.py").is_file()
    if arguments[1] == "benchmarks":
        assert set(arguments[2:]) <= set(NAMES)


def _check_torchrun(arguments: list[str]) -> None:
    """What torchrun is given, and the worker by it."""
    given = get_args_parser().parse_args(arguments)
    assert given.training_script == "python"
    worker = given.training_script_args
    assert worker[:3] == ["-P", "-m", "trm_engine.worker"]
    assert worker_parser().parse_args(worker[3:]).torchrun


CHECKED: dict[str, Callable[[list[str]], None]] = {
    "make": _check_make,
    "python": _check_python,
    "torchrun": _check_torchrun,
}
