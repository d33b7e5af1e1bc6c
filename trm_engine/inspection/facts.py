"""The summary of a checkpoint, or of a file with weights only."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from trm_engine.config import Config
from trm_engine.inspection.files import ModelFile, ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.inspection.vocabulary import model_type
from trm_engine.models.trm import STARTS
from trm_engine.runs.best import score_saved


def describe_file(files: ModelFiles, job: Job, path: str) -> dict[str, Any]:
    """Everything about a file except its tensors. Unknown values are None.

    ``completed_by`` names the files that config, labels and tokenizer were taken from if the file
    has weights only. ``best`` is the best score of its run so far: metric, value, loss. ``run`` and
    ``data`` are the run folder and its validation samples, if they were found.
    """
    file = files.open(path)
    state = file.checkpoint
    best = score_saved(state)
    return {
        "path": str(file.path),
        "kind": file.kind,
        "format_version": state.get("format_version"),
        "step": state.get("global_step"),
        "epoch": state.get("epoch"),
        "saved": file.saved,
        "bytes": file.bytes,
        "parameters": sum(
            tensor.numel() for name, tensor in file.weights.items() if name not in STARTS
        ),
        "has_ema": bool(file.average),
        "metrics": state.get("metrics"),
        "best": asdict(best) if best else None,
        "config": state.get("config"),
        "defaults": Config().to_dict(),
        "labels": state.get("labels"),
        "tokenizer": _tokenizer_facts(file),
        "completed_by": file.completed_by,
        "run": str(file.run.path) if file.run else None,
        "data": str(file.judged_on) if file.judged_on else None,
    }


def _tokenizer_facts(file: ModelFile) -> dict[str, Any] | None:
    """Size and kind of the tokenizer, and whether it ignores case."""
    if "tokenizer" not in file.checkpoint:
        return None
    tokenizer = file.tokenizer
    return {
        "pieces": tokenizer.vocab_size,
        "kind": model_type(tokenizer.model_bytes),
        "folds_case": tokenizer.encode("A") == tokenizer.encode("a"),
        "fingerprint": tokenizer.fingerprint,
    }
