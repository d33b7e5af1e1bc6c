"""Evaluation of a model on a file of samples: judged samples, metrics and the halting curve."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from trm_engine.data.dataset import TRMToolCallingDataset
from trm_engine.errors import DataError
from trm_engine.inspection.files import ModelFile, ModelFiles
from trm_engine.inspection.job import Job
from trm_engine.runs.schema.answers import FileEvaluation
from trm_engine.training.evaluate import Evaluator
from trm_engine.training.metrics import cheapest_halting, halting_curve


def evaluate(
    files: ModelFiles,
    job: Job,
    path: str,
    data: str | None = None,
    tools: str | None = None,
    batch_size: int = 32,
    raw: bool = False,
    halt_threshold: float | None = None,
    steps: int | None = None,
) -> FileEvaluation:
    """Evaluate on ``data``, or on the validation samples of the run.

    ``tools`` is a file with the tools of conversations that list none.

    Each part holds ``samples``: the judged samples of one batch (``Evaluator.judged``), short ones
    first. The metrics are those that ``trm-tui eval --json`` prints.
    """
    file = files.open(path)
    predictor = file.predictor(raw)
    source, on_error = _source(file, data)
    began = time.perf_counter()
    job.progress(f"reading {source.name}", 0.0)
    dataset = TRMToolCallingDataset.as_read_by(
        predictor, source, on_error=on_error, progress=job.progress, tools=tools
    )
    evaluator = Evaluator(predictor.model, dataset, steps, job.check, predictor.calibration)
    total = len(dataset)
    job.progress("evaluating", 0.0, done=0, total=total)
    for samples in evaluator.batches(batch_size):
        job.part(samples=evaluator.judged(samples))
        done = evaluator.finished
        job.progress("evaluating", done / total, done=done, total=total)
    evaluation = evaluator.evaluation(halt_threshold)
    curve = halting_curve(evaluator.truth, evaluator.answers)
    return FileEvaluation(
        metrics=evaluation,
        halting_curve=curve,
        cheapest_halting=cheapest_halting(curve, evaluation.exact_match),
        data=str(source.absolute()),
        seconds=round(time.perf_counter() - began, 2),
    )


def _source(file: ModelFile, data: str | None) -> tuple[Path, Literal["fail", "skip"]]:
    """The file of samples, and what to do on a bad line: for the run's own file, as in training."""
    if data is not None:
        return Path(data), "fail"
    if file.judged_on is None or file.config is None:
        raise DataError(f"{file.path}: no validation samples found; name a file of samples")
    return file.judged_on, file.config.data.on_error
