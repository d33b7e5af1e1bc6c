"""Weights of an exported model: written to and read from safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import Tensor, nn

from trm_engine.errors import CheckpointError
from trm_engine.exports.folder import GRAPHS_ONLY_ANSWER, NEEDS, WEIGHTS, read_manifest


def write_weights(folder: Path, model: nn.Module) -> None:
    """Write the weights of a model as they are in it.

    Raises:
        CheckpointError: the package safetensors is missing.
    """
    try:
        from safetensors.torch import save_file
    except ModuleNotFoundError as error:
        raise CheckpointError(NEEDS.format(error.name)) from None
    save_file(model.state_dict(), folder / WEIGHTS, metadata={"format": "pt"})


def read_exported(path: Path) -> dict[str, Any]:
    """An exported model as the checkpoint that it was made from, as far as inference needs it.

    Raises:
        CheckpointError: a file of the folder is missing, damaged or of another version.
    """
    manifest = read_manifest(path.parent)
    if manifest.kind != "safetensors":
        raise CheckpointError(f"{path}: {GRAPHS_ONLY_ANSWER}")
    weights = _read(path.parent / WEIGHTS)
    return {**manifest.checkpoint(path.parent), "model_state_dict": weights}


def _read(path: Path) -> dict[str, Tensor]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ModuleNotFoundError as error:
        raise CheckpointError(NEEDS.format(error.name)) from None
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(f"{path}: damaged: {str(error)[:200]}") from None
