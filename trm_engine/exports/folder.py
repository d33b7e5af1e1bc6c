"""The folder of an exported model: what is in it, and whether it is what was written.

config.json         what the model is, and the checksums of the other files
model.safetensors   the weights, or the graphs read.onnx, offer.onnx and step.onnx
tokenizer.model     the SentencePiece model
README.md           the model card
proof.json          how its answers compare with those of the checkpoint
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from trm_engine.errors import CheckpointError
from trm_engine.files import strict_json
from trm_engine.files.jsonl import to_json

CONFIG = "config.json"
TOKENIZER = "tokenizer.model"
CARD = "README.md"
PROOF = "proof.json"
WEIGHTS = "model.safetensors"
READ, OFFER, STEP, GRAPH_WEIGHTS = "read.onnx", "offer.onnx", "step.onnx", "weights.bin"

VERSION = 4
NEEDS = "exported models need more packages: pip install 'trm-tui[export]' ({} is missing)"
GRAPHS_ONLY_ANSWER = (
    "exported as graphs for onnxruntime, which predict and can be served; this needs a checkpoint, "
    "or an export in the format safetensors"
)
OTHER_VERSION = "made by another trm-tui (export {}, this one reads export {})"
AGAIN = "export the model again, or copy the folder again"

Kind = Literal["safetensors", "onnx", "onnx-int8"]
MODEL_FILES: dict[Kind, tuple[str, ...]] = {
    "safetensors": (WEIGHTS,),
    "onnx": (STEP, OFFER, READ, GRAPH_WEIGHTS),
    "onnx-int8": (STEP, OFFER, READ, GRAPH_WEIGHTS),
}
"""The files of the model itself; the first one stands for the folder."""


class Part(BaseModel):
    """A file of the folder as it was written."""

    model_config = ConfigDict(strict=True, extra="ignore", defer_build=True)

    bytes: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What config.json says. ``model_type`` and ``architectures`` are for model hubs.

    ``model``, ``data``, ``labels``, ``calibration``, ``metrics``, ``global_step`` and ``epoch`` are
    those of a checkpoint of ``format_version``, without texts of conversations and paths.
    """

    model_config = ConfigDict(
        strict=True, extra="ignore", protected_namespaces=(), defer_build=True
    )

    format: Literal["trm-tui export"] = "trm-tui export"
    export_version: int = VERSION
    kind: Kind
    model_type: str = "trm"
    architectures: list[str] = ["TRMForToolCalling"]
    format_version: int
    global_step: int
    epoch: int
    model: dict[str, Any]
    data: dict[str, Any]
    labels: dict[str, Any]
    calibration: dict[str, Any] | None = None
    metrics: dict[str, Any] | None = None
    files: dict[str, Part] = {}

    @classmethod
    def of(cls, checkpoint: dict[str, Any], kind: Kind) -> Self:
        """That of a checkpoint, without the files."""
        config, limits = checkpoint["config"], ("max_length", "max_tool_tokens")
        return cls(
            kind=kind,
            format_version=checkpoint["format_version"],
            global_step=checkpoint["global_step"],
            epoch=checkpoint.get("epoch", 0),
            model=config["model"],
            data={name: config["data"][name] for name in limits if name in config["data"]},
            labels=checkpoint["labels"],
            calibration=checkpoint.get("calibration"),
            metrics=without_texts(checkpoint.get("metrics")),
        )

    def checkpoint(self, folder: Path) -> dict[str, Any]:
        """What a checkpoint says besides its weights."""
        return {
            "format_version": self.format_version,
            "global_step": self.global_step,
            "epoch": self.epoch,
            "config": {"model": self.model, "data": self.data},
            "labels": self.labels,
            "calibration": self.calibration,
            "metrics": self.metrics,
            "tokenizer": (folder / TOKENIZER).read_bytes(),
        }

    def write(self, folder: Path) -> None:
        """Note the checksums of the files that the model needs, and write config.json."""
        names = (*MODEL_FILES[self.kind], TOKENIZER)
        self.files = {name: _part(folder / name) for name in names}
        (folder / CONFIG).write_text(to_json(self.model_dump(), indent=1) + "\n", encoding="utf-8")


def without_texts(metrics: dict[str, Any] | None) -> dict[str, Any] | None:
    """The figures of an evaluation without its samples, which quote conversations."""
    if not metrics:
        return None
    return {name: value for name, value in metrics.items() if name not in ("worst", "shown")}


def model_file(folder: Path) -> Path | None:
    """The file that stands for an exported model; None if the folder holds none."""
    if not (folder / CONFIG).is_file():
        return None
    return next((folder / name for name in (WEIGHTS, STEP) if (folder / name).is_file()), None)


def is_graph(path: Path) -> bool:
    """Whether a file is a graph of an exported model, by its name."""
    return path.name in (STEP, OFFER, READ)


def is_exported(path: Path) -> bool:
    """Whether a file is one of an exported model, by its name."""
    return path.name == WEIGHTS or is_graph(path)


def read_manifest(folder: Path) -> Manifest:
    """What is in a folder, after all its files are checked.

    Raises:
        CheckpointError: a file is missing, damaged or of another version. The message names it.
    """
    path = folder / CONFIG
    try:
        values = strict_json.parse(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and values.get("export_version", VERSION) != VERSION:
            told = OTHER_VERSION.format(values["export_version"], VERSION)
            raise CheckpointError(f"{path}: {told[:200]}")
        manifest = Manifest.model_validate(values)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing; {AGAIN}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    except ValidationError as error:
        problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
        where = ".".join(map(str, problem["loc"]))[:100]
        raise CheckpointError(f"{path}: no exported model: {where}: {problem['msg']}") from None
    except (ValueError, RecursionError):  # no UTF-8, no JSON
        raise CheckpointError(f"{path}: damaged: it is no JSON; {AGAIN}") from None
    for name in (*MODEL_FILES[manifest.kind], TOKENIZER):
        _check(folder / name, manifest.files.get(name))
    return manifest


def _check(path: Path, expected: Part | None) -> None:
    if expected is None:
        raise CheckpointError(f"{path}: {CONFIG} has no checksum of it; {AGAIN}")
    try:
        found = _part(path)
    except FileNotFoundError:
        raise CheckpointError(f"{path}: missing; {AGAIN}") from None
    except OSError as error:
        raise CheckpointError(f"{path}: cannot be read: {error.strerror}") from None
    if found.bytes != expected.bytes:
        sizes = f"{found.bytes:,} bytes instead of {expected.bytes:,}"
        raise CheckpointError(f"{path}: damaged: {sizes}; {AGAIN}")
    if found != expected:
        raise CheckpointError(f"{path}: damaged: not what was written; {AGAIN}")


def _part(path: Path) -> Part:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Part(bytes=file.tell(), sha256=digest)
