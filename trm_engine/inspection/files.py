"""ModelFiles: the checkpoints that are asked about, each read once and kept."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from trm_engine.checkpoints.contents import check_average
from trm_engine.checkpoints.file import (
    Checkpoint,
    Weights,
    is_weights,
    load_checkpoint,
    load_model_file,
    token_limits,
)
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
    """Opens files, and keeps those that were asked for last, with their models.

    Args:
        device: where models run: "auto", "cpu", "cuda", ...
    """

    def __init__(self, device: str = "auto") -> None:
        self.device = device
        self._kept: OrderedDict[tuple[Path, int, int], ModelFile] = OrderedDict()

    def open(self, path: str | Path) -> ModelFile:
        """The file at ``path``, or the best checkpoint of the run's folder there.

        Raises:
            CheckpointError: there is none, or it cannot be used.
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
    """A checkpoint, or weights alone, completed by what stands beside them.

    Tensors stay in the file until they are used. ``completed_by`` names the files that gave a bare
    model its config, labels and tokenizer; what nothing gave is missing from ``checkpoint``.
    """

    def __init__(self, path: Path, device: str = "auto") -> None:
        state = load_model_file(path, mmap=True)
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
        """The configuration; None if there is none, or another version's."""
        try:
            return Config.model_validate(self.checkpoint["config"])
        except (KeyError, ValueError):
            return None

    @cached_property
    def tokenizer(self) -> TRMTokenizer:
        """The tokenizer; raises CheckpointError if there is none."""
        return TRMTokenizer(self._part("tokenizer"))

    @property
    def token_limits(self) -> Limits:
        """Tokens read of a conversation and of a tool turn; raises CheckpointError if unknown."""
        return token_limits(self._part("config"))

    @cached_property
    def run(self) -> RunFolder | None:
        """The run that the file comes from, if it is here."""
        return find_run(self.path, self.config)

    @property
    def judged_on(self) -> Path | None:
        """The samples that its run is judged on, if they are here."""
        given = self.config.data.val_data if self.config else None
        own = self.run.validation if self.run else None
        path = Path(given) if given else own
        return path if path and path.is_file() else None

    def predictor(self, raw: bool = False) -> Predictor:
        """The model, with averaged weights where there are any, or with the raw ones.

        Raises:
            CheckpointError: the file cannot predict.
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
                f"{self.path}: holds weights only, and no {name} stands beside it; a run's "
                f"checkpoints folder has self-contained files (best.pt, last.pt)"
            )
        return self.checkpoint[name]


def _average(checkpoint: Checkpoint) -> Weights:
    """The averaged weights by name; none if no average was kept."""
    ema = checkpoint.get("ema_state_dict")
    return ema["shadow"] if ema else {}


def _complete(path: Path, weights: Weights) -> tuple[Checkpoint, dict[str, str]]:
    """Bare weights as a checkpoint, as far as the run's folder that they lie in allows."""
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
    """What a checkpoint of the same run knows about all of them."""
    with suppress(UserError):  # a broken file beside is no reason not to show this one
        checkpoints = run.checkpoints(run.read_config())
        for name in COMPANIONS:
            with suppress(CheckpointError):
                other = load_checkpoint(checkpoints / name)
                parts = {part: other[part] for part in SHARED}
                return parts, dict.fromkeys(SHARED, str(checkpoints / name))
    return {}, {}


def _refuse_foreign(file: ModelFile) -> None:
    """What can be looked at: weights of our model, their average, and labels that are some."""
    path, weights = file.path, file.weights
    if not set(STARTS) <= weights.keys():
        raise CheckpointError(f"{path}: weights of another model ({', '.join([*weights][:3])})")
    try:
        check_average(file.average, weights)
        if "labels" in file.checkpoint:
            Labels.from_dict(file.checkpoint["labels"])
    except ValueError as error:
        raise CheckpointError(f"{path}: not a checkpoint of trm-tui: {error}") from None
