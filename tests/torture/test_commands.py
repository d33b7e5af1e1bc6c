"""Commands given mutated files: a right exit status, one clear message, nothing left behind."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.faults.command import files, half_written, trm
from tests.forks import Forks
from tests.mutations import mutate
from tests.support import TOOLS, write_jsonl
from tests.torture import chance
from tests.torture.judge import assert_well_ended
from tests.torture.readers import OPENAI, RAW, Corpus, craft, some_events
from tests.torture.structures import mutate_lines, mutate_record, mutate_yaml
from trm_engine.runs.folder import RunFolder

Count = Callable[[str, int], None]
Command = Callable[[Corpus, Path, Random], list[object]]
MEMORY = 3 << 30
SECONDS = 200.0
COMMANDS: dict[str, Command] = {}


def command(make: Command) -> Command:
    """A command line, and the files that it is given in its working folder."""
    COMMANDS[make.__name__] = make
    return make


@command
def check(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    (place / "a.jsonl").write_bytes(mutate_lines(corpus.lines, rng))
    return ["data", "check", "a.jsonl", *rng.choice(([], ["--json"]))]


@command
def stats(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    (place / "a.jsonl").write_bytes(mutate_lines(corpus.lines, rng))
    if rng.random() < 0.5:
        return ["data", "stats", "a.jsonl", *rng.choice(([], ["--json"]))]
    model = corpus.run.tokenizer.read_bytes()
    (place / "a.model").write_bytes(mutate(model, rng) if rng.random() < 0.5 else model)
    return ["data", "stats", "a.jsonl", "--tokenizer", "a.model"]


@command
def convert(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    records: list[Any] = rng.choice(([RAW, RAW], [OPENAI, OPENAI]))
    (place / "a.jsonl").write_bytes(mutate_lines(records, rng))
    (place / "tools.json").write_bytes(mutate_record(TOOLS, rng))
    tools = rng.choice(([], ["--tools", "tools.json"]))
    return ["data", "convert", "a.jsonl", "-", *tools]


@command
def watch(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    run_with_events(corpus, place / "run", rng)
    return ["watch", "run", "--plain"]


@command
def runs(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    for name in ("one", "two"):
        run_with_events(corpus, place / name, rng)
    return ["runs", ".", rng.choice(("--plain", "--json"))]


def run_with_events(corpus: Corpus, path: Path, rng: Random) -> None:
    run = RunFolder(path)
    run.create()
    run.config.write_bytes(corpus.run.config.read_bytes())
    if rng.random() < 0.1:
        run.config.write_bytes(mutate_yaml(run.config.read_text(), rng))
    run.events.write_bytes(mutate_lines(some_events(corpus, rng), rng))


@command
def train(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    """The data are not there, so that no configuration trains."""
    text = corpus.run.config.read_text().replace("tiny.jsonl", "missing.jsonl")
    (place / "a.yaml").write_bytes(mutate_yaml(text, rng))
    return ["train", "a.yaml", "--output-dir", "run", "--train-data", "missing.jsonl"]


@command
def worker_eval(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    return ["eval", *checkpoint_and_data(corpus, place, rng)]


@command
def worker_predict(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    return ["predict", *checkpoint_and_data(corpus, place, rng)]


@command
def worker_serve(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    checkpoint, data = checkpoint_and_data(corpus, place, rng)
    questions: list[Any] = [
        {"id": 1, "request": "open", "path": str(checkpoint)},
        {"id": 2, "request": "parameters", "path": str(checkpoint)},
        {"id": 3, "request": "predict", "path": str(checkpoint), "conversation": corpus.lines[1]},
        {"id": 4, "request": "evaluate", "path": str(checkpoint), "data": str(data)},
    ]
    write_jsonl(place / "stdin", questions)
    return ["serve"]


@command
def worker_resume(corpus: Corpus, place: Path, rng: Random) -> list[object]:
    """A run whose newest checkpoints are crafted or damaged goes on from another, or refuses."""
    shutil.copytree(corpus.run.path, place / "run")
    run = RunFolder(place / "run")
    run.events.write_bytes(run.events.read_bytes().replace(b'"finished"', b'"stopped"'))
    saved = sorted((run.path / "checkpoints").glob("*.pt"))
    for path in saved if rng.random() < 0.5 else rng.sample(saved, 1):
        maltreat(corpus, path, rng)
    return ["train", "run", "--resume"]


def checkpoint_and_data(corpus: Corpus, place: Path, rng: Random) -> tuple[str, str]:
    """A checkpoint and a file of samples, at least one of them mutated."""
    path = place / "a.pt"
    path.write_bytes(corpus.checkpoint.read_bytes())
    write_jsonl(place / "a.jsonl", corpus.lines)
    if rng.random() < 0.6:
        maltreat(corpus, path, rng)
    if rng.random() < 0.5:
        (place / "a.jsonl").write_bytes(mutate_lines(corpus.lines, rng))
    return "a.pt", "a.jsonl"


def maltreat(corpus: Corpus, path: Path, rng: Random) -> None:
    """Craft or damage a checkpoint."""
    import torch

    if rng.random() < 0.6:
        torch.save(craft(corpus.state, rng), path)
    else:
        path.write_bytes(mutate(path.read_bytes(), rng))


WRITES = {"worker_resume", "worker_serve", "train"}
"""Commands that may leave more than they found: a run's story, a token cache."""


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command(
    name: str, forks: Forks, corpus: Corpus, tmp_path: Path, record_property: Count
) -> None:
    tried = chance.cases(0.2, least=2)
    problems: dict[int, str] = {}
    for case in tried:
        place = tmp_path / f"{case}"
        place.mkdir()
        try:
            give(name, case, forks, corpus, place)
        except AssertionError as problem:
            problems[case] = str(problem)
        shutil.rmtree(place)
    record_property("mutations", len(tried))
    record_property("commands", len(tried))
    node = os.environ["PYTEST_CURRENT_TEST"].rpartition(" ")[0]
    told = [f"{problem:.2500}\n{chance.again(node, case)}\n" for case, problem in problems.items()]
    if told:
        pytest.fail(f"{len(told)} of {len(tried)}\n" + "\n".join(told[:8]), pytrace=False)


def give(name: str, case: int, forks: Forks, corpus: Corpus, place: Path) -> None:
    arguments = COMMANDS[name](corpus, place, chance.rng_of("commands", name, case))
    before = files(place)
    (place / "printed").mkdir()
    log = {each: str(place / "printed" / each) for each in ("out", "err")}
    fork = forks.command(
        *arguments,
        cwd=place,
        entry="worker" if name.startswith("worker") else "trm",
        env={"XDG_CACHE_HOME": str(place / "cache")},
        memory=MEMORY,
        stdin=str(place / "stdin") if name == "worker_serve" else None,
        **log,
    )
    status = fork.wait(SECONDS)
    out, err = (Path(log[each]).read_bytes() for each in ("out", "err"))
    assert_well_ended(status, out, err, allowed=(0, 1, 2) if name == "watch" else (0, 2))
    if name == "worker_serve":
        assert [json.loads(line)["type"] for line in out.splitlines()], out
    shutil.rmtree(place / "printed")
    assert half_written(place) == []
    if name not in WRITES:
        assert files(place) == before


@pytest.mark.parametrize("case", chance.cases(0.02, least=0))
def test_a_real_command(case: int, corpus: Corpus, tmp_path: Path, record_property: Count) -> None:
    """As a person types it: `eval`, `predict`, `inspect`, which have a worker of their own."""
    rng = chance.rng_of("real", case)
    checkpoint, data = checkpoint_and_data(corpus, tmp_path, rng)
    arguments = rng.choice(
        (
            ["eval", checkpoint, data],
            ["eval", checkpoint, data, "--json"],
            ["predict", checkpoint, data],
            ["inspect", checkpoint, "--plain"],
            ["inspect", checkpoint, "--plain", "--data", data],
        )
    )
    before = files(tmp_path)
    ended = trm(*arguments, cwd=tmp_path)
    record_property("mutations", 1)
    record_property("commands", 1)
    assert_well_ended(ended.status, ended.out.encode(), ended.err.encode())
    assert files(tmp_path) == before
