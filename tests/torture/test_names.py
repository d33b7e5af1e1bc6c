"""Hostile names of files, folders, tools and slots: taken for what they are, never obeyed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.forks import Forks
from tests.support import write_jsonl
from tests.torture import chance
from tests.torture.judge import assert_well_ended
from tests.torture.readers import Corpus
from tests.torture.runs import Undisturbed
from tests.torture.structures import hostile_name
from trm_engine.config import Config
from trm_engine.runs.folder import RunFolder

Count = Callable[[str, int], None]


@pytest.mark.parametrize("case", chance.cases(0.05, least=2))
def test_files(
    case: int, forks: Forks, corpus: Corpus, tmp_path: Path, record_property: Count
) -> None:
    """Made, checked, described under that name; a run watched and listed."""
    rng = chance.rng_of("names", case)
    name = file_name(rng)
    place, printed = tmp_path / "place", tmp_path / "printed"
    place.mkdir()
    printed.mkdir()

    def run(*arguments: object, allowed: tuple[int, ...] = (0, 2), entry: str = "trm") -> int:
        fork = forks.command(
            *arguments,
            cwd=place,
            entry=entry,
            out=str(printed / "out"),
            err=str(printed / "err"),
            env={"XDG_CACHE_HOME": str(tmp_path / "cache")},
        )
        status = fork.wait()
        out, err = (printed / "out").read_bytes(), (printed / "err").read_bytes()
        assert_well_ended(status, out, err, allowed)
        shutil.rmtree(printed)
        printed.mkdir()
        return status

    file = as_argument(name, rng)
    if run("data", "make", "--conversations", 2, "--", file) == 0:
        assert os.listdir(os.fsencode(place)) == [name]
        assert run("data", "check", "--", file) == 0
        assert run("data", "stats", "--", file) == 0
        run("data", "convert", "--", file, "-")
        os.unlink(os.path.join(os.fsencode(place), name))
    assert os.listdir(place) == []
    run("data", "check", "--", file, allowed=(2,))
    run("train", "--", file, allowed=(2,))
    run("watch", "--plain", "--", file, allowed=(2,))
    run("eval", "--", file, file, allowed=(2,), entry="worker")
    shutil.copytree(corpus.run.path, os.path.join(place, os.fsdecode(name)))
    assert run("watch", "--plain", "--", file) == 0
    assert run("runs", "--plain", ".") == 0
    assert run("runs", "--json", ".") == 0
    run("train", "--resume", file, allowed=(2,))
    assert not (place / "owned").exists()
    record_property("names", 1)


@pytest.mark.parametrize("case", chance.cases(0.015, least=0))
def test_training(
    case: int, forks: Forks, undisturbed: Undisturbed, tmp_path: Path, record_property: Count
) -> None:
    """A run whose folder, data and cache have such names trains what any other does."""
    rng = chance.rng_of("training", case)
    (tmp_path / "template").mkdir()
    template = undisturbed.new(tmp_path / "template", "averaged")
    config = Config.from_yaml(template.config)
    config.training.max_steps = 2
    (tmp_path / "tiny.yaml").write_text(config.dump())
    data = os.fsdecode(file_name(rng, ".jsonl"))
    shutil.copy(config.data.train_data, tmp_path / data)
    folder = as_argument(file_name(rng), rng)
    begun = forks.command(
        *("train", "tiny.yaml", "--plain", f"--train-data={data}", f"--output-dir={folder}"),
        cwd=tmp_path,
    )
    status = begun.wait()
    assert_well_ended(status, begun.out, begun.err)
    run = RunFolder(tmp_path / folder)
    if status == 0:
        assert run.state() == "finished"
        assert Config.from_yaml(run.config).training.output_dir == str(run.path.absolute())
    record_property("names", 1)


def file_name(rng: Random, suffix: str = "") -> bytes:
    """A hostile name of one file."""
    return hostile_name(rng, suffix).replace(b"/", b"")


def as_argument(name: bytes, rng: Random) -> str:
    """A name as it is given on a command line."""
    text = os.fsdecode(name)
    return text if rng.random() < 0.5 else f"./{text}"


@pytest.mark.parametrize("case", chance.cases(0.05, least=1))
def test_labels(
    case: int, forks: Forks, corpus: Corpus, tmp_path: Path, record_property: Count
) -> None:
    """Tools, slots and values whose names a terminal would obey are shown as text."""
    rng = chance.rng_of("labels", case)

    def hostile() -> str:
        return hostile_name(rng).decode("utf-8", "replace")[:60]

    tool, slot = hostile(), hostile()
    parameters = {"type": "object", "properties": {hostile(): {"type": "string"}}}
    function = {"name": tool, "description": hostile(), "parameters": parameters}
    samples = []
    for number in range(6):
        value = hostile()
        history = [{"role": "user", "content": f"{number} {value} {hostile()}"}]
        arguments = dict.fromkeys(parameters["properties"], value)  # type: ignore[arg-type]
        calls = number % 2
        samples.append(
            {
                "tools": [{"type": "function", "function": function}],
                "history": history,
                "decision": "tool_call" if calls else "direct_answer",
                "tool": {"name": tool, "arguments": arguments} if calls else {},
                "slots": {slot: value},
                "content": "" if calls else hostile(),
            }
        )
    write_jsonl(tmp_path / "a.jsonl", samples)
    for arguments in (["data", "check"], ["data", "stats"], ["data", "stats", "--json"]):
        (tmp_path / "stdout").unlink(missing_ok=True)
        fork = forks.command(*arguments, "a.jsonl", cwd=tmp_path)
        assert_well_ended(fork.wait(), fork.out, fork.err)
    record_property("names", 1)
