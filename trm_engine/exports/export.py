"""Export: write a model's folder with its proof and its card. It appears whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from msgspec import to_builtins

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import CheckpointError, DataError
from trm_engine.exports.card import card
from trm_engine.exports.folder import (
    CARD,
    PROOF,
    TOKENIZER,
    Kind,
    Manifest,
    is_exported,
    model_file,
)
from trm_engine.exports.onnx import write_graphs, write_int8_graphs
from trm_engine.exports.proof import Proof, prove
from trm_engine.exports.weights import write_weights
from trm_engine.files.jsonl import to_json
from trm_engine.inference.calibration import fitted_of
from trm_engine.inspection.files import ModelFile
from trm_engine.models.trm import TRMForToolCalling

WRITERS: dict[Kind, Callable[[Path, TRMForToolCalling], None]] = {
    "safetensors": write_weights,
    "onnx": write_graphs,
    "onnx-int8": write_int8_graphs,
}
SAMPLES = "samples.jsonl"
STAGES = 4
"""How often ``export`` tells what is done next."""

Tell = Callable[[str], None]


def export(
    checkpoint: Path,
    out: Path,
    kind: Kind,
    data: str | None = None,
    raw: bool = False,
    force: bool = False,
    tell: Tell = lambda what: None,
) -> Proof:
    """Export a checkpoint to the folder ``out``, and prove that it answers the same.

    Args:
        checkpoint: the file.
        out: a folder that does not exist; with ``force`` it may be an older export.
        kind: the format.
        data: samples to compare on; by default the validation samples of the run.
        raw: use the raw weights instead of their average.
        tell: told what is done next.

    Raises:
        CheckpointError: the checkpoint cannot be exported.
        DataError: there are no samples, or they cannot be read.
        OSError: the folder cannot be written.
        WorkerError: the export does not answer, or not the same.
    """
    _refuse_taken(out, force)
    with _copied(checkpoint) as copy:
        file = _opened(checkpoint, copy)
        predictor = file.predictor(raw)
        source = Path(data) if data is not None else file.judged_on
        if source is None:
            raise DataError(f"{checkpoint}: no validation samples found; --data FILE names some")
        tell("reading the samples")
        dataset = TRMToolCallingDataset.as_read_by(predictor, source)
        with _new_folder(out, force) as folder:
            tell("writing the model")
            WRITERS[kind](folder, predictor.model)
            (folder / TOKENIZER).write_bytes(file.checkpoint["tokenizer"])
            calibration = fitted_of(file.checkpoint, raw)
            manifest = Manifest.of({**file.checkpoint, "calibration": calibration}, kind)
            manifest.write(folder)
            dataset.written_to(folder / SAMPLES)
            proof = prove(copy, folder, kind, folder / SAMPLES, source.name, raw, tell)
            (folder / SAMPLES).unlink()
            parameters = sum(each.numel() for each in predictor.model.parameters())
            told = to_json(to_builtins(proof), indent=1) + "\n"
            (folder / PROOF).write_text(told, encoding="utf-8")
            (folder / CARD).write_text(card(manifest, proof, parameters), encoding="utf-8")
    return proof


@contextmanager
def _copied(checkpoint: Path) -> Iterator[Path]:
    """A copy of the file: a run that is live may write another one, while the export is proven."""
    if is_exported(checkpoint):  # it does not change
        yield checkpoint
        return
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / checkpoint.name
        try:
            shutil.copyfile(checkpoint, copy)
        except OSError as error:
            raise CheckpointError(f"{checkpoint}: cannot be read: {error.strerror}") from None
        yield copy


def _opened(checkpoint: Path, copy: Path) -> ModelFile:
    """What is in the copy. Raises CheckpointError, which names the checkpoint."""
    try:
        return ModelFile(checkpoint, "cpu", copy)
    except CheckpointError as error:
        raise CheckpointError(str(error).replace(str(copy), str(checkpoint))) from None


def _refuse_taken(out: Path, force: bool) -> None:
    if not os.path.lexists(out):
        return
    if model_file(out) is None:
        raise CheckpointError(f"{out}: exists already, and is no exported model")
    if not force:
        raise CheckpointError(f"{out}: exists already; --force replaces it")


@contextmanager
def _new_folder(out: Path, force: bool) -> Iterator[Path]:
    """A folder that takes the name ``out`` at the end of the ``with`` block."""
    beside = out.absolute().with_name(f".{out.name}.{os.getpid()}.new")
    beside.mkdir(parents=True)
    try:
        yield beside
        if force and out.exists():
            shutil.rmtree(out)
        os.rename(beside, out)
    finally:
        with suppress(OSError):
            shutil.rmtree(beside)
