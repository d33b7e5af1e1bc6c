"""Backend: what a model runs on. Torch is imported only for a model that needs it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from trm_engine.checkpoints.parts import Checkpoint
from trm_engine.config import TRMConfig
from trm_engine.data.catalogue_tokens import CatalogueTokens
from trm_engine.errors import CheckpointError
from trm_engine.inference.decoding import Logits
from trm_engine.inference.onnx_model import OnnxModel
from trm_engine.inference.readings import Readings

NO_TORCH = (
    "needs PyTorch, which is not installed: pip install trm-tui, or use the folder that "
    "`trm-tui export --format onnx` writes"
)


class Backend(Protocol):
    """Runs a model; arrays go in and come out."""

    def read(self, catalogue: CatalogueTokens) -> Readings:
        """Read a catalogue."""
        ...

    def steps(
        self, readings: Readings, batch: Mapping[str, np.ndarray], steps: int
    ) -> Iterator[Logits]:
        """The logits of supervision steps 1, 2, ... for conversations, given as ``INPUTS``."""
        ...


def backend_of(
    checkpoint: Checkpoint,
    config: TRMConfig,
    device: str,
    raw: bool,
    graphs: Path | None,
    threads: int | None,
) -> Backend:
    """What runs a checkpoint's model: onnxruntime for a folder of ``graphs``, else torch.

    Raises:
        CheckpointError: the weights do not fit, or a package is missing.
    """
    if graphs:
        return OnnxModel(graphs, config, threads or 1)
    try:
        from trm_engine.inference.torch_model import TorchModel
    except ModuleNotFoundError as error:
        raise CheckpointError(NO_TORCH) from error
    return TorchModel(checkpoint, config, device, raw, threads)


def read_checkpoint(path: Path) -> Checkpoint:
    """``load_checkpoint``. Raises CheckpointError also if torch is missing."""
    try:
        from trm_engine.checkpoints.file import load_checkpoint
    except ModuleNotFoundError as error:
        raise CheckpointError(f"{path}: {NO_TORCH}") from error
    return load_checkpoint(path)
