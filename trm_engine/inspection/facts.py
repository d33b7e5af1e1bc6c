"""The summary of a checkpoint, or of a file with weights only."""

from __future__ import annotations

from trm_engine.config import Config
from trm_engine.inspection.files import ModelFile, ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.inspection.vocabulary import model_type
from trm_engine.models.trm import NOT_TRAINED
from trm_engine.runs.best import score_saved
from trm_engine.runs.schema.model_file import ModelSummary, TokenizerSummary


def describe_file(files: ModelFiles, job: Job, path: str) -> ModelSummary:
    """Everything about a file except its tensors."""
    file = files.open(path)
    state = file.checkpoint
    learnt = (tensor for name, tensor in file.weights.items() if name not in NOT_TRAINED)
    return ModelSummary(
        path=str(file.path),
        kind=file.kind,
        format_version=state.get("format_version"),
        step=state.get("global_step"),
        epoch=state.get("epoch"),
        saved=file.saved,
        bytes=file.bytes,
        parameters=sum(tensor.numel() for tensor in learnt),
        has_ema=bool(file.average),
        metrics=state.get("metrics"),
        best=score_saved(state),
        config=state.get("config"),
        defaults=Config().to_dict(),
        labels=state.get("labels"),
        tokenizer=_tokenizer_summary(file),
        completed_by=file.completed_by,
        run=str(file.run.path) if file.run else None,
        data=str(file.judged_on) if file.judged_on else None,
    )


def _tokenizer_summary(file: ModelFile) -> TokenizerSummary | None:
    if "tokenizer" not in file.checkpoint:
        return None
    tokenizer = file.tokenizer
    return TokenizerSummary(
        pieces=tokenizer.vocab_size,
        kind=model_type(tokenizer.model_bytes),
        folds_case=tokenizer.encode("A") == tokenizer.encode("a"),
        fingerprint=tokenizer.fingerprint,
    )
