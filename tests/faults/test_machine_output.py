"""Output for machines: JSON that every reader takes, in UTF-8 whatever the terminal is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.faults.command import SECONDS, TRM, refused
from tests.inspected import finished_run
from tests.support import ROOT, sample, write_jsonl
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.runs.folder import RunFolder

QUESTION = {"history": [{"role": "user", "content": "Ich heiße „Zoë“ – 日本 😀 \u202e\x9b"}]}
ENCODINGS = (
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "cp1252"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
)


def run(*arguments: object, cwd: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*TRM, *map(str, arguments)],
        cwd=cwd,
        env={
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "XDG_CACHE_HOME": str(cwd / "cache"),
            "OMP_NUM_THREADS": "1",
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=SECONDS,
    )


def strictly(text: bytes) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text.decode("utf-8"), parse_constant=refuse)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, dataset: TRMToolCallingDataset) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("machine") / "run", dataset)


@pytest.fixture(scope="module")
def broken(finished: RunFolder) -> Path:
    """A checkpoint whose weights are not numbers."""
    state = load_checkpoint(finished.path / "checkpoints" / "best.pt")
    for part in ("model_state_dict", "ema_state_dict"):
        for value in _tensors(state[part]):
            value.fill_(float("nan"))
    path = finished.path / "checkpoints" / "broken.pt"
    save_atomically(state, path)
    return path


def _tensors(value: Any) -> list[torch.Tensor]:
    if isinstance(value, dict):
        return [tensor for each in value.values() for tensor in _tensors(each)]
    is_float = isinstance(value, torch.Tensor) and value.is_floating_point()
    return [value] if is_float else []


@pytest.mark.parametrize("environment", ENCODINGS)
def test_converted_data_are_utf_8_under_any_terminal(
    environment: dict[str, str], tmp_path: Path
) -> None:
    turns = [*QUESTION["history"], {"role": "assistant", "content": "“Grüße”, 日本"}]
    (tmp_path / "in.json").write_text(json.dumps(turns))
    ended = run("data", "convert", "in.json", "-", cwd=tmp_path, **environment)
    assert ended.returncode == 0, ended.stderr
    converted = strictly(ended.stdout)
    assert converted["history"] == QUESTION["history"]
    assert converted["content"] == "“Grüße”, 日本"


@pytest.mark.parametrize(
    "environment", [ENCODINGS[1], pytest.param(ENCODINGS[2], marks=pytest.mark.slow)]
)
def test_predictions_are_utf_8_under_any_terminal(
    environment: dict[str, str], finished: RunFolder, tmp_path: Path
) -> None:
    write_jsonl(tmp_path / "in.jsonl", [sample(), {**QUESTION}])
    ended = run("predict", finished.path, "in.jsonl", cwd=tmp_path, **environment)
    assert ended.returncode == 0, ended.stderr
    assert [strictly(line)["decision"] for line in ended.stdout.splitlines()]


@pytest.mark.parametrize(
    "command",
    [
        ["eval", "{}", "{data}", "--json"],
        ["eval", "{}", "{data}"],
        ["inspect", "{}", "--data", "{data}", "--json"],
        ["inspect", "{}", "--data", "{data}", "--compare", "{}", "--plain"],
        ["predict", "{}", "{data}"],
        ["playground", "{}", "--sample", "{data}:1", "--plain"],
    ],
)
def test_weights_that_are_not_numbers_give_valid_json_or_one_message(
    command: list[str], broken: Path, finished: RunFolder, tmp_path: Path
) -> None:
    given = [each.format(broken, data=finished.validation) for each in command]
    ended = run(*given, cwd=tmp_path)
    assert b"Traceback" not in ended.stderr, ended.stderr.decode()
    if ended.returncode == 2:  # the file is refused
        assert ended.stderr.startswith(b"error: ")
        return
    assert ended.returncode == 0, ended.stderr.decode()
    assert b"NaN" in ended.stdout or b"nan" in ended.stdout
    if command[0] == "predict" or "--json" in command:
        for line in ended.stdout.splitlines():
            strictly(line)


NOT_FINITE = (b"NaN", b"-Infinity", b"1e999")


@pytest.mark.parametrize("number", NOT_FINITE)
def test_a_number_that_is_not_finite_is_refused_by_every_reader_with_line_and_field(
    number: bytes, tmp_path: Path, finished: RunFolder
) -> None:
    good = json.dumps(sample(decision="tool_call", tool={"name": "pay", "arguments": {"x": 1}}))
    bad = good.encode().replace(b'"x": 1', b'"x": ' + number)
    write_jsonl(tmp_path / "bad.jsonl", [good.encode(), bad])
    said = f"bad.jsonl, line 2: tool.arguments.x: {number.decode()} is no finite number"
    assert said in refused("data", "check", "bad.jsonl", cwd=tmp_path)
    assert said in refused("data", "stats", "bad.jsonl", cwd=tmp_path)
    if number == b"NaN":
        assert said in refused("eval", finished.path, "bad.jsonl", cwd=tmp_path)
    turns = b'{"messages": [{"role": "user", "content": "a", "weight": %b}]}' % number
    write_jsonl(tmp_path / "raw.jsonl", [turns])
    message = refused("data", "convert", "raw.jsonl", "out.jsonl", cwd=tmp_path)
    assert "raw.jsonl" in message and f"{number.decode()} is no finite number" in message
