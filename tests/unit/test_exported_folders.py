"""Exported folders: what is in them, who reads them, and what is refused."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.forking import TRM
from tests.inspected import VALIDATION, finished_run
from trm_engine import Router
from trm_engine.checkpoints.file import load_checkpoint, save_atomically
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.data.labels import Labels
from trm_engine.errors import CheckpointError, DataError
from trm_engine.exports.export import export
from trm_engine.exports.folder import CARD, CONFIG, PROOF, TOKENIZER, WEIGHTS
from trm_engine.exports.proof import Proof
from trm_engine.inference.calibration import IDENTITY
from trm_engine.inference.predictor import Predictor
from trm_engine.inspection.files import ModelFiles
from trm_engine.runs.folder import RunFolder, find_checkpoint
from trm_engine.training.evaluate import evaluate


@pytest.fixture(scope="module")
def run(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


@pytest.fixture(scope="module")
def made(run: RunFolder, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Proof]:
    """An export and its proof."""
    folder = tmp_path_factory.mktemp("exports") / "made"
    return folder, export(find_checkpoint(run.path), folder, "safetensors")


@pytest.fixture
def folder(made: tuple[Path, Proof], tmp_path: Path) -> Path:
    """A copy of the export, to be damaged."""
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in made[0].iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy


def trm(*arguments: object) -> subprocess.CompletedProcess[str]:
    """`trm-tui` in a process of its own."""
    given = [*TRM, *map(str, arguments)]
    return subprocess.run(given, capture_output=True, text=True, check=False)


def test_an_export_has_the_weights_that_the_checkpoint_predicts_with(
    run: RunFolder, made: tuple[Path, Proof]
) -> None:
    checkpoint = load_checkpoint(find_checkpoint(run.path))
    found = load_checkpoint(find_checkpoint(made[0]))
    used = {**checkpoint["model_state_dict"], **checkpoint["ema_state_dict"]["shadow"]}
    assert found["model_state_dict"].keys() == used.keys()
    assert all(torch.equal(each, used[name]) for name, each in found["model_state_dict"].items())
    assert Labels.from_dict(found["labels"]) == Labels.from_dict(checkpoint["labels"])
    for part in ("tokenizer", "calibration", "global_step", "epoch", "format_version"):
        assert found[part] == checkpoint.get(part)


def test_raw_weights_are_exported_if_they_are_asked_for(run: RunFolder, tmp_path: Path) -> None:
    """Without the calibration, which is that of the averaged ones."""
    contents = load_checkpoint(find_checkpoint(run.path))
    contents["calibration"] = {"decision": 2.0}
    checkpoint = tmp_path / "model.pt"
    save_atomically(contents, checkpoint)
    data = str(run.validation)
    proof = export(checkpoint, tmp_path / "raw", "safetensors", data, raw=True)
    assert proof.largest_difference == 0
    found = load_checkpoint(tmp_path / "raw" / WEIGHTS)
    raw = contents["model_state_dict"]
    assert all(torch.equal(each, raw[name]) for name, each in found["model_state_dict"].items())
    assert found["calibration"] is None
    assert Predictor(contents, "cpu", raw=True).calibration == IDENTITY
    assert Predictor(contents, "cpu").calibration.decision == 2.0
    assert Predictor({**contents, "ema_state_dict": None}, raw=True).calibration.decision == 2.0


def test_every_reader_takes_an_export(run: RunFolder, made: tuple[Path, Proof]) -> None:
    question = "How much do I owe this month?"
    same = Router.load(run.path).route(question)
    assert Router.load(made[0]).route(question) == same
    assert ModelFiles("cpu").open(made[0]).kind == "checkpoint"
    answers = trm("predict", made[0], run.validation).stdout
    assert answers == trm("predict", run.path, run.validation).stdout
    assert len(answers.splitlines()) == VALIDATION


def test_the_proof_is_in_the_folder_and_says_that_nothing_differs(
    run: RunFolder, made: tuple[Path, Proof]
) -> None:
    folder, proof = made
    written = json.loads((folder / PROOF).read_text())
    assert (proof.samples, proof.largest_difference, proof.differences) == (VALIDATION, 0.0, [])
    assert written["samples"] == VALIDATION
    assert proof.exported.bytes == sum(
        (folder / each).stat().st_size for each in (WEIGHTS, TOKENIZER)
    )
    assert proof.exported.p95_ms >= proof.exported.p50_ms > 0
    model = Predictor.load(find_checkpoint(run.path), "cpu")
    judged = evaluate(model.model, TRMToolCallingDataset.as_read_by(model, run.validation))
    assert proof.exported.exact == proof.checkpoint.exact == judged.exact_match
    card = (folder / CARD).read_text()
    assert "Decision Accuracy" in card
    assert "No answer differs." in card


def test_no_conversation_and_no_path_is_exported(run: RunFolder, made: tuple[Path, Proof]) -> None:
    said = json.loads(run.validation.read_text().splitlines()[0])["history"][1]["content"]
    for file in made[0].iterdir():
        content = file.read_bytes()
        assert str(run.path).encode() not in content
        assert said.encode() not in content and json.dumps(said)[1:-1].encode() not in content


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def halved(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def changed(**values: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return change


@pytest.mark.parametrize(
    ("name", "damage", "told"),
    [
        (WEIGHTS, cut, "damaged"),
        (WEIGHTS, flipped, "damaged"),
        (TOKENIZER, flipped, "damaged"),
        (TOKENIZER, Path.unlink, "missing"),
        (CONFIG, halved, "damaged"),
        (CONFIG, changed(export_version=99), "another trm-tui"),
        (CONFIG, changed(kind="gguf"), "kind"),
        (CONFIG, changed(files={}), WEIGHTS),
        (CONFIG, changed(labels={}), "labels"),
        (CONFIG, changed(format_version=1), "another trm-tui"),
        (CONFIG, changed(model={"hidden_size": 64, "num_heads": 2}), "weights"),
    ],
)
def test_a_damaged_folder_is_refused_by_the_name_of_its_file(
    folder: Path, name: str, damage: Callable[[Path], None], told: str
) -> None:
    damage(folder / name)
    with pytest.raises(CheckpointError) as refused:
        Predictor.load(folder / WEIGHTS, "cpu")
    assert str(folder) in str(refused.value)
    assert told in str(refused.value)


def test_a_folder_without_weights_is_no_model(folder: Path) -> None:
    (folder / WEIGHTS).unlink()
    with pytest.raises(CheckpointError, match="neither"):
        find_checkpoint(folder)


def test_nothing_is_overwritten_unless_it_is_an_export_and_wanted(
    run: RunFolder, folder: Path, tmp_path: Path
) -> None:
    checkpoint = find_checkpoint(run.path)
    other = tmp_path / "notes"
    other.mkdir()
    (other / "precious.txt").write_text("mine")
    with pytest.raises(CheckpointError, match="--force"):
        export(checkpoint, folder, "safetensors")
    with pytest.raises(CheckpointError, match="no exported model"):
        export(checkpoint, other, "safetensors", force=True)
    assert (other / "precious.txt").read_text() == "mine"
    (folder / CARD).write_text("old")
    export(checkpoint, folder, "safetensors", force=True)
    assert (folder / CARD).read_text() != "old"


def test_a_checkpoint_without_its_run_needs_samples(run: RunFolder, tmp_path: Path) -> None:
    alone = tmp_path / "alone.pt"
    alone.write_bytes(find_checkpoint(run.path).read_bytes())
    with pytest.raises(DataError, match="--data"):
        export(alone, tmp_path / "out", "safetensors")
    assert [*tmp_path.iterdir()] == [alone]


def test_the_command_prints_the_proof(run: RunFolder, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = trm("export", run.path, out)
    assert done.returncode == 0
    assert f"{VALIDATION} samples: probabilities differ by 0 at most." in done.stdout
    assert "resident memory" in done.stdout
    again = trm("export", run.path, out)
    assert again.returncode == 2
    assert "--force" in again.stderr
