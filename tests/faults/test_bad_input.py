"""Bad input: one clear message with its place, exit status 2, no traceback, nothing left behind."""

from __future__ import annotations

import os
import pickle
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch

from tests.e2e.runs import finish, tiny_run
from tests.faults.command import half_written, refused, trm
from tests.support import TOOLS, dialogues, sample, write_jsonl
from trm_engine.checkpoints.file import FORMAT_VERSION
from trm_engine.data.tokenizer import TRMTokenizer
from trm_engine.runs.events import last_state
from trm_engine.runs.folder import RunFolder, claim

Lines = list[dict[str, Any] | bytes]

MODEL = "model: {hidden_size: 16, num_heads: 2, num_layers: 1, N_supervision: 1}\n"

# Configuration -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "training:\n  lerning_rate: 0.1\n",
            "a.yaml, line 3: unknown key 'training.lerning_rate' "
            "(did you mean 'training.learning_rate'?)",
        ),
        ("modle: {hidden_size: 16}\n", "line 2: unknown key 'modle' (did you mean 'model'?)"),
        (
            "training: {hidden_size: 8}\n",
            "unknown key 'training.hidden_size' (did you mean 'model.hidden_size'?)",
        ),
        (
            "training:\n  seed: 1\n  num_epochs: many\n",
            "a.yaml, line 4: training.num_epochs: expected a whole number",
        ),
        ("training: {use_ema: 7}\n", "line 2: training.use_ema: expected true or false"),
        (
            "training: {dtype: float16}\n",
            "training.dtype: expected 'auto', 'float32' or 'bfloat16', not 'float16'",
        ),
        ("data: {val_split: 1.5}\n", "line 2: data.val_split: expected less than 1"),
        ("training: [1\n", "a.yaml, line 3: not valid YAML:"),
        ("data: {train_data: trian.jsonl}\n", "trian.jsonl: no such file (did you mean 'train."),
        ("data: {val_data: vla.jsonl}\n", "data.val_data: vla.jsonl: no such file"),
        ("data: {tokenizer_path: x.model}\n", "data.tokenizer_path: x.model: no such file"),
    ],
)
def test_a_configuration_with(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MODEL + text)
    (tmp_path / "train.jsonl").touch()
    message = refused("train", "a.yaml", cwd=tmp_path)
    assert said in message
    assert message.startswith("error: ") and len(message.splitlines()) == 1


def test_a_configuration_that_is_no_text_or_not_there(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"model: \xff")
    assert "a.yaml: not UTF-8 text (byte 7)" in refused("train", "a.yaml", cwd=tmp_path)
    said = "b.yaml: no such file (did you mean 'a.yaml'?)"
    assert said in refused("train", "b.yaml", cwd=tmp_path)


# Samples -----------------------------------------------------------------------------------------


def without(name: str, **changes: Any) -> dict[str, Any]:
    return {key: value for key, value in sample(**changes).items() if key != name}


BAD_LINES: list[tuple[str, dict[str, Any] | bytes, str]] = [
    ("broken JSON", b'{"history": [}', "broken JSON at column 14"),
    ("no object", b"[1]", "expected a JSON object, not list"),
    ("a missing field", without("history"), "history: missing"),
    ("a mistyped field", without("decision", decison=""), "missing (there is 'decison')"),
    (
        "an unknown role",
        sample(history=[{"role": "usr", "content": "hi"}]),
        "history[0].role: unknown role 'usr' (did you mean 'user'?): expected one of user, ",
    ),
    (
        "an unknown decision",
        sample(decision="tool_cal"),
        "unknown decision 'tool_cal' (did you mean 'tool_call'?): expected tool_call or direct_",
    ),
    (
        "a call without a tool",
        sample(decision="tool_call"),
        "decision is tool_call, so tool must be {name, arguments}",
    ),
    (
        "a tool not on offer",
        sample(decision="tool_call", tools=TOOLS, tool={"name": "find_custmer", "arguments": {}}),
        "tool 'find_custmer' is not among tools (did you mean 'find_customer'?)",
    ),
    (
        "a missing slot",
        sample(slots={"phone": "", "name": ""}),
        "slots: 'plan' is missing; every line has the slots of most lines",
    ),
    (
        "another slot",
        sample(slots={"phone": "", "name": "", "plan": "", "fone": ""}),
        "slots: 'fone' is not a slot of most lines (did you mean 'phone'?)",
    ),
    ("bad UTF-8", b'{"history": "\xff"}', "not UTF-8 text (byte 14 of the line)"),
]


def test_bad_lines_are_listed_with_place_and_field(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "bad.jsonl", [sample(), *(line for _, line, _ in BAD_LINES)])
    listed = refused("data", "check", "bad.jsonl", cwd=tmp_path).splitlines()
    for number, (kind, _, said) in enumerate(BAD_LINES):
        assert listed[number].startswith(f"bad.jsonl, line {number + 2}: "), kind
        assert said in listed[number], kind
    assert listed[-1] == f"bad.jsonl: 1 sample, {len(BAD_LINES)} problems in {len(BAD_LINES)} lines"


@pytest.mark.parametrize("content", [b"", b"\n  \n"])
def test_an_empty_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(content)
    said = "empty.jsonl: the file is empty; expected one JSON object a line"
    assert said in refused("data", "check", "empty.jsonl", cwd=tmp_path)


def test_training_on_bad_lines_names_the_first_and_leaves_no_cache(tmp_path: Path) -> None:
    lines: Lines = [sample(), *(line for _, line, _ in BAD_LINES)]
    message = refused_by_the_worker(tmp_path, "--train-data", bad_file(tmp_path, lines))
    shown = [line for line in message.splitlines() if ", line " in line]
    assert shown[0] == f"error: {tmp_path}/bad.jsonl, line 2: {BAD_LINES[0][2]}: Expecting value"
    assert len(shown) == 5
    assert "... and 6 more problems; `trm-tui data check " in message
    assert "--set data.on_error=skip" in message
    assert list((tmp_path / "cache").rglob("*.bin")) == []


def test_bad_lines_left_out_are_counted_and_listed_and_a_large_vocabulary_shrinks(
    tmp_path: Path,
) -> None:
    lines: Lines = [*dialogues(8), b"{", *dialogues(8), sample(decision="tool_cal")]
    config = configuration(tmp_path)
    options = ["--train-data", bad_file(tmp_path, lines), "--output-dir", "run"]
    ended = trm("train", config, *options, "--set", "data.on_error=skip", cwd=tmp_path)
    assert ended.status == 0, ended.out + ended.err
    said = " ".join(ended.out.split())
    assert "bad.jsonl: left out 2 bad lines" in said
    assert "bad.jsonl, line 25: broken JSON" in said
    assert "bad.jsonl, line 50: decision: unknown decision 'tool_cal'" in said
    allowed = re.search(r"warning: the text allows a vocabulary of (\d+), not 4000", said)
    assert allowed
    run = RunFolder(tmp_path / "run")
    assert last_state(run.events) == "finished"
    assert TRMTokenizer(run.tokenizer).vocab_size == int(allowed[1])
    assert half_written(tmp_path) == []


# Tokenizers --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tokenizers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with SentencePiece models that do not fit."""
    folder = tmp_path_factory.mktemp("tokenizers")
    text = [turn["content"] for each in dialogues(9) for turn in each["history"]]
    for name, size in (("small", 120), ("foreign", 420)):
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter([str(line) for line in text]),
            model_prefix=str(folder / name),
            vocab_size=size,
            byte_fallback=size > 300,
            hard_vocab_limit=False,
            minloglevel=2,
        )
    (folder / "text.model").write_text("no model")
    return folder


def test_a_tokenizer_that_is_none_or_does_not_fit(tokenizers: Path, tmp_path: Path) -> None:
    data = write_jsonl(tmp_path / "all.jsonl", dialogues(3))

    def said(name: str) -> str:
        model = tokenizers / f"{name}.model"
        message = refused("data", "stats", data, "--tokenizer", model, cwd=tmp_path)
        assert message.startswith(f"error: {model}: ")
        return message

    assert re.search(
        r"too small, \d+ pieces, at least \d+; leave out tokenizer_path", said("small")
    )
    assert re.search(
        r"id 0 is '<unk>', expected '<pad>'; leave out tokenizer_path", said("foreign")
    )
    assert "not a SentencePiece model" in said("text")
    assert "cannot be read: No such file" in said("missing")


def test_training_with_a_tokenizer_of_other_ids(tokenizers: Path, tmp_path: Path) -> None:
    model = tokenizers / "foreign.model"
    message = refused_by_the_worker(tmp_path, "--tokenizer-path", model)
    assert f"{model}: id 0 is '<unk>', expected '<pad>'" in message
    assert not (tmp_path / "run" / "tokenizer.model").exists()


# Checkpoints -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A tiny run that is finished."""
    run, config = tiny_run(tmp_path_factory.mktemp("trained") / "run", max_steps=3)
    finish(run, config)
    return run


class Trap:
    """Pickled, it is an order to write a file."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch {self.marker}",)


def damaged(kind: str, good: Path, folder: Path) -> Path:
    """A file that is no checkpoint, or no longer."""
    path = folder / f"{kind}.pt"
    state = torch.load(good, weights_only=True)
    if kind == "truncated":
        path.write_bytes(good.read_bytes()[:-4000])
    elif kind == "foreign":
        torch.save({"state_dict": state["model_state_dict"], "epoch": 3}, path)
    elif kind == "newer":
        torch.save({**state, "format_version": 99}, path)
    elif kind == "weights":
        torch.save(state["model_state_dict"], path)
    elif kind == "trap":
        torch.save({**state, "metrics": Trap(folder / "marker")}, path)
    elif kind in ("pickle", "pickle4"):
        path.write_bytes(
            pickle.dumps(Trap(folder / "marker"), protocol=2 if kind == "pickle" else 4)
        )
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("truncated", "truncated, or not a checkpoint"),
        ("foreign", "not a checkpoint of trm-tui: 'model_state_dict' is missing"),
        (
            "newer",
            f"written by another trm-tui (format 99, this one reads format {FORMAT_VERSION})",
        ),
        ("weights", "holds weights only, no labels and tokenizer; the run's checkpoints folder"),
        ("trap", "holds pickled Python objects, which are never loaded (they could run code)"),
        ("pickle", "(they could run code)"),
        ("pickle4", "(they could run code)"),
    ],
)
def test_a_checkpoint_that_is(kind: str, said: str, trained: RunFolder, tmp_path: Path) -> None:
    path = damaged(kind, trained.path / "checkpoints" / "last.pt", tmp_path)
    data = write_jsonl(tmp_path / "all.jsonl", dialogues(2))
    command = "predict" if kind.startswith("pickle") else "eval"
    message = refused(command, path, data, cwd=tmp_path)
    assert f"error: {path}: " in message and said in message
    assert len(message.splitlines()) == 1
    assert not (tmp_path / "marker").exists()


def test_a_checkpoint_from_another_label_set(trained: RunFolder, tmp_path: Path) -> None:
    slots = {"phone": "", "name": "", "plam": ""}
    write_jsonl(tmp_path / "other.jsonl", [sample(slots=slots)])
    message = refused("eval", trained.path, "other.jsonl", cwd=tmp_path)
    assert "other.jsonl" in message
    assert "'plam'" in message and "'plan'" in message


def test_resuming_passes_over_a_truncated_checkpoint_and_needs_a_whole_one(
    trained: RunFolder, tmp_path: Path
) -> None:
    run = RunFolder(tmp_path / "run")
    shutil.copytree(trained.path, run.path)
    story = run.events.read_text().replace('"state":"finished"', '"state":"stopped"')
    run.events.write_text(story)
    for path in (run.path / "checkpoints").glob("*.pt"):
        path.write_bytes(path.read_bytes()[:-4000])
    before = sorted(path.name for path in (run.path / "checkpoints").iterdir())
    ended = trm("train", "--resume", "run", cwd=tmp_path)
    assert (ended.status, "Traceback" in ended.err) == (2, False), ended.err
    assert "run/checkpoints: " in ended.err
    assert sorted(path.name for path in (run.path / "checkpoints").iterdir()) == before


# Places and devices ------------------------------------------------------------------------------


def test_an_output_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = refused("train", configuration(tmp_path), "--output-dir", "file/run", cwd=tmp_path)
    assert "file/run: the output folder cannot be written: Not a directory" in message


def test_an_output_file_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    message = refused("data", "make", "file/a.jsonl", "--conversations", 2, cwd=tmp_path)
    assert "file/a.jsonl: cannot be written: Not a directory" in message


def test_an_output_folder_in_use_by_a_live_run(tmp_path: Path) -> None:
    run, _ = tiny_run(tmp_path / "run")
    config = configuration(tmp_path)
    lock = claim(run)
    try:
        for arguments in ([config, "--output-dir", "run"], ["run"], ["--resume", "run"]):
            message = refused("train", *arguments, cwd=tmp_path)
            assert "run: a run is live in this folder; choose another --output-dir" in message
    finally:
        lock.close()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_when_one_was_asked_for(tmp_path: Path) -> None:
    message = refused_by_the_worker(tmp_path, "--device", "cuda")
    assert "training.device: cuda was asked for, but 0 CUDA devices are usable here" in message
    assert "use auto or cpu" in message


# What the tests share ----------------------------------------------------------------------------


def configuration(folder: Path) -> Path:
    """A configuration of a run of a few seconds."""
    path = folder / "tiny.yaml"
    path.write_text(
        f"{MODEL}training: {{max_steps: 2, batch_size: 4, device: cpu, num_threads: 1}}\n"
        "data: {builtin_conversations: 4, val_split: 0.2, vocab_size: 4000}\n"
    )
    return path


def bad_file(folder: Path, lines: Lines) -> Path:
    return write_jsonl(folder / "bad.jsonl", lines)


def refused_by_the_worker(folder: Path, *options: object) -> str:
    """What training says that fails in the worker; the run's folder holds its story, no more."""
    ended = trm("train", configuration(folder), "--output-dir", "run", *options, cwd=folder)
    assert ended.status == 2, ended.out + ended.err
    assert "Traceback" not in ended.out + ended.err
    run = RunFolder(folder / "run")
    assert "Traceback" not in run.log.read_text()
    assert last_state(run.events) == "failed"
    left = {path.name for path in run.path.iterdir()}
    assert left <= {"config.yaml", "events.jsonl", "worker.log", "worker.lock"}
    assert half_written(folder) == []
    assert ended.err.startswith("error: ")
    return ended.err
