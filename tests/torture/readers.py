"""Every reader of files and texts from outside, each given something mutated.

A reader may refuse (``UserError``) or read; what it read is right. Anything else is a fault.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from random import Random
from typing import Any

import torch
from msgspec import to_builtins

from tests.e2e.runs import assert_same
from tests.events import read_events, step_columns
from tests.mutations import mutate
from tests.support import TOOLS, dialogues
from tests.torture.judge import assert_printable
from tests.torture.structures import (
    VALUES,
    mutate_lines,
    mutate_record,
    mutate_tree,
    mutate_yaml,
)
from trm_engine.checkpoints.file import load_checkpoint
from trm_engine.config import Config, known_keys
from trm_engine.data.convert import convert_file
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.sample_reader import SampleReader
from trm_engine.data.samples import parse_conversation
from trm_engine.data.stats import file_statistics
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.errors import UserError
from trm_engine.inspection.facts import describe_file
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.job import Cancelled
from trm_engine.inspection.parameters import list_parameters
from trm_engine.runs.commands import CommandReader, send_command
from trm_engine.runs.events import EventReader, EventWriter, last_state
from trm_engine.runs.folder import RunFolder
from trm_engine.runs.schema.events import LogMessage
from trm_engine.runs.summary import summarise

Reader = Callable[["Corpus", Path, Random], None]
READERS: dict[str, Reader] = {}


class Corpus:
    """What is good, to be mutated: a finished run and its data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.run = RunFolder(path / "run")
        self.lines = dialogues(2)

    @cached_property
    def tokenizer(self) -> TRMTokenizer:
        return TRMTokenizer(self.run.tokenizer)

    @cached_property
    def checkpoint(self) -> Path:
        return self.run.path / "checkpoints" / "last.pt"

    @cached_property
    def state(self) -> dict[str, Any]:
        return load_checkpoint(self.checkpoint)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        return read_events(self.run.events)

    @cached_property
    def data(self) -> Path:
        return self.path / "tiny.jsonl"

    @cached_property
    def cached(self) -> tuple[Path, list[dict[str, torch.Tensor]]]:
        """A folder with a token cache, and the items that are read from it."""
        folder = self.path / "tokens"
        return folder, items_of(self.dataset(folder))

    def dataset(self, cache: Path, data: Path | None = None) -> TRMToolCallingDataset:
        return TRMToolCallingDataset(data or self.data, self.tokenizer, cache_dir=cache)


def reader(read: Reader) -> Reader:
    """Add a reader by the name of its function."""
    READERS[read.__name__.removeprefix("read_")] = read
    return read


def items_of(dataset: TRMToolCallingDataset) -> list[dict[str, torch.Tensor]]:
    return [dataset[index] for index in range(len(dataset))]


class Job:
    """Who asks waits."""

    def check(self) -> None: ...
    def progress(self, what: str, share: float, **more: Any) -> None: ...
    def part(self, **content: Any) -> None: ...


class Impatient(Job):
    """Who asks gives up a question of many steps, as a screen can."""

    def __init__(self, job: Any) -> None:
        self._job = job
        self._looks = 0

    def check(self) -> None:
        self._job.check()
        self._looks += 1
        if self._looks > MOST_LOOKS:
            raise Cancelled

    def progress(self, what: str, share: float, **more: Any) -> None:
        self.check()

    def part(self, **content: Any) -> None:
        self.check()


MOST_LOOKS = 200


def printed(command: Callable[[], object]) -> None:
    """Run a command that prints; what it prints is safe for a terminal."""
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    with contextlib.redirect_stdout(out), suppress(UserError):
        command()
    out.flush()
    assert_printable(out.buffer.getvalue())  # type: ignore[attr-defined]


def written(place: Path, name: str, content: bytes) -> Path:
    path = place / name
    path.write_bytes(content)
    return path


# Data ---------------------------------------------------------------------------------------------


@reader
def read_data(corpus: Corpus, place: Path, rng: Random) -> None:
    """`data check`, `data stats`, and what training does first."""
    path = written(place, "data.jsonl", mutate_lines(corpus.lines, rng))
    samples = SampleReader(path, on_error="skip")
    usable: list[Any] = []
    with suppress(UserError):
        usable = [sample for _, sample in samples]
    for problem in samples.problems:
        assert str(path) in str(problem) and problem.line >= 1
    with suppress(UserError):
        found = file_statistics(path, corpus.tokenizer, lambda done: None)
        json.dumps(found, allow_nan=False)
    with suppress(UserError):
        dataset = TRMToolCallingDataset(
            path, corpus.tokenizer, cache_dir=place / "cache", on_error="skip"
        )
        assert len(dataset) == len(usable)
        for index, item in enumerate(items_of(dataset)):
            assert item["input_ids"].max() < corpus.tokenizer.vocab_size
            dataset.sample(index)


@reader
def read_convert(corpus: Corpus, place: Path, rng: Random) -> None:
    """`data convert` of both formats, with and without a file of tools."""
    records: list[Any] = [RAW, RAW] if rng.random() < 0.5 else [OPENAI, OPENAI]
    path = written(place, "in.jsonl", mutate_lines(records, rng))
    tools = written(place, "tools.json", mutate_record(TOOLS, rng)) if rng.random() < 0.3 else None
    with suppress(UserError):
        for sample in convert_file(path, tools_path=tools, slots=["phone"]):
            json.dumps(sample, allow_nan=False, ensure_ascii=False).encode("utf-8")


@reader
def read_conversations(corpus: Corpus, place: Path, rng: Random) -> None:
    """`predict`, and what is pasted into the playground."""
    from trm_tui.sessions.pasted import read_conversation

    raw = mutate_record(rng.choice([*corpus.lines, OPENAI]), rng)
    with suppress(ValueError):
        read = parse_conversation(raw)
        corpus.tokenizer.encode_turns(read.history)
    with suppress(UserError):
        draft = read_conversation(raw.decode("utf-8", "replace"))
        if draft is not None:
            assert isinstance(draft.problem, str)
            json.dumps(draft.record())


@reader
def read_sample_file(corpus: Corpus, place: Path, rng: Random) -> None:
    """Samples by their line: the error browser, the playground's files."""
    from trm_tui.sessions.sample_file import SampleFile

    path = written(place, "data.jsonl", mutate_lines(corpus.lines, rng))
    with suppress(UserError):
        file = SampleFile(path)
        for line in range(len(file) + 2):
            with suppress(UserError):
                file.load(line)


@reader
def read_cache(corpus: Corpus, place: Path, rng: Random) -> None:
    """A damaged token cache is built anew."""
    good, items = corpus.cached
    cache = place / "cache"
    shutil.copytree(good, cache)
    path = rng.choice(sorted(p for p in cache.rglob("*") if p.is_file() and p.suffix != ".lock"))
    if rng.random() < 0.1:
        path.unlink()
    else:
        path.write_bytes(mutate(path.read_bytes(), rng))
    with suppress(UserError):
        assert_same(items_of(corpus.dataset(cache)), items, f"after damage to {path.name}: ")


# Configuration ------------------------------------------------------------------------------------


@reader
def read_config(corpus: Corpus, place: Path, rng: Random) -> None:
    """A configuration is refused, or written and read again the same."""
    text = corpus.run.config.read_text()
    path = written(place, "a.yaml", mutate_yaml(text, rng))
    with suppress(UserError):
        config = Config.from_yaml(path)
        config.to_yaml(place / "again.yaml")
        assert Config.from_yaml(place / "again.yaml").to_dict() == config.to_dict()


@reader
def read_overrides(corpus: Corpus, place: Path, rng: Random) -> None:
    """--set section.key=value."""
    key = rng.choice(known_keys())
    text = mutate_yaml(f"{key}: 1", rng).decode("utf-8", "replace").partition(":")[2]
    value = text if rng.random() < 0.7 else str(rng.choice(VALUES))
    given = f"{key}={value}"
    if rng.random() < 0.3:
        given = mutate(given.encode("utf-8", "replace"), rng).decode("utf-8", "replace")
    with suppress(UserError):
        Config.from_yaml(corpus.run.config, [given])


@reader
def read_settings(corpus: Corpus, place: Path, rng: Random) -> None:
    """Settings that make no sense are the defaults, and can be written again."""
    from trm_tui import settings

    os.environ["XDG_CONFIG_HOME"] = str(place)
    settings.save(settings.Settings())
    path = settings.settings_path()
    path.write_bytes(mutate_yaml(SETTINGS, rng))
    read = settings.load()
    assert settings.save(read) is True
    assert settings.load() == read


@reader
def read_kept(corpus: Corpus, place: Path, rng: Random) -> None:
    """Conversations kept by the playground: a damaged file costs no later one."""
    from trm_tui.sessions.saved_conversations import SavedConversations

    path = written(
        place,
        "kept.jsonl",
        mutate_lines([{"history": each["history"]} for each in corpus.lines], rng),
    )
    kept = SavedConversations(path)
    kept.last()
    record = {"history": [{"role": "user", "content": "new"}]}
    assert kept.save(record) is True
    assert SavedConversations(path).last() == record


# Models -------------------------------------------------------------------------------------------


@reader
def read_checkpoint(corpus: Corpus, place: Path, rng: Random) -> None:
    """A damaged checkpoint is refused, or it was not damaged where it matters."""
    path = written(place, "a.pt", mutate(corpus.checkpoint.read_bytes(), rng))
    with suppress(UserError):
        assert_same(load_checkpoint(path), corpus.state)
    with suppress(UserError):
        file = ModelFiles("cpu").open(path)
        assert_same(dict(file.weights), dict(corpus.state["model_state_dict"]))


@reader
def read_crafted(corpus: Corpus, place: Path, rng: Random) -> None:
    """A checkpoint that somebody made on purpose: whole, and not what it should be."""
    path = place / "crafted.pt"
    torch.save(craft(corpus.state, rng), path)
    files = ModelFiles("cpu")
    with suppress(UserError):
        json.dumps(to_builtins(describe_file(files, Job(), str(path))), default=str)
    with suppress(UserError):
        json.dumps(to_builtins(list_parameters(files, Job(), str(path))))
    with suppress(UserError):
        conversation = parse_conversation(json.dumps(corpus.lines[1]).encode())
        for answer in files.open(path).predictor().predict([conversation]):
            json.dumps(answer.to_dict(), allow_nan=False)


def craft(state: dict[str, Any], rng: Random) -> Any:
    """A checkpoint's content with parts that no training makes."""
    kind = rng.choice(("config", "config", "size", "size", "labels", "tensor", "tensor", "any"))
    crafted = dict(state)
    if kind == "any":
        crafted = mutate_tree(state, rng)
    elif kind == "size":
        config = json.loads(json.dumps(state["config"]))
        section = rng.choice(("model", "model", "data"))
        sizes = [key for key, value in config[section].items() if isinstance(value, int | float)]
        config[section][rng.choice(sizes)] = rng.choice(SIZES)
        crafted["config"] = config
    elif kind == "tensor":
        where = rng.choice(("model_state_dict", "ema_state_dict"))
        tensors = dict(state[where]["shadow"] if where == "ema_state_dict" else state[where])
        name = rng.choice(list(tensors))
        tensors[name] = rng.choice(TENSORS)(tensors[name])
        crafted[where] = (
            {**state[where], "shadow": tensors} if where == "ema_state_dict" else tensors
        )
    else:
        crafted[kind] = mutate_tree(state[kind], rng)
    if isinstance(crafted, dict) and rng.random() < 0.15:
        crafted["tokenizer"] = rng.choice(TOKENIZERS)(state["tokenizer"], rng)
    return crafted


SIZES: tuple[Any, ...] = (0, -1, 1, 7, 10**3, 10**5, 10**6, 10**9, 10**12, 2**63 - 1, 2**64, 1e300)

TENSORS: tuple[Callable[[torch.Tensor], Any], ...] = (
    lambda tensor: tensor * float("nan"),
    lambda tensor: tensor * float("inf"),
    lambda tensor: torch.zeros(()).expand(10**6, 10**6),
    lambda tensor: torch.zeros(1).as_strided((10**12,), (0,)),
    lambda tensor: tensor.to(torch.complex64),
    lambda tensor: tensor.to(torch.bool),
    lambda tensor: tensor.to(torch.float16),
    lambda tensor: tensor.to(torch.int8),
    lambda tensor: tensor.to_sparse() if tensor.ndim else tensor,
    lambda tensor: tensor.flatten()[:-1],
    lambda tensor: tensor[None],
    lambda tensor: torch.zeros(0),
    lambda tensor: torch.empty(tensor.shape, device="meta"),
    lambda tensor: tensor.tolist(),
    lambda tensor: 7,
    lambda tensor: None,
    lambda tensor: torch.quantize_per_tensor(tensor.float(), 0.1, 0, torch.qint8),
    lambda tensor: torch.zeros(4096, 4096),
)

TOKENIZERS: tuple[Callable[[bytes, Random], Any], ...] = (
    mutate,
    lambda model, rng: b"",
    lambda model, rng: "/etc/passwd",
    lambda model, rng: "/dev/zero",
    lambda model, rng: model.decode("latin-1"),
    lambda model, rng: bytearray(model),
    lambda model, rng: list(model[:100]),
    lambda model, rng: torch.zeros(4),
    lambda model, rng: None,
    lambda model, rng: 7,
)


@reader
def read_tokenizer(corpus: Corpus, place: Path, rng: Random) -> None:
    """A damaged SentencePiece model is refused, or it reads conversations."""
    path = written(place, "a.model", mutate(corpus.tokenizer.model_bytes, rng))
    with suppress(UserError):
        tokenizer = TRMTokenizer(path)
        for sample in corpus.lines[:2]:
            ids = tokenizer.encode_conversation(sample["history"])["input_ids"]
            assert all(0 <= each < tokenizer.vocab_size for each in ids)
            tokenizer.decode(ids)


# Runs ---------------------------------------------------------------------------------------------


@reader
def read_events_file(corpus: Corpus, place: Path, rng: Random) -> None:
    """The events of a run: all who read them do, and the next worker's are read after them."""
    from trm_tui.commands.watch import ListOptions, show_runs, watch_run
    from trm_tui.store.run import RunStore

    run = RunFolder(place / "run")
    run.create()
    shutil.copy(corpus.run.config, run.config)
    run.events.write_bytes(mutate_lines(some_events(corpus, rng), rng))
    step_columns(read_events(run.events))
    last_state(run.events)
    RunStore().take(EventReader(run.events).read())
    json.dumps(asdict(summarise(run)), default=str)
    printed(lambda: watch_run(run.path, plain=True))
    printed(lambda: show_runs(place, True, rng.random() < 0.5, ListOptions()))
    writer = EventWriter(run.events)
    writer.write(LogMessage(level="info", message="the next worker"))
    writer.close()
    assert read_events(run.events)[-1].get("message") == "the next worker"
    assert EventReader(run.events).read()[-1].message == "the next worker"  # type: ignore[union-attr]


def some_events(corpus: Corpus, rng: Random) -> list[dict[str, Any]]:
    """The events that matter, and some of the others."""
    kinds = ("run_started", "steps", "eval", "checkpoint", "failed", "state", "log")
    chosen = [e for e in corpus.events if e["type"] in kinds or rng.random() < 0.2]
    return chosen[-rng.randint(2, len(chosen)) :]


@reader
def read_commands(corpus: Corpus, place: Path, rng: Random) -> None:
    """What stands in the file of commands hinders no later one."""
    path = place / "commands.jsonl"
    lines = [{"command": name, "t": 1e9} for name in ("pause", "save", "resume", "evaluate")]
    if rng.random() < 0.05:
        path.mkdir()
        assert CommandReader(path, 0).read() == []
        return
    path.write_bytes(mutate_lines(lines, rng))
    commands = CommandReader(path, 0)
    first = commands.read()
    send_command(path, "stop")
    assert "stop" in [*first, *commands.read()]


@reader
def read_questions(corpus: Corpus, place: Path, rng: Random) -> None:
    """What a screen asks its worker: each line has an answer, and none ends the worker."""
    from trm_engine.worker import serve

    path = str(corpus.checkpoint)
    good = [
        {"id": 1, "request": "open", "path": path},
        {"id": 2, "request": "tokenize", "path": path, "conversation": corpus.lines[1]},
        {"id": 3, "request": "predict", "path": path, "conversation": corpus.lines[1], "steps": 1},
        {"id": 4, "request": "histogram", "path": path, "name": "q", "bins": 3},
    ]
    asked = mutate_lines(good, rng)
    files, answers = ModelFiles("cpu"), serve.Answers(io.BytesIO())
    inbox = serve.Inbox(io.BytesIO(asked))
    for question in _drain(inbox):
        number = question.pop("id", None)
        answer = serve._answer(files, question, Impatient(serve._Job(number, inbox, answers)))
        assert answer["type"] in ("result", "error", "cancelled")
        json.dumps(answer, default=str)


def _drain(inbox: Any) -> list[dict[str, Any]]:
    found = []
    while (question := inbox._queue.get(timeout=60)) is not None:
        found.append(question)
    inbox._ended = False
    return found


@reader
def read_self_test(corpus: Corpus, place: Path, rng: Random) -> None:
    """Goes wrong in each way that the torture must see; the case is the folder's."""
    match int(place.name):
        case 1:
            raise ValueError("wrong")
        case 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        case 3:
            while True:
                pass
        case 4:
            bytearray(1 << 40)
        case 5:
            raise UserError("refused")


RAW: dict[str, Any] = {
    "conversation": [
        {"role": "system", "content": "You work for a telecom company."},
        {"role": "user", "content": "My internet is down. 0901234567"},
        {
            "role": "assistant",
            "content": {
                "think": "no name",
                "response": "Your name?",
                "phone": "0901234567",
                "name": None,
            },
        },
        {"role": "user", "content": "An Nguyen"},
        {
            "role": "tool_call",
            "content": {
                "response": json.dumps(
                    {"name": "find_customer", "arguments": {"phone": "0901234567"}}
                ),
                "phone": "0901234567",
                "name": "An Nguyen",
            },
        },
        {"role": "tool_response", "content": '{"status": "active"}'},
        {
            "role": "assistant",
            "response": "All is well.",
            "phone": "0901234567",
            "name": "An Nguyen",
        },
    ]
}

OPENAI: dict[str, Any] = {
    "messages": [
        {"role": "system", "content": "You work for a telecom company."},
        {"role": "user", "content": [{"type": "text", "text": "0901234567 is down"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "a",
                    "type": "function",
                    "function": {"name": "find_customer", "arguments": '{"phone": "0901234567"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "a", "content": '{"status": "active"}'},
        {"role": "assistant", "content": "All is well.", "weight": 1},
    ],
    "tools": TOOLS,
}

SETTINGS = """\
theme: nord
tab: Charts
x_axis: time
smoothing: 0.5
log_scale: {Loss: true}
hidden_series: [total]
bell: false
"""
