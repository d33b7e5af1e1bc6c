"""Checkpoints whose bytes have changed: they hold what was written, or they are refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch

from tests.inspected import Listener, finished_run
from tests.models import TRAINING, saved
from tests.mutations import flip, mutate
from tests.support import rounds
from trm_engine.checkpoints.file import (
    find_resumable,
    load_checkpoint,
    load_model_file,
    save_atomically,
)
from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import CheckpointError
from trm_engine.inference.predictor import Predictor
from trm_engine.inspection.facts import describe_file
from trm_engine.inspection.files import ModelFiles
from trm_engine.inspection.parameters import list_parameters
from trm_engine.runs.folder import RunFolder


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, dataset: TRMToolCallingDataset) -> RunFolder:
    """A run that is over."""
    return finished_run(tmp_path_factory.mktemp("damaged") / "run", dataset)


@pytest.fixture(scope="module")
def whole(run: RunFolder) -> bytes:
    """A checkpoint's bytes."""
    path = run.path / "checkpoints" / "best.pt"
    save_atomically({**load_checkpoint(path), **TRAINING}, path)
    return path.read_bytes()


def equal(one: Any, other: Any) -> bool:
    """Whether two files hold the same, to the last bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(other, torch.Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return bool(one == other)


def inspect(path: Path) -> None:
    files = ModelFiles("cpu")
    describe_file(files, Listener(), str(path))
    list_parameters(files, Listener(), str(path))


def resume(path: Path) -> None:
    find_resumable(path.parent)


READERS: dict[str, Callable[[Path], object]] = {
    "load": load_checkpoint,
    "predict": lambda path: Predictor.load(path, "cpu"),
    "inspect": inspect,
    "resume": resume,
}


@pytest.mark.parametrize("mutator", [flip, mutate])
def test_a_mutated_checkpoint_holds_the_same_or_is_refused(
    tmp_path: Path, mutator: Callable[[bytes, Random], bytes]
) -> None:
    """In a small file headers, directory and padding are hit as often as the contents."""
    good = load_checkpoint(saved(tmp_path / "last.pt", model_state_dict={"w": torch.ones(9)}))
    bytes_written = (tmp_path / "last.pt").read_bytes()
    path, refused = tmp_path / "mutated.pt", 0
    for seed in range(rounds(300)):
        path.write_bytes(mutator(bytes_written, Random(seed)))
        for mmap in (False, True):
            try:
                assert equal(load_model_file(path, mmap), good), seed
            except CheckpointError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused


@pytest.mark.parametrize("reader", READERS)
def test_zeros_in_any_tensor_are_refused_by_every_reader_which_names_it(
    whole: bytes, tmp_path: Path, reader: str
) -> None:
    path = tmp_path / "best.pt"
    path.write_bytes(whole)
    weights = load_model_file(path, mmap=True)["model_state_dict"]
    places = _places(path, weights)
    for name in (
        "embedding.tokens.weight",
        "core.layers.0.mlp.up.weight",
        "heads.pointers.keys.weight",
    ):
        name = next(each for each in weights if each.endswith(name))
        damaged = bytearray(whole)
        begin, size = places[name], min(4096, weights[name].nbytes)
        damaged[begin : begin + size] = bytes(size)
        path.write_bytes(damaged)
        notes: list[str] = []
        with pytest.raises(CheckpointError) as caught:
            if reader == "resume":
                find_resumable(path.parent, notes.append)
            READERS[reader](path)
        said = notes[0] if notes else str(caught.value)
        assert f"{path}: damaged: the data of '{name}' (model_state_dict) are not those" in said


def test_bare_weights_are_checked_too(run: RunFolder, tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    damaged = bytearray(run.model.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 4096] = bytes(4096)
    path.write_bytes(damaged)
    with pytest.raises(CheckpointError, match=r"damaged: the data of '[\w.]+' are not those that"):
        ModelFiles("cpu").open(path)


def test_resuming_says_what_it_passes_over(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    saved(folder / "step_1.pt", global_step=1)
    saved(folder / "step_2.pt", global_step=2, model_state_dict={"w": torch.tensor([1, 1e999])})
    last = saved(folder / "step_3.pt", global_step=3)
    damaged = bytearray(last.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    last.write_bytes(damaged)
    (folder / "step_4.pt").write_bytes(b"")
    notes: list[str] = []
    path, state = find_resumable(folder, notes.append)
    assert (path.name, state["global_step"]) == ("step_1.pt", 1)
    assert [note.split(": ")[:2] for note in notes] == [
        ["passed over", str(folder / f"step_{number}.pt")] for number in (4, 3, 2)
    ]
    assert "1 of 2 values of 'w' are NaN or infinite" in notes[-1]


def test_the_furthest_is_resumed_whatever_the_files_times_are(tmp_path: Path) -> None:
    for step in (5, 9, 7, 3):
        saved(tmp_path / f"step_{step}.pt", global_step=step)
    assert find_resumable(tmp_path)[1]["global_step"] == 9


def _places(path: Path, weights: dict[str, torch.Tensor]) -> dict[str, int]:
    """Where each tensor's bytes begin in a file."""
    data = path.read_bytes()
    found = {}
    for name, tensor in weights.items():
        stored = tensor.contiguous().view(-1).view(torch.uint8).numpy().tobytes()
        found[name] = data.index(stored)
    return found
