"""What a file of a model is, and which files are opened, kept and refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import to_builtins
from torch import nn

from tests.inspected import VALIDATION, Listener, finished_run
from tests.models import saved
from trm_engine.checkpoints.file import FORMAT_VERSION, load_checkpoint, save_atomically
from trm_engine.config import Config
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import CheckpointError, UserError
from trm_engine.inspection.facts import describe_file
from trm_engine.inspection.files import KEPT_FILES, ModelFiles
from trm_engine.inspection.vocabulary import list_vocabulary, model_type
from trm_engine.runs.folder import RunFolder, find_checkpoint, find_run


@pytest.fixture(scope="module")
def trained(dataset: TRMToolCallingDataset, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished_run(tmp_path_factory.mktemp("runs") / "run", dataset)


@pytest.fixture
def run(trained: RunFolder, tmp_path: Path) -> RunFolder:
    """A run's folder that may be spoilt."""
    shutil.copytree(trained.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture
def files() -> ModelFiles:
    return ModelFiles("cpu")


def facts(files: ModelFiles, path: Path) -> dict[str, Any]:
    found: dict[str, Any] = to_builtins(describe_file(files, Listener(), str(path)))
    json.dumps(found)
    return found


def refused(files: ModelFiles, path: Path) -> str:
    with pytest.raises(UserError) as caught:
        describe_file(files, Listener(), str(path))
    return str(caught.value)


# --- which file -----------------------------------------------------------------------------------


def test_a_runs_folder_means_its_best_checkpoint(run: RunFolder) -> None:
    folder = run.path / "checkpoints"
    assert find_checkpoint(run.path) == find_checkpoint(folder) == folder / "best.pt"
    assert find_checkpoint(run.model) == run.model
    (folder / "best.pt").unlink()
    assert find_checkpoint(run.path) == folder / "last.pt"
    (folder / "last.pt").unlink()
    with pytest.raises(
        CheckpointError, match=r"checkpoints: contains neither best\.pt nor last\.pt"
    ):
        find_checkpoint(run.path)
    with pytest.raises(CheckpointError, match=r"no such file \(did you mean 'model\.pt'"):
        find_checkpoint(run.path / "modle.pt")


def test_the_checkpoints_of_a_run_may_lie_elsewhere(run: RunFolder, tmp_path: Path) -> None:
    config = Config.from_yaml(run.config)
    config.training.checkpoint_dir = str(tmp_path / "elsewhere")
    config.training.output_dir = str(run.path)
    config.to_yaml(run.config)
    (run.path / "checkpoints").rename(tmp_path / "elsewhere")
    found = find_checkpoint(run.path)
    assert found == tmp_path / "elsewhere" / "best.pt"
    assert find_run(found, config) == run
    assert find_run(found) is None


# --- facts ----------------------------------------------------------------------------------------


def test_facts_of_a_checkpoint(
    files: ModelFiles, run: RunFolder, dataset: TRMToolCallingDataset
) -> None:
    path = run.path / "checkpoints" / "best.pt"
    found = facts(files, run.path)
    state = load_checkpoint(path)
    assert found["path"] == str(path)
    assert found["kind"] == "checkpoint"
    assert (found["format_version"], found["step"], found["epoch"]) == (FORMAT_VERSION, 7, 0)
    assert (found["bytes"], found["saved"]) == (path.stat().st_size, path.stat().st_mtime)
    assert found["metrics"]["samples"] == VALIDATION
    assert found["config"] == state["config"]
    assert found["defaults"] == Config().to_dict()
    assert found["labels"] == dataset.labels.to_dict()
    assert found["has_ema"]
    assert found["tokenizer"] == {
        "pieces": dataset.tokenizer.vocab_size,
        "kind": "unigram",
        "folds_case": False,
        "fingerprint": dataset.tokenizer.fingerprint,
    }
    model = files.open(path).predictor().model
    assert found["parameters"] == sum(weight.numel() for weight in model.parameters())
    assert found["completed_by"] == {}
    assert (found["run"], found["data"]) == (str(run.path), str(run.validation))


def test_bare_weights_are_completed_by_a_checkpoint_of_their_run(
    files: ModelFiles, run: RunFolder
) -> None:
    found = facts(files, run.model_ema)
    assert found["kind"] == "weights"
    assert found["step"] is found["metrics"] is found["format_version"] is None
    assert not found["has_ema"]
    last = str(run.path / "checkpoints" / "last.pt")
    assert found["completed_by"] == dict.fromkeys(("config", "labels", "tokenizer"), last)
    whole = facts(files, run.path)
    for name in ("config", "labels", "tokenizer", "parameters", "run", "data"):
        assert found[name] == whole[name], name
    averaged = files.open(run.path).predictor().model.state_dict()
    for name, weight in files.open(run.model_ema).predictor().model.state_dict().items():
        assert torch.equal(weight, averaged[name]), name


def test_bare_weights_are_completed_by_what_files_there_are(
    files: ModelFiles, run: RunFolder
) -> None:
    last = run.path / "checkpoints" / "last.pt"
    last.write_bytes(last.read_bytes()[:-30])
    assert facts(files, run.model)["completed_by"]["labels"].endswith("best.pt")

    shutil.rmtree(run.path / "checkpoints")
    files = ModelFiles("cpu")
    found = facts(files, run.model)
    assert found["completed_by"] == {"config": str(run.config), "tokenizer": str(run.tokenizer)}
    assert found["config"]["model"]["hidden_size"] == 32
    assert found["labels"] is None
    with pytest.raises(CheckpointError, match="has weights only, and its folder has no labels"):
        files.open(run.model).predictor()

    run.config.write_text("model: {hiden_size: 1}")
    run.tokenizer.unlink()
    alone = facts(ModelFiles("cpu"), run.model)
    assert alone["completed_by"] == {}
    assert alone["config"] is alone["tokenizer"] is None
    assert alone["parameters"] == found["parameters"]


def test_the_samples_judged_on_may_be_a_file_of_their_own_or_gone(
    files: ModelFiles, run: RunFolder, tmp_path: Path
) -> None:
    run.validation.unlink()
    assert facts(files, run.path)["data"] is None
    path = run.path / "checkpoints" / "best.pt"
    state = load_checkpoint(path)
    given = tmp_path / "val.jsonl"
    given.write_text("{}")
    state["config"]["data"]["val_data"] = str(given)
    save_atomically(state, path)
    assert facts(files, run.path)["data"] == str(given)


# --- kept -----------------------------------------------------------------------------------------


def test_a_file_is_read_once_until_it_changes(files: ModelFiles, run: RunFolder) -> None:
    first = files.open(run.path)
    assert files.open(run.path / "checkpoints" / "best.pt") is first
    assert first.predictor() is first.predictor()
    assert first.predictor(raw=True) is not first.predictor()
    path = run.path / "checkpoints" / "best.pt"
    save_atomically({**load_checkpoint(path), "global_step": 8}, path)
    os.utime(path, (1, 1))
    assert facts(files, run.path)["step"] == 8
    assert files.open(run.path) is not first


def test_files_not_asked_for_are_let_go(files: ModelFiles, run: RunFolder, tmp_path: Path) -> None:
    source = run.path / "checkpoints" / "best.pt"
    copies = [shutil.copy(source, tmp_path / f"{index}.pt") for index in range(KEPT_FILES)]
    opened = [files.open(path) for path in copies]
    assert files.open(copies[0]) is opened[0]
    files.open(run.path)
    assert files.open(copies[0]) is opened[0]
    assert files.open(copies[1]) is not opened[1]


def test_models_are_the_average_or_the_raw_weights(files: ModelFiles, run: RunFolder) -> None:
    file = files.open(run.path)
    for raw, weights in ((False, file.average), (True, file.weights)):
        for name, weight in file.predictor(raw).model.named_parameters():
            assert torch.equal(weight, weights[name])


# --- refused --------------------------------------------------------------------------------------


def test_weights_of_another_model_are_refused(files: ModelFiles, tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    save_atomically(nn.Linear(2, 2).state_dict(), path)
    assert refused(files, path) == f"{path}: weights of another model (weight, bias)"
    assert "weights of another model (weight)" in refused(files, saved(path))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model_state_dict": {"y_init": 1}}, "model_state_dict.y_init: input should be an inst"),
        ({"model_state_dict": []}, "model_state_dict: expected names with values"),
        ({"ema_state_dict": {"shadow": {"core": torch.zeros(2)}}}, "of other weights (core)"),
        (
            {"ema_state_dict": {"shadow": {"y_init": torch.zeros(2)}}},
            "other weights (y_init: 2)",
        ),
        ({"ema_state_dict": {"shadow": [1]}}, "ema_state_dict.shadow: expected names with"),
        ({"ema_state_dict": 7}, "ema_state_dict: expected names"),
        ({"labels": {"tools": 5}}, "labels.tools: "),
    ],
)
def test_a_checkpoint_with_other_contents_is_refused(
    files: ModelFiles, run: RunFolder, changes: dict[str, Any], said: str
) -> None:
    path = run.path / "checkpoints" / "best.pt"
    save_atomically({**load_checkpoint(path), **changes}, path)
    assert said in refused(files, run.path)


def test_a_checkpoint_of_another_versions_configuration_can_be_looked_at(
    files: ModelFiles, run: RunFolder
) -> None:
    path = run.path / "checkpoints" / "best.pt"
    state = load_checkpoint(path)
    state["config"]["model"]["new_key"] = 1
    save_atomically(state, path)
    found = facts(files, path)
    assert found["config"]["model"]["new_key"] == 1
    assert found["run"] == str(run.path)
    with pytest.raises(CheckpointError, match="configuration is invalid"):
        files.open(path).predictor()


# --- vocabulary -----------------------------------------------------------------------------------


def test_the_vocabulary_has_every_piece(
    files: ModelFiles, run: RunFolder, dataset: TRMToolCallingDataset
) -> None:
    found = list_vocabulary(files, Listener(), str(run.path))
    size = dataset.tokenizer.vocab_size
    assert found.pieces == [dataset.tokenizer.piece(index) for index in range(size)]
    assert len(found.scores) == len(found.types) == size
    kinds = dict(zip(found.pieces, found.types, strict=True))
    assert kinds["<unk>"] == "unknown"
    assert kinds["<user>"] == kinds["<mask>"] == kinds["<pad>"] == "control"
    assert kinds["<0x41>"] == "byte"
    assert kinds["▁"] == "normal"
    assert found.types.count("byte") == 256


@pytest.mark.parametrize("kind", ["unigram", "bpe", "char", "word"])
def test_the_kind_of_a_tokenizer(tmp_path: Path, kind: str) -> None:
    import io

    import sentencepiece as spm

    model = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat", "the dog sat too"] * 20),
        model_writer=model,
        vocab_size=22,
        model_type=kind,
        hard_vocab_limit=False,
        use_all_vocab=kind in ("word", "char"),
        minloglevel=2,
    )
    assert model_type(model.getvalue()) == kind
