"""ModelFiles: an LRU cache of opened checkpoints and their models."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from trm_engine.checkpoints.contents import check_average
from trm_engine.checkpoints.file import (
    Weights,
    is_weights,
    load_checkpoint,
    load_model_file,
)
from trm_engine.checkpoints.parts import Checkpoint, token_limits
from trm_engine.config import Config
from trm_engine.data.labels import Labels
from trm_engine.data.tokenizer import Limits, TRMTokenizer
from trm_engine.errors import CheckpointError, UserError
from trm_engine.inference.predictor import Predictor
from trm_engine.models.trm import STARTS
from trm_engine.runs.folder import RunFolder, find_checkpoint, find_run

KEPT_FILES = 4
COMPANIONS = ("last.pt", "best.pt")
SHARED = ("config", "labels", "tokenizer")
"""Parts of a checkpoint that all checkpoints of a run share."""


class ModelFiles:
    """Opens files, and keeps the most recently used ones and their models in memory.

    Args:
        device: where models run: "auto", "cpu", "cuda", ...
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._kept: OrderedDict[tuple[Path, int, int], ModelFile] = OrderedDict()

    def open(self, path: str | Path) -> ModelFile:
        """The file at ``path``, or the best checkpoint if ``path`` is a run folder.

        Raises:
            CheckpointError: the file is missing or cannot be used.
        """
        found = find_checkpoint(Path(path)).absolute()
        status = found.stat()
        key = (found, status.st_mtime_ns, status.st_size)
        if key not in self._kept:
            self._kept[key] = ModelFile(found, self.device)
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT_FILES:
            self._kept.popitem(last=False)
        return self._kept[key]


class ModelFile:
    """A checkpoint, or a file with weights only, completed from the files of its run folder.

    Tensors stay on disk (mmap) until they are used. If the file has weights only, ``completed_by``
    names the files that config, labels and tokenizer were taken from. A part that was not found is
    missing from ``checkpoint``. ``copy`` is a copy of the file that is read in its place.
    """

    def __init__(self, path: Path, device: str = "auto", copy: Path | None = None) -> None:
        state = load_model_file(copy or path, mmap=True)
        status = path.stat()
        self.path = path
        self.bytes = status.st_size
        self.saved = status.st_mtime
        self.kind: Literal["checkpoint", "weights"] = "checkpoint"
        self.checkpoint = state
        self.completed_by: dict[str, str] = {}
        if is_weights(state):
            self.kind = "weights"
            self.checkpoint, self.completed_by = _complete(path, state)
        self.weights: Weights = self.checkpoint["model_state_dict"]
        self.average: Weights = _average(self.checkpoint)
        _refuse_foreign(self)
        self._device = device
        self._predictors: dict[bool, Predictor] = {}

    @cached_property
    def config(self) -> Config | None:
        """The configuration; None if it is missing or from another version."""
        try:
            return Config.model_validate(self.checkpoint["config"])
        except (KeyError, ValueError):
            return None

    @cached_property
    def tokenizer(self) -> TRMTokenizer:
        """The tokenizer. Raises CheckpointError if there is none."""
        return TRMTokenizer(self._part("tokenizer"))

    @property
    def token_limits(self) -> Limits:
        """Most tokens of a conversation and of a tool turn. Raises CheckpointError if unknown."""
        return token_limits(self._part("config"))

    @cached_property
    def run(self) -> RunFolder | None:
        """The run that the file comes from, if it was found."""
        return find_run(self.path, self.config)

    @property
    def judged_on(self) -> Path | None:
        """The validation samples of the run, if they were found."""
        own = self.run.validation if self.run else None
        given = self.config.data.val_data if self.config else None
        paths = [own, Path(given) if given else None]
        return next((path for path in paths if path and path.is_file()), None)

    def predictor(self, raw: bool = False) -> Predictor:
        """The model with averaged weights; with raw weights if ``raw`` or if no average was kept.

        Raises:
            CheckpointError: the model cannot be built from the file.
        """
        raw = raw or not self.average
        if raw not in self._predictors:
            for part in SHARED:
                self._part(part)
            self._predictors[raw] = Predictor.of_file(self.path, self.checkpoint, self._device, raw)
        return self._predictors[raw]

    def _part(self, name: str) -> Any:
        if name not in self.checkpoint:
            raise CheckpointError(
                f"{self.path}: has weights only, and its folder has no {name}; the checkpoints "
                f"folder of a run has self-contained files (best.pt, last.pt)"
            )
        return self.checkpoint[name]


def _average(checkpoint: Checkpoint) -> Weights:
    """The averaged weights by name; empty if no average was kept."""
    ema = checkpoint.get("ema_state_dict")
    return ema["shadow"] if ema else {}


def _complete(path: Path, weights: Weights) -> tuple[Checkpoint, dict[str, str]]:
    """Make a checkpoint of weights, with config, labels and tokenizer from their run folder."""
    run = RunFolder(path.parent)
    parts, sources = _companion(run)
    if "config" not in parts and run.exists():
        with suppress(UserError):
            parts["config"] = run.read_config().to_dict()
            sources["config"] = str(run.config)
    if "tokenizer" not in parts and run.tokenizer.is_file():
        parts["tokenizer"] = run.tokenizer.read_bytes()
        sources["tokenizer"] = str(run.tokenizer)
    return {**parts, "model_state_dict": weights}, sources


def _companion(run: RunFolder) -> tuple[Checkpoint, dict[str, str]]:
    """The shared parts from another checkpoint of the run, and where each one comes from."""
    with suppress(UserError):  # a damaged neighbour must not hide this file
        checkpoints = run.checkpoints(run.read_config())
        for name in COMPANIONS:
            with suppress(CheckpointError):
                other = load_checkpoint(checkpoints / name)
                parts = {part: other[part] for part in SHARED}
                if name == COMPANIONS[0]:  # weights alone are those of the run's end
                    parts["calibration"] = other.get("calibration")
                return parts, dict.fromkeys(SHARED, str(checkpoints / name))
    return {}, {}


def _refuse_foreign(file: ModelFile) -> None:
    """Raise CheckpointError unless weights, average and labels are those of our model."""
    path, weights = file.path, file.weights
    if not set(STARTS) <= weights.keys():
        raise CheckpointError(f"{path}: weights of another model ({', '.join([*weights][:3])})")
    try:
        check_average(file.average, weights)
        if "labels" in file.checkpoint:
            Labels.from_dict(file.checkpoint["labels"])
    except ValueError as error:
        raise CheckpointError(f"{path}: not a checkpoint of trm-tui: {error}") from None
